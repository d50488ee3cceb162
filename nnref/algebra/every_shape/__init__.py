"""Proofs for every shape: laws run on tensors whose sizes and options are symbols. It needs z3, the extra "proofs"."""

from .formulas import formula
from .lemmas import LEMMAS, Lemma, Proved, prove_lemma
from .method import EveryShape, prove_every_shape, settled
from .solver import Obligation, Refused, Solver

__all__ = [
    "LEMMAS",
    "EveryShape",
    "Lemma",
    "Obligation",
    "Proved",
    "Refused",
    "Solver",
    "formula",
    "prove_every_shape",
    "prove_lemma",
    "settled",
]
