"""Element types for object arrays: run the source of a layer over another arithmetic.

=============  ======================================================  ========================
elements       arrays of them                                          the layer then gives
=============  ======================================================  ========================
`Rational`     `rationals`                                             the exact value
`Polynomial`   `variables`                                             a formula: a proof
`Dual`         `dual_variables`, read by `derivative` and `gradient`   the exact derivative
`MaxPlus`      `max_plus`                                              max where it says ``+``
`Logarithm`    of any exact q                                          exact σ and tanh, at ±ln q
`Degree`       of a numerator and a denominator                        the degree of its formula
Decimal        `decimals`, inside `fifty_digits`                       the value to 50 digits
=============  ======================================================  ========================

What an element type must offer, for one of your own:

- ``zero()``, the additive zero of its arithmetic, and ``constant(value)``, the element with the
  exact value of an int, a float or a Fraction. nnref never writes a 0 of its own into an array.
- ``+`` and ``*`` among elements, as much of ``-``, ``/`` and ``**`` as the layers in question use,
  and the same with an int on either side (but for `MaxPlus`, where an int has no clear meaning).
- ``NotImplemented`` from an operator for all else, floats above all: exactness must not leak away.
- ``==`` and ``hash`` that agree; for layers that choose a branch, such as relu and max pooling,
  also ``< <= > >=``, with ``float("-inf")`` too.
- methods ``sqrt()``, ``exp()``, ``expm1()``, ``log()`` where they exist: NumPy's functions of
  those names call them.

>>> import numpy as np
>>> x, w = variables("x", 2), variables("w", 2)
>>> np.sum(x * w) / 2
1/2*w[0]*x[0] + 1/2*w[1]*x[1]
"""

from __future__ import annotations

from .decimals import decimal, decimals, expm1, fifty_digits, log1p
from .degree import Degree
from .dual import Dual
from .gradients import derivative, dual_variables, gradient
from .logarithm import Logarithm
from .max_plus import MaxPlus, max_plus
from .polynomial import Polynomial, variables
from .rational import Rational, rational, rationals

__all__ = [
    "Degree",
    "Dual",
    "Logarithm",
    "MaxPlus",
    "Polynomial",
    "Rational",
    "decimal",
    "decimals",
    "derivative",
    "dual_variables",
    "expm1",
    "fifty_digits",
    "gradient",
    "log1p",
    "max_plus",
    "rational",
    "rationals",
    "variables",
]
