"""Element types for object arrays: they run the source of a layer in another arithmetic.

=============  ======================================================  ===========================
elements       how to make arrays of them                              what a layer then computes
=============  ======================================================  ===========================
`Rational`     `rationals`                                             the exact value
`Polynomial`   `variables`                                             a formula, hence a proof
`Dual`         `dual_variables`, read by `derivative` and `gradient`   the exact derivative
`MaxPlus`      `max_plus`                                              a maximum in place of a sum
`Logarithm`    ±ln q for any exact q                                   exact σ and tanh at ±ln q
`Degree`       from a numerator's and a denominator's degree           the degree of its formula
Decimal        `decimals`, inside `fifty_digits`                       the value to 50 digits
=============  ======================================================  ===========================

An element type of your own must offer:

- ``zero()``, the additive zero of its arithmetic, and ``constant(value)``, the element with the
  exact value of an int, a float or a Fraction. nnref never writes its own 0 into an array.
- ``+`` and ``*`` between elements, and as much of ``-``, ``/`` and ``**`` as the layers use; the
  same with an int on either side. (`MaxPlus` refuses ints, because their meaning is not clear.)
- ``NotImplemented`` from an operator for anything else, above all for floats: exactness must not
  leak away.
- ``==`` and ``hash`` that agree. Layers that choose a branch, such as relu and max pooling, also
  need ``< <= > >=``, which must accept ``float("-inf")``.
- methods ``sqrt()``, ``exp()``, ``expm1()`` and ``log()`` where the functions exist: NumPy's
  functions of the same names call them.

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
