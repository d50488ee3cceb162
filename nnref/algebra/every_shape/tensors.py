"""Arrays whose shape is symbolic: what layers ask of NumPy's arrays, on values in index notation.

A `Tensor` refers to a `Value`, as an array refers to memory. Reading it takes the value that it has at that moment, and
writing gives it another one. A view reads and writes the array that it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arithmetic import Polynomial, rational
from ...errors import ShapeError
from .integers import Int, current, number
from .loops import Effect
from .selection import Selection, selected
from .solver import Guard, Refused
from .terms import INVERSE, Term, constant, divided, simplified, sole
from .values import Axis, Value, axis_of, extent, joined, scalar

__all__ = ["Ratio", "Tensor", "as_value", "einsum", "filled", "leaf", "matmul", "outer"]


class Element:
    """Tells the arithmetic of a tensor's elements, see `nnref.numeric`."""

    def zero(self) -> int:
        """The additive zero."""
        return 0

    def constant(self, value: Any) -> Any:
        """`value`, exactly."""
        return value if isinstance(value, Ratio) else rational(value)

    def __add__(self, other: Any) -> Element:
        return self


class Zeros:
    """Which elements of a tensor are 0: none, as the path then states."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def any(self) -> bool:
        """False, from here on an assumption, if every element is a product of unknowns."""
        value = self.tensor.value
        index = tuple(tuple(Polynomial.variable(current().fresh("i")) for _ in axis) for axis in value.axes)
        product = _inverse_of_product(value.at(index))
        current().not_zero.append(" · ".join(name.removeprefix(INVERSE) for name, _ in product.factors))
        return False


class Ratio:
    """A fraction of symbolic integers."""

    def __init__(self, above: Any, below: Any) -> None:
        self.above, self.below = above, below


class Tensor:
    """An array, or a view of one: of `base` what `selection` selects."""

    dtype, itemsize = np.dtype(object), 8
    __array_ufunc__ = None  # NumPy leaves operators to the tensor

    def __init__(self, value: Value) -> None:
        self._value, self.depth = value, len(current().loops)
        self.base: Tensor | None = None
        self.key: Any = None
        self.selection: Selection | None = None
        self.shared = False  # whether another tensor shows the same memory in another shape; then it may not be written

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Refused("a function of NumPy that is not modelled")

    @property
    def value(self) -> Value:
        """The value at this moment."""
        if self.base is not None and self.selection is not None:
            return self.selection.read(self.base.value)
        if any(id(self) in loop.written for loop in current().loops):
            raise Refused("an array that is read in a loop that writes it")
        return self._value

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes, which are known even where the value may not be read."""
        return self._value.axes if self.selection is None else self.selection.axes

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents."""
        return tuple(number(extent(axis)) for axis in self.axes)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.axes)

    @property
    def size(self) -> Any:
        """The number of elements."""
        total: Any = 1
        for n in self.shape:
            total = total * n
        return total

    @property
    def flat(self) -> list[Any]:
        """One element, which tells the arithmetic."""
        return [Element()]

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return self.transpose(*reversed(range(self.ndim)))

    def copy(self) -> Tensor:
        """An array with the same value."""
        return Tensor(self.value)

    __copy__ = copy

    def __deepcopy__(self, _: Any) -> Tensor:
        return self.copy()

    def astype(self, *_: Any, **__: Any) -> Tensor:
        """A copy."""
        return self.copy()

    def __len__(self) -> int:
        raise Refused("the length of a tensor outside of the sources that run symbolically")

    def __bool__(self) -> bool:
        raise Refused("the truth of a tensor")

    def __eq__(self, other: object) -> Any:
        if isinstance(other, int) and other == 0:
            return Zeros(self)
        raise Refused("a comparison of elements")

    def __ne__(self, other: object) -> Any:
        raise Refused("a comparison of elements")

    __lt__ = __le__ = __gt__ = __ge__ = __ne__
    __hash__ = object.__hash__

    # elementwise

    def __add__(self, other: Any) -> Tensor:
        return Tensor(self.value + as_value(other))

    def __mul__(self, other: Any) -> Tensor:
        return Tensor(self.value * as_value(other))

    def __neg__(self) -> Tensor:
        return Tensor(-self.value)

    def __sub__(self, other: Any) -> Tensor:
        return Tensor(self.value + -as_value(other))

    def __rsub__(self, other: Any) -> Tensor:
        return Tensor(as_value(other) + -self.value)

    def __truediv__(self, other: Any) -> Tensor:
        return Tensor(self.value * inverse(other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return Tensor(as_value(other) * inverse(self))

    def __pow__(self, exponent: int) -> Tensor:
        if exponent != 2:
            raise Refused(f"the power {exponent}")
        return self * self

    __radd__ = __add__
    __rmul__ = __mul__

    def __iadd__(self, other: Any) -> Tensor:
        self.change(_broadcast(as_value(other), self.axes), fills=False)
        return self

    def __isub__(self, other: Any) -> Tensor:
        return self.__iadd__(-Tensor(as_value(other)))

    def __imul__(self, other: Any) -> Tensor:
        return self._become(self.value * as_value(other))

    def __itruediv__(self, other: Any) -> Tensor:
        return self._become(self.value * inverse(other))

    def _become(self, value: Value) -> Tensor:
        self[...] = Tensor(value)
        return self

    # parts

    def __getitem__(self, key: Any) -> Tensor:
        view = Tensor.__new__(Tensor)
        view._value, view.depth, view.shared = self._value, self.depth, False
        view.base, view.key, view.selection = self, key, selected(self.axes, key)
        return view

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value.base is self and value.key is key:
            return  # a[key] op= b, which has written the view
        selection = selected(self.axes, key)
        self._assign(selection, _broadcast(as_value(value), selection.axes))

    def _assign(self, selection: Selection, value: Value) -> None:
        if self.base is not None and self.selection is not None:
            if not selection.is_whole:
                raise Refused("an assignment to a part of a view")
            self.base._assign(self.selection, value)
            return
        if self.shared:
            raise Refused("a write to memory that another array shows in another shape")
        region = selection.spread(Value(value.axes, lambda _: constant(1)))
        new = selection.spread(value)
        if len(current().loops) > self.depth:
            _expect_disjoint(region, self)
            self.change(new, fills=True)
        elif self._value.zero:
            self._value = new
        elif selection.is_whole:
            self._value = Value(value.axes, value.at, value.zero)
        else:
            old = self.value
            self._value = old + -(region * old) + new

    def _shown(self, value: Value) -> Tensor:
        """A tensor that shows the same memory in another shape."""
        self._expect_unshared_base()
        shown = Tensor(value)
        self.shared = shown.shared = True
        return shown

    def _expect_unshared_base(self) -> None:
        base = self
        while base.base is not None:
            base = base.base
        base.shared = True

    def change(self, delta: Value, fills: bool) -> None:
        """Add to the array; in a loop that began after the array, the sum of the loop is added when it ends."""
        if self.shared:
            raise Refused("a write to memory that another array shows in another shape")
        if self.base is not None and self.selection is not None:
            self.base.change(self.selection.spread(delta), fills)
        elif len(current().loops) > self.depth:
            loop = current().loops[-1]
            loop.written.add(id(self))
            loop.effects.append(Effect(self, fills, delta))
        elif fills and not self._value.zero:
            raise Refused("a loop that overwrites what is not 0")
        else:
            self._value = self.value + delta

    # shape

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order."""
        order = tuple(axes[0] if len(axes) == 1 and isinstance(axes[0], tuple) else axes)
        return self._shown(self.value.permuted(order))

    def swapaxes(self, one: int, other: int) -> Tensor:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        order[one], order[other] = order[other], order[one]
        return self.transpose(*order)

    def reshape(self, *shape: Any) -> Tensor:
        """The elements in the same order in another shape; one extent may be −1."""
        sizes = list(shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape)
        open_ = [k for k, n in enumerate(sizes) if isinstance(n, int) and n == -1]
        for k in open_:
            others: Any = 1
            for n in sizes[:k] + sizes[k + 1 :]:
                others = others * n
            sizes[k] = self.size // others
        return self._shown(self.value.regrouped(sizes))

    def ravel(self) -> Tensor:
        """One axis."""
        return self.reshape(-1)

    def sum(self, axis: Any = None, initial: Any = 0, **_: Any) -> Tensor:
        """The sum over axes, all by default."""
        axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        return Tensor(self.value.summed(tuple(k % self.ndim for k in axes)))

    def __matmul__(self, other: Any) -> Tensor:
        return matmul(self, other)

    def __repr__(self) -> str:
        return f"Tensor of shape {self.shape}"


