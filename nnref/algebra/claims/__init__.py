"""The registry of claims, one file per family. `prove` settles each claim."""

from __future__ import annotations

from ..claim import Claim
from . import activations, branches, composition, folds, gradients, neighbours, pooling

__all__ = ["claims"]

claims: dict[str, Claim] = {
    claim.name: claim
    for family in (folds, composition, neighbours, pooling, branches, activations, gradients)
    for claim in vars(family).values()
    if isinstance(claim, Claim)
}
