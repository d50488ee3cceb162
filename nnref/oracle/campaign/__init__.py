"""All rows of a target: here, in child processes, or on a cluster."""
