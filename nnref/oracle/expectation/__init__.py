"""The exact result of a case, and the bound that a target's declaration allows."""