def as_value(operand: Any) -> Value:
    """A tensor, a number, or a fraction of symbolic integers as a value."""
    if isinstance(operand, Tensor):
        return operand.value
    if isinstance(operand, Ratio):
        return as_value(operand.above) * inverse(operand.below)
    if isinstance(operand, Int):
        terms = operand.polynomial.terms.items()
        return scalar([Term(rational(c), tuple((name, ()) for name in monomial)) for monomial, c in terms])
    if isinstance(operand, np.ndarray):
        if operand.size != 1:
            raise Refused(f"an array of numbers of shape {operand.shape} beside a tensor")
        operand = operand.item()
    try:
        return scalar(constant(operand))
    except (TypeError, ValueError) as error:
        raise Refused(f"an element of type {type(operand).__name__}") from error


def inverse(divisor: Any) -> Value:
    """1 / divisor, of a positive integer or of a tensor that knows its inverse."""
    if hasattr(divisor, "inverse"):
        return divisor.inverse()
    if isinstance(divisor, Int):
        if not divisor > 0:
            raise Refused(f"a division by {divisor}, which may be 0")
        return scalar(divided(constant(1), divisor.polynomial))
    if isinstance(divisor, Tensor):
        Zeros(divisor).any()
        value = divisor.value
        return Value(value.axes, lambda index: [_inverse_of_product(value.at(index))])
    if isinstance(divisor, Ratio | np.ndarray):
        raise Refused(f"a division by a {type(divisor).__name__}")
    return scalar(constant(1 / rational(divisor)))


