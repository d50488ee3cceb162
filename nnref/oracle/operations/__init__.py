"""What the oracle knows of each operation: its fields, its arrays and options, its results, how nnref computes it."""
