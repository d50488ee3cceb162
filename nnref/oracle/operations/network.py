"""Whole networks, which a target may optimise before it runs them."""

from __future__ import annotations

from ...bounds import network
from .networks import DEPTH, Plan, assembled, plan
from .operation import EPS_FIELD, IMAGE, Geometry, Operation, eps_option, image

__all__ = ["ROWS"]


def _plan(g: Geometry) -> Plan:
    return plan(g["layers"], g["C"][0], g["H"][0], g["W"][0])


ROWS = (
    Operation(
        name="network",
        least={"layers": (0,) * DEPTH} | IMAGE | EPS_FIELD,
        shapes=lambda g: {"x": image(g), **_plan(g).shapes},
        output=lambda g: (g["N"][0], *_plan(g).output[1:]),
        options=lambda g: {"layers": _plan(g).layers} | eps_option(g),
        bounds=network,
        forward_only=True,
        special=lambda g, direction: ("x",),
        assemble=assembled,
        run=lambda net, x: net(x),
    ),
)
