"""New bugs, by somebody who has not seen the oracle's cases; they are not in BUGS. One file for each family."""

from . import new_layouts, new_networks, new_pads, new_sizes, new_small, new_state, new_values
from .new_registry import NEW, NEW_BUGS, NewBug

__all__ = [
    "NEW",
    "NEW_BUGS",
    "NewBug",
    "new_layouts",
    "new_networks",
    "new_pads",
    "new_sizes",
    "new_small",
    "new_state",
    "new_values",
]
