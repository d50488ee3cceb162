"""Which layers are convolutions: reductions from layers to layers, and claims about them, proved or refuted."""

from .claim import Certificate, Claim, Refutation
from .claims import claims
from .proving import find, prove, verify

