"""What a target says about itself. The default is the strictest; what is not declared and happens is a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from ...bounds import Precision, format_of
from ...errors import OptionError, refuse

__all__ = ["Declaration"]

CHOICES: dict[str, tuple[str | None, ...]] = {
    "accumulate": (None, "float16", "bfloat16", "float32", "float64"),
    "inputs": (None, "tf32", "float16", "bfloat16"),
    "algorithm": ("direct", "winograd", "fft"),
    "variance": ("two-pass", "welford", "one-pass"),
    "sigmoid": ("direct", "tanh"),
    "tanh": ("direct", "sigmoid"),
    "exp": ("accurate", "base-2"),
    "loss": ("shifted", "difference"),
    "subnormals": ("kept", "flushed"),
    "nan": ("propagates", "spreads", "any"),
    "ties": ("first", "any"),
    "square_root": ("rounded", "approximate"),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a target computes, where that is not the strictest way.

    Attributes
    ----------
    accumulate : format of products and sums; None is float32 for half precision, else the dtype itself
    inputs : format that factors are rounded to before they are multiplied ("tf32", "bfloat16"), None for not at all
    algorithm : of conv2d and depthwise_conv2d: "direct" sums of products, or "winograd" or "fft", which spread NaN over
        an image
    variance : of training-mode batch norm, "two-pass"; "welford", by a running mean or the merging of parts; or
        "one-pass" (mean(x²) − mean²)
    sigmoid : "direct", or "tanh" for ½(1 + tanh(x/2)), which is accurate absolutely only
    tanh : "direct", or "sigmoid" for 2σ(2x) − 1, which is accurate absolutely only
    exp : "accurate", or "base-2" for 2^(x·log₂e), whose relative error grows with |x|
    loss : cross-entropy "shifted", log Σ exp(x − max x) − (x_t − max x), or the "difference" log Σ exp x − x_t
    subnormals : "kept", or "flushed" to zero
    nan : "propagates"; "spreads" where zeros are multiplied too, so that a result may be NaN wherever an array of the
        call has a NaN or an infinity; or "any" where nothing is promised about results that should be NaN
    ties : gradient of a tie in max pooling, to the "first" maximum or to "any"
    square_root : "rounded" correctly, as IEEE 754 asks, or "approximate" within the bound

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
    subnormals: str = "kept"
    nan: str = "propagates"
    ties: str = "first"
    square_root: str = "rounded"

    def __post_init__(self) -> None:
        """Refuse what is no choice."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in CHOICES[field.name]:
                refuse(OptionError, "Declaration", field.name, f"one of {CHOICES[field.name]}", repr(value))

    def precision(self, dtype: str) -> Precision:
        """The precision in which a target of this declaration computes on arrays of `dtype`."""
        storage = format_of(dtype)
        accumulate = format_of(self.accumulate or ("float32" if storage.bits < 24 else dtype))
        inputs = format_of(self.inputs) if self.inputs and format_of(self.inputs).bits < storage.bits else None
        return Precision(storage, accumulate, inputs, flush=self.subnormals == "flushed")

    def said(self) -> dict[str, Any]:
        """What differs from the default."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Declaration(), name)}
