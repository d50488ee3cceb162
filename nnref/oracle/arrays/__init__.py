"""From a case to its arrays: numbers by mode and seed, special values, and the memory layout."""
