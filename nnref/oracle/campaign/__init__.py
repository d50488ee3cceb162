"""Campaigns: all rows of a target, in this process, in child processes or on a cluster."""
