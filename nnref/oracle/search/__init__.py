"""From a target's function to its failures: visit cases, shrink what fails."""
