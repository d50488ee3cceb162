"""Layers: the pure functions of `nnref.layers` with their parameters bound.

A layer class names its two functions, its parameters and its options. Everything else is written here, once. The
containers `Sequential` and `Sum` are layers that consist of layers.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from .dtypes import expect_exact, floating_dtype
from .errors import DTypeError, OptionError, ShapeError, StateError, close, expect_shape, refuse
from .numeric import Array

__all__ = ["Layer", "Sequential", "Sum", "initial_weight", "leaves"]

State = dict[str, Array]


class Arrays(dict[str, Array]):
    """The parameters or buffers of a layer: a dict that refuses names that the layer does not have."""

    owner: str = ""  # a copy has none until it is filled
    known: tuple[str, ...] = ()

    def __init__(self, owner: str, known: Sequence[str], arrays: Mapping[str, Array]) -> None:
        super().__init__(arrays)
        self.owner, self.known = owner, tuple(known)

    def __setitem__(self, name: str, array: Array) -> None:
        """Set an array of the layer.

        Raises
        ------
        StateError : the layer has no array of that name.
        """
        if self.known and name not in self.known:
            refuse(
                StateError,
                self.owner,
                "name",
                f"one of {', '.join(self.known)}",
                f"{name!r}{close([name], self.known)}",
            )
        super().__setitem__(name, array)


class Layer:
    """A pure function with its parameters bound: the base class of all layers.

    Attributes
    ----------
    params : name -> array, what training changes
    grads : name -> array, from the last `backward`, which replaces earlier ones and does not add to them
    buffers : name -> array, state that training does not learn (running statistics)
    options : name -> value, the keyword arguments of the function
    training : bool, the mode; a new layer is in training mode

    The functions receive the parameters in the order of `parameter_names`, whatever their order in `params`.
    `backward` recomputes what it needs from the input of the last `forward` and the mode of that call.
    """

    forward_fn: ClassVar[Callable[..., Array]]
    backward_fn: ClassVar[Callable[..., tuple[Array | None, ...]]]
    parameter_names: ClassVar[tuple[str, ...]] = ()
    buffer_names: ClassVar[tuple[str, ...]] = ()
    optional_names: ClassVar[tuple[str, ...]] = ()  # parameters and buffers that a layer may lack
    defaults: ClassVar[Mapping[str, Any]] = {}

    params: State
    grads: State
    buffers: State
    options: dict[str, Any]

    def __init__(self, params: State | None = None, buffers: State | None = None, **options: Any) -> None:
        unknown = sorted(set(options) - set(self.defaults))
        if unknown:
            refuse(OptionError, type(self).__name__, "options", f"among {sorted(self.defaults)}", unknown)
        name = type(self).__name__
        self.params = Arrays(f"{name}.params", self.parameter_names, params or {})
        self.buffers, self.grads = Arrays(f"{name}.buffers", self.buffer_names, buffers or {}), {}
        whole = {name: int(value) for name, value in options.items() if isinstance(value, np.integer)}
        self.options = {**self.defaults, **options, **whole}  # products of Python ints cannot overflow
        self.training = True
        self._input: Array | None = None
        self.recorded_training = True

    @classmethod
    def from_arrays(cls, *, options: Mapping[str, Any] | None = None, **arrays: Array | None) -> Self:
        """Make a layer from copies of the given parameters and buffers, of any dtype; a bias of None is absent.

        Raises
        ------
        StateError : an array is unknown, or a required one is missing.

        >>> from nnref import Conv2d
        >>> Conv2d.from_arrays(weight=np.ones((1, 1, 2, 2)), options={"stride": 2})
        Conv2d(weight=(1, 1, 2, 2), stride=2, padding=0, dilation=1, groups=1)
        """
        names = [*cls.parameter_names, *cls.buffer_names]
        given = {name for name, array in arrays.items() if array is not None}
        if given - set(names) or set(names) - given - set(cls.optional_names):
            optional = f", of which {list(cls.optional_names)} may be absent" if cls.optional_names else ""
            refuse(StateError, f"{cls.__name__}.from_arrays", "arrays", f"{names}{optional}", sorted(given))
        layer = cls.__new__(cls)
        params = {n: copy.copy(a) for n in cls.parameter_names if (a := arrays.get(n)) is not None}
        buffers = {n: copy.copy(a) for n in cls.buffer_names if (a := arrays.get(n)) is not None}
        Layer.__init__(layer, params, buffers, **(options or {}))
        return layer

    def forward(self, x: Array) -> Array:
        """Apply the function to x, and remember the mode and x itself, not a copy, for `backward`."""
        y = self.forward_fn(x, *self._bound(), **self.options)
        self._remember(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Set `grads` and return the gradient with respect to the input of the last `forward`."""
        x = self._seen()
        dx, *gradients = self.backward_fn(dy, x, *self._bound(), **self.options)
        self.grads = {n: g for n, g in zip(self.parameter_names, gradients, strict=True) if g is not None}
        assert dx is not None
        return dx

    def _bound(self) -> list[Array | None]:
        """The parameters in the order of the function's arguments, None for an absent optional one."""
        names = set(self.parameter_names)
        if not names - set(self.optional_names) <= self.params.keys() <= names:
            optional = f", of which {list(self.optional_names)} may be absent" if self.optional_names else ""
            expected = f"{list(self.parameter_names)}{optional}"
            refuse(StateError, type(self).__name__, "params", expected, list(self.params))
        return [self.params.get(name) for name in self.parameter_names]

    def _remember(self, x: Array) -> None:
        """Update the layer's state after a successful forward pass."""
        self._input, self.recorded_training = x, self.training

    def __call__(self, x: Array) -> Array:
        """Same as `forward`."""
        return self.forward(x)

    def _seen(self) -> Array:
        if self._input is None:
            raise StateError(f"{type(self).__name__}.backward: forward must be called first, got no input yet")
        return self._input

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or with False to evaluation; returns the layer."""
        self.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation; returns the layer."""
        return self.train(False)

    def state_dict(self) -> State:
        """Copies of all parameters and buffers, under torch's names."""
        return {name: array.copy() for name, array in {**self.params, **self.buffers}.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Copy parameters and buffers from `state` (arrays or torch tensors), rounded to the layer's dtypes.

        After an error the layer is unchanged.

        Raises
        ------
        StateError : a name is missing or unknown, or an array of the layer is read-only.
        ShapeError, DTypeError : an array does not fit.
        """
        own = {**self.params, **self.buffers}
        if not isinstance(state, Mapping):
            function = f"{type(self).__name__}.load_state_dict"
            refuse(StateError, function, "state", "a mapping from names to arrays", type(state).__name__)
        if set(state) != set(own):
            expected = f"a mapping with the names {sorted(own)}"
            wrong = f"missing {sorted(set(own) - set(state))}, unknown {sorted(set(state) - set(own))}"
            refuse(StateError, f"{type(self).__name__}.load_state_dict", "state", expected, wrong)
        fitting = {name: self._fit(name, state[name], array) for name, array in own.items()}
        for name, array in fitting.items():
            own[name][...] = array
        return self

    def _fit(self, name: str, given: Any, own: Array) -> Array:
        array, function = np.asarray(given), f"{type(self).__name__}.load_state_dict"
        expect_shape(function, name, array, own.shape)
        if own.dtype == object:
            expect_exact(function, name, array)
        elif not np.can_cast(array.dtype, own.dtype, "same_kind"):
            refuse(DTypeError, function, name, f"castable to {own.dtype}", array.dtype)
        if not own.flags.writeable:
            refuse(StateError, function, name, "a writeable array of the layer", "a read-only one")
        return array

    def __repr__(self) -> str:
        """The class, the shapes of its parameters and its options."""
        shapes = [f"{name}={array.shape}" for name, array in self.params.items()]
        options = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"{type(self).__name__}({', '.join(shapes + options)})"


class Merged(Mapping[str, Array]):
    """A view of the arrays of several layers, named ``<position>.<name>``; an assignment reaches the layer."""

    def __init__(self, dicts: Sequence[Any]) -> None:
        self._dicts = dicts

    def _owner(self, name: str) -> tuple[Any, str]:
        """The dict that holds the array, and the array's name in it."""
        position, _, own = name.partition(".")
        if not position.isdecimal() or int(position) >= len(self._dicts) or own not in self._dicts[int(position)]:
            raise KeyError(name)
        return self._dicts[int(position)], own

    def __getitem__(self, name: str) -> Array:
        owner, own = self._owner(name)
        return np.asarray(owner[own])

    def __setitem__(self, name: str, array: Array) -> None:
        owner, own = self._owner(name)
        owner[own] = array

    def __iter__(self) -> Iterator[str]:
        return (f"{position}.{name}" for position, arrays in enumerate(self._dicts) for name in arrays)

    def __len__(self) -> int:
        return sum(map(len, self._dicts))

    def __repr__(self) -> str:
        return repr(dict(self))


class Container(Layer):
    """A layer that consists of layers; its arrays are named ``<position>.<name>``, as in torch.

    Its `params`, `grads` and `buffers` are views of those of its layers: an assignment reaches the layer.
    """

    def __init__(self, *layers: Layer) -> None:
        for position, layer in enumerate(layers):
            if isinstance(layer, Sequence) and not isinstance(layer, str | Container):
                name = type(self).__name__
                refuse(OptionError, name, "layers", f"given one by one, as in {name}(*layers)", type(layer).__name__)
            if not isinstance(layer, Layer):
                is_class = isinstance(layer, type) and issubclass(layer, Layer)
                got = (
                    f"the class {layer.__name__}; to make one: {layer.__name__}(…)"
                    if is_class
                    else type(layer).__name__
                )
                refuse(OptionError, type(self).__name__, f"layers[{position}]", "a Layer", got)
        self.layers = layers
        self.options = {}
        self.training = True

    @property
    def params(self) -> Merged:  # type: ignore[override]
        """The parameters of all layers, not copied."""
        return Merged([layer.params for layer in self.layers])

    @property
    def grads(self) -> Merged:  # type: ignore[override]
        """The gradients of all layers, from the last `backward`."""
        return Merged([layer.grads for layer in self.layers])

    @property
    def buffers(self) -> Merged:  # type: ignore[override]
        """The buffers of all layers, not copied."""
        return Merged([layer.buffers for layer in self.layers])

    def train(self, mode: bool = True) -> Self:
        """Switch all layers to training, or with False to evaluation; returns the layer."""
        for layer in self.layers:
            layer.train(mode)
        return super().train(mode)

    def __iter__(self) -> Iterator[Layer]:
        """The layers, in order."""
        return iter(self.layers)

    def __len__(self) -> int:
        """The number of layers."""
        return len(self.layers)

    def __getitem__(self, position: int) -> Layer:
        """The layer at a position."""
        return self.layers[position]

    def __repr__(self) -> str:
        """The class and its layers, one per line."""
        lines = "".join(f"\n{layer!r},".replace("\n", "\n    ") for layer in self.layers)
        return f"{type(self).__name__}({lines}\n)" if lines else f"{type(self).__name__}()"


def leaves(layer: Layer) -> Iterator[Layer]:
    """The layers inside containers, in order; `layer` itself if it is not a container."""
    if isinstance(layer, Container):
        for inner in layer:
            yield from leaves(inner)
    else:
        yield layer


def _expect_each_once(container: Container) -> None:
    """Refuse a layer in two places, because it remembers only its last input."""
    if repeated := [layer for layer, uses in Counter(leaves(container)).items() if uses > 1]:
        refuse(StateError, f"{type(container).__name__}.backward", "layers", "each in one place only", repeated)


class Sequential(Container):
    """Layers one after the other; the identity if there are none.

    >>> from nnref import ReLU
    >>> Sequential(ReLU(), ReLU())(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Array) -> Array:
        """Apply the layers in order; without layers, copy x."""
        for layer in self.layers:
            x = layer.forward(x)
        return x if self.layers else x.copy()

    def backward(self, dy: Array) -> Array:
        """Pass dy through the layers in reverse order, and set their grads."""
        _expect_each_once(self)
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy if self.layers else dy.copy()


class Sum(Container):
    """The sum of parallel branches, as in residual connections and re-parameterised blocks.

    >>> from nnref import ReLU
    >>> Sum(Sequential(), ReLU())(np.array([-1.0, 2.0]))
    array([-1.,  4.])
    """

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            refuse(OptionError, "Sum", "layers", "at least one branch", "none")
        super().__init__(*layers)

    def forward(self, x: Array) -> Array:
        """The sum of all branches applied to x."""
        first, *others = [layer.forward(x) for layer in self.layers]
        for y in others:
            if y.shape != first.shape:
                refuse(ShapeError, "Sum", "layers", f"branches of one output shape, {first.shape}", y.shape)
            first = first + y
        return first

    def backward(self, dy: Array) -> Array:
        """The sum of the branches' gradients; each branch receives the same dy."""
        _expect_each_once(self)
        first, *others = [layer.backward(dy) for layer in self.layers]
        for dx in others:
            first = first + dx
        return first


def initial_weight(
    function: str, shape: tuple[int, ...], bias: bool, dtype: Any, rng: Any, outputs: int | None = None
) -> State:
    """Weight (outputs, inputs, …) and bias, uniform in ±1/√fan_in: torch's default for convolutions and linear layers.

    fan_in is the size of one entry along the first axis. `outputs` is the length of the bias if it is not the length
    of that axis.
    """
    known, generator = floating_dtype(function, dtype), np.random.default_rng(rng)
    limit = 1 / math.sqrt(math.prod(shape[1:]))
    params = {"weight": generator.uniform(-limit, limit, shape).astype(known)}
    if bias:
        params["bias"] = generator.uniform(-limit, limit, outputs or shape[0]).astype(known)
    return params
