"""The cases with symbols that claims share, for the method "every shape".

Sizes are texts, read as polynomials. Paddings are at least 0, and all other symbols at least 1. "where" states when the
layers are defined: at least one window fits on the padded image.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CONV",
    "DEPTHWISE",
    "IMAGE",
    "PADDED",
    "POOL",
    "TRANSPOSED",
    "UNPADDED",
    "fits",
    "transposed_fits",
    "with_where",
]

IMAGE: dict[str, Any] = {"image": ("H", "W")}
KERNEL, STEPS = ("kh", "kw"), {"stride": ("sh", "sw"), "dilation": ("dh", "dw")}
PADDING = (("top", "bottom"), ("left", "right"))
PADDED = (("up", "down"), ("before", "after"))  # explicit padding, before that of the layer


def fits(rows: str = "H + top + bottom", columns: str = "W + left + right", dilated: bool = True) -> tuple[str, str]:
    """At least one window fits."""
    extents = ("dh*(kh - 1) + 1", "dw*(kw - 1) + 1") if dilated else ("kh", "kw")
    return f"{rows} >= {extents[0]}", f"{columns} >= {extents[1]}"


def transposed_fits(more: str = "", more_2: str = "") -> tuple[str, str]:
    """At least one pixel is left of the output of a transposed convolution."""
    return (
        f"(H - 1)*sh - top - bottom + dh*(kh - 1){more} >= 0",
        f"(W - 1)*sw - left - right + dw*(kw - 1){more_2} >= 0",
    )


def with_where(case: dict[str, Any], *where: str) -> dict[str, Any]:
    """The case under these conditions."""
    return {**case, "where": where}


GEOMETRY = {"kernel": KERNEL, "padding": PADDING, **STEPS}
CONV = with_where({**IMAGE, "channels": "g*C", "filters": "g*K", "groups": "g", **GEOMETRY}, *fits())
UNPADDED = with_where({k: v for k, v in CONV.items() if k not in ("padding", "where")}, *fits("H", "W"))
DEPTHWISE = with_where({**IMAGE, "channels": "C", "multiplier": "M", **GEOMETRY}, *fits())
TRANSPOSED = with_where({**IMAGE, "channels": "g*C", "outputs": "g*K", "groups": "g", **GEOMETRY}, *transposed_fits())
POOL = with_where(
    {**IMAGE, "channels": "C", "kernel_size": KERNEL, "stride": ("sh", "sw"), "padding": PADDING}, *fits(dilated=False)
)
