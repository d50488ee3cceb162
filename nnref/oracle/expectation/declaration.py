"""What a target declares about its arithmetic. The default is the strictest. Other behaviour is a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from ...bounds import Precision, format_of
from ...errors import OptionError, refuse
from ..operations import CONVENTIONS

__all__ = ["CHOICES", "Declaration"]

PINS = {name: (None, *convention.answers) for name, convention in CONVENTIONS.items()}

CHOICES: dict[str, tuple[str | None, ...]] = {
    "accumulate": (None, "float16", "bfloat16", "float32", "float64"),
    "inputs": (None, "tf32", "float16", "bfloat16"),
    "algorithm": ("direct", "winograd-4", "winograd", "fft"),
    "variance": ("two-pass", "welford", "one-pass"),
    "sigmoid": ("direct", "tanh", "log"),
    "tanh": ("direct", "sigmoid"),
    "exp": ("accurate", "base-2"),
    "loss": ("shifted", "difference"),
    "sums": ("direct", "running"),
    "subnormals": ("kept", "flushed"),
    "nan": ("propagates", "spreads", "any"),
    "ties": ("first", "any"),
    "square_root": ("rounded", "approximate"),
    **PINS,
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a target computes.

    Attributes
    ----------
    accumulate : format of products and sums; None is float32 for half precision, and otherwise the dtype itself
    inputs : format that factors are rounded to before they are multiplied: "tf32", "float16" or "bfloat16"; None if
        they are not rounded
    algorithm : of conv2d and depthwise_conv2d: "direct" sums of products; "winograd", on tiles of 4×4 or 6×6 pixels, or
        "winograd-4" on those of 4×4 alone, where whole numbers stay exact; or "fft". These spread NaN over an image
    variance : of training-mode batch norm: "two-pass"; "welford", by a running mean or merged parts; or "one-pass",
        which is mean(x²) − mean²
    sigmoid : "direct"; "tanh" for ½(1 + tanh(x/2)), of which only the absolute error is small; or "log" for
        exp(−log(1 + exp(−x))), whose relative error grows with the logarithm
    tanh : "direct", or "sigmoid" for 2σ(2x) − 1, of which only the absolute error is small
    exp : "accurate", or "base-2" for 2^(x·log₂e), whose relative error grows with |x|
    loss : cross-entropy "shifted", log Σ exp(x − max x) − (x_t − max x), or the "difference" log Σ exp x − x_t
    sums : of average pooling: "direct", or "running": a window's sum from that of another, or from a table of sums, so
        that errors are those of the whole image, and a NaN or an infinity spreads over it
    subnormals : "kept", or "flushed" to zero
    nan : "propagates"; or "spreads", if zeros are multiplied too, so that any result may be NaN if an array of the call
        has a NaN or an infinity; or "any", if nothing is promised about results that should be NaN
    ties : the gradient of a tie in max pooling goes to the "first" maximum or to "any" maximum
    square_root : "rounded" correctly, as IEEE 754 requires, or "approximate" within the bound
    mean_of_no_pixel, maximum_of_no_pixel, windows_in_padding, relu_at_nan, loss_at_infinity,
    loss_gradient_at_infinity, gradient_of_no_sample, empty_batch : the one answer that is right where a convention is
        concerned (`nnref.oracle.operations.conventions`); None if every answer of the convention is

    >>> Declaration(inputs="tf32").precision("float32").u_in == 2**-11
    True
    """

    accumulate: str | None = None
    inputs: str | None = None
    algorithm: str = "direct"
    variance: str = "two-pass"
    sigmoid: str = "direct"
    tanh: str = "direct"
    exp: str = "accurate"
    loss: str = "shifted"
    sums: str = "direct"
    subnormals: str = "kept"
    nan: str = "propagates"
    ties: str = "first"
    square_root: str = "rounded"
    mean_of_no_pixel: str | None = None
    maximum_of_no_pixel: str | None = None
    windows_in_padding: str | None = None
    relu_at_nan: str | None = None
    loss_at_infinity: str | None = None
    loss_gradient_at_infinity: str | None = None
    gradient_of_no_sample: str | None = None
    empty_batch: str | None = None

    def __post_init__(self) -> None:
        """Refuse a value that is not one of `CHOICES`."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in CHOICES[field.name]:
                refuse(OptionError, "Declaration", field.name, f"one of {CHOICES[field.name]}", repr(value))

    def precision(self, dtype: str) -> Precision:
        """The precision in which a target with this declaration computes on arrays of `dtype`."""
        storage = format_of(dtype)
        accumulate = format_of(self.accumulate or ("float32" if storage.bits < 24 else dtype))
        inputs = format_of(self.inputs) if self.inputs and format_of(self.inputs).bits < storage.bits else None
        return Precision(storage, accumulate, inputs, flush=self.subnormals == "flushed")

    def said(self) -> dict[str, Any]:
        """The attributes that differ from the default."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Declaration(), name)}
