"""Rounding-error bounds: how far from the exact value a correct implementation may be.

There is one file per family of layers. A bound has the signature of its layer plus a `Precision`. For every result it
gives an `Allowance`: the elementwise bound, and the magnitude that no intermediate result exceeds. Nothing here is
tuned. Every bound is derived in its docstring, in the model of Higham, Accuracy and Stability of Numerical Algorithms
(2nd ed., SIAM 2002), chapters 2 and 3: fl(a ∘ b) = (a ∘ b)(1 + δ), |δ| ≤ u, and a product of k such factors is 1 + θ
with |θ| ≤ γ_k = ku/(1 − ku).
"""

from .rounding import Allowance, Format, Precision, format_of, gamma

__all__ = ["Allowance", "Format", "Precision", "format_of", "gamma"]