def _inverse_of_product(terms: Any) -> Term:
    """1/(c·a·b), for leaves that are not 0."""
    if len(terms) != 1 or terms[0].bound or terms[0].guard or any(n == INVERSE for n, _ in terms[0].factors):
        raise Refused("a division by a sum")
    (term,) = terms
    return Term(1 / term.coefficient, tuple((_opposite(name), index) for name, index in term.factors))


def _opposite(name: str) -> str:
    return name.removeprefix(INVERSE) if name.startswith(INVERSE) else INVERSE + name


def leaf(name: str, *shape: Any) -> Tensor:
    """An array of unknown elements ``name[index]``."""
    axes = tuple(map(axis_of, shape))
    return Tensor(
        Value(axes, lambda index: [Term(rational(1), ((name, tuple(d[0] if d else Polynomial(0) for d in index)),))])
    )


def filled(shape: Any, value: Any) -> Tensor:
    """An array of one number."""
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    for n in sizes:
        if not n >= 0:
            raise ShapeError(f"a negative extent: {n}")
    number_ = as_value(value)
    return Tensor(Value(tuple(map(axis_of, sizes)), lambda _: number_.at(()), number_.zero))


def _broadcast(value: Value, axes: tuple[Axis, ...]) -> Value:
    """A value with these axes, or finer digits of them; other extents are refused, as NumPy refuses them."""
    if len(value.axes) > len(axes):
        extra, value_axes = value.axes[: len(value.axes) - len(axes)], value.axes[len(value.axes) - len(axes) :]
        if any(extra):
            raise Refused("a value with more axes than its place")
        nothing, inner = ((),) * len(extra), value.at
        value = Value(value_axes, lambda index: inner(nothing + index), value.zero)
    wide, _, read = joined(axes, value.axes)
    if any(new and not old for new, old in zip(wide, axes, strict=True)):
        raise Refused("a value that is wider than its place")

    def at(index: Any) -> Any:
        own = index[len(index) - len(read) :]
        return value.at(tuple(r(digits) for r, digits in zip(read, own, strict=True)))

    return Value(tuple(wide), at, value.zero)


def _expect_disjoint(region: Value, array: Tensor) -> None:
    """Refuse an assignment in a loop unless different iterations assign different elements."""
    path = current()
    loops = path.loops[array.depth :]
    index = tuple(tuple(Polynomial.variable(path.fresh("place")) for _ in axis) for axis in region.axes)
    (term,) = region.at(index) or (None,)
    one = None if term is None else simplified(term)
    if one is None:
        return
    for loop in loops:
        fixed = {n for g in one.guard if g.equal for n in loop.names if _fixes(g, n)}
        free = [n for n in loop.names if n not in fixed]
        spans = [s for s in loop.spans if any(s.size in g.polynomial.names for g in one.guard)]
        if free or (loop.spans and not loop.names and len(spans) < len(loop.spans)):
            raise Refused("an assignment in a loop that may overwrite what another iteration assigned")


def _fixes(guard: Guard, name: str) -> bool:
    """Whether an equality determines the variable of a loop, whatever those of the other loops are."""
    others = guard.polynomial.names & current().loop_names - {name}
    return not others and sole(guard.polynomial, name) is not None


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b``, of arrays with two axes or more."""
    one, other = as_value(a), as_value(b)
    if len(one.axes) < 2 or len(other.axes) < 2:
        raise Refused("a product of vectors")
    lead, _, _ = joined(one.axes[:-2], other.axes[:-2])
    rows = Value((*one.axes[:-1], (), one.axes[-1]), lambda i: one.at((*i[:-2], i[-1])))
    flipped = Value((*other.axes[:-2], (), other.axes[-1], other.axes[-2]), lambda i: other.at((*i[:-3], i[-1], i[-2])))
    return Tensor((rows * flipped).summed((len(lead) + 2,)))


def outer(a: Tensor, b: Tensor) -> Tensor:
    """All products of an element of `a` and one of `b`."""
    one, other = as_value(a), as_value(b)
    left = Value((*one.axes, *[()] * len(other.axes)), lambda i: one.at(i[: len(one.axes)]))
    return Tensor(left * other)


def einsum(spec: str, *tensors: Tensor) -> Tensor:
    """`numpy.einsum` with named axes, such as "gkm,gmc->gkc"."""
    inputs, output = spec.replace(" ", "").split("->")
    letters = list(dict.fromkeys([*output, *inputs.replace(",", "")]))
    total: Value | None = None
    for labels, tensor in zip(inputs.split(","), tensors, strict=True):
        value = as_value(tensor)
        if len(set(labels)) != len(labels) or len(labels) != len(value.axes):
            raise Refused(f"einsum {spec}")
        axes = tuple(value.axes[labels.index(x)] if x in labels else () for x in letters)
        places = [letters.index(x) for x in labels]
        wide = Value(axes, lambda i, at=value.at, p=places: at(tuple(i[k] for k in p)))  # type: ignore[misc]
        total = wide if total is None else total * wide
    assert total is not None
    return Tensor(total.summed(tuple(range(len(output), len(letters)))))
