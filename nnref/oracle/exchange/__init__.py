"""Cases and results as files, and programs in any language as targets."""
