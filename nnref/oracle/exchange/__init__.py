"""Cases and results as files, and programs of any language as targets."""
