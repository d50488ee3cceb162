"""A bug: a wrong implementation, made of the right one; and the list of all of them."""

import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnref.oracle.dtypes import dtype_of
from nnref.oracle.targets.resolve import resolve

BF16 = dtype_of("bfloat16")
RIGHT = resolve("nnref")


@dataclass(frozen=True)
class Bug:
    name: str
    op: str
    direction: str
    function: Callable[..., Any]
    dtype: str = "float32"
    hides: bool = False
    hints: tuple[str, ...] = ()
    right_if: Mapping[str, str] = field(default_factory=dict)
    around: Callable[..., Any] | None = None  # the same; its first argument is the function that it goes around


BUGS: list[Bug] = []


def bug(
    target: str,
    *,
    dtype: str = "float32",
    hides: bool = False,
    hint: str | tuple[str, ...] = (),
    right_if: Mapping[str, str] | None = None,
) -> Callable[[Any], Any]:
    """Register a wrong implementation of "op" or "op_backward"; its first argument is the right one.

    `hides` says that it shows on large inputs alone; `hint`, in which words the oracle says what it is, one of several
    or none, where any would be false; `right_if`, what a target would have to declare for it to be right.
    """
    hints = (hint,) if isinstance(hint, str) else hint
    op = target.removesuffix("_backward")
    direction = "backward" if target != op else "forward"
    right = getattr(RIGHT, target)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*arrays: Any, **options: Any) -> Any:
            return function(right, *arrays, **options)

        name = f"{target}: {function.__name__.replace('_', ' ')}"
        BUGS.append(Bug(name, op, direction, wrong, dtype, hides, hints, right_if or {}, function))
        return function

    return register


def rounded(array, bits):
    """To so many bits of significand."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent).astype(array.dtype)


def run_script(source, function):
    """Run the script of a failure on a function of a package; what it leaves behind is put back."""
    (name,) = re.findall(r"from your_package import (\w+)", source)
    package = types.ModuleType("your_package")
    setattr(package, name, function)
    errors, random = np.geterr(), np.random.get_state()
    sys.modules["your_package"] = package
    try:
        with np.errstate(all="ignore"):
            exec(source, {})
    finally:
        del sys.modules["your_package"]
        np.seterr(**errors)
        np.random.set_state(random)
