"""``nnref ops``: the operations, their signatures, and a file to start from."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import nnref

from ..errors import close
from ..oracle.arrays.fill import arrays_of
from ..oracle.cases.case import Case
from ..oracle.operations import OPERATIONS, Operation
from .arguments import refuse_argument

__all__ = ["add_parser"]

WIDTH = 80
EXAMPLE = {  # fields of a case that shows all options; other sizes are 2
    "H": (5,),
    "W": (6,),
    "kernel": (3, 2),
    "stride": (2, 1),
    "padding": (1, 0, 0, 1),
    "K": (3,),
    "Kg": (3,),
    "dilation": (2, 1),
    "eps": (0,),
    "sum": (0,),
    "layers": (5, 1, 0, 0, 0, 0, 0, 0),
}
ONES = ("output_padding", "ceil_mode", "count_include_pad", "bias")
MEANINGS = {
    "bias": "None if there is no bias",
    "stride": "(vertical, horizontal)",
    "dilation": "(vertical, horizontal)",
    "kernel_size": "(vertical, horizontal)",
    "output_padding": "(vertical, horizontal)",
    "padding": "((top, bottom), (left, right))",
    "groups": "groups of channels",
    "ceil_mode": "the last window may overhang",
    "count_include_pad": "the mean counts padding",
    "eps": "added to the variance",
    "reduction": '"mean" or "sum"',
    "target": "class of each sample",
    "layers": "of the network",
}


def add_parser(subparsers: Any) -> None:
    """Add ``ops`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "ops",
        help="the operations that a target may have",
        description="List the operations, or show how the oracle calls the functions of one, with an example.",
    )
    parser.add_argument("op", nargs="?", metavar="NAME", help="operation, such as conv2d (default: all)")
    help_ = "print a file to start from: nnref ops conv2d --template > target.py"
    parser.add_argument("--template", action="store_true", help=help_)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the operations, or one of them."""
    if args.op is not None and args.op not in OPERATIONS:
        near = close([args.op], tuple(OPERATIONS))
        refuse_argument("NAME", "an operation that nnref ops lists", f"{args.op!r}{near}")
    if args.template:
        if args.op is None:
            refuse_argument("NAME", "given with --template", "none")
        print(_template(OPERATIONS[args.op]), end="")
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    if args.op is None:
        _print_all(console)
    else:
        for line in _described(OPERATIONS[args.op]):
            wrapped = textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False)
            console.print(escape(wrapped), highlight=False, soft_wrap=True)
    return 0


def _print_all(console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("operation", "arrays", "options"):
        table.add_column(name, overflow="fold")
    for operation in OPERATIONS.values():
        arrays, options = _arguments(operation)
        table.add_row(operation.name, ", ".join(arrays), ", ".join(options))
    console.print(table)
    console.print("\nOptions are given by keyword. All but the folds and network also have a", highlight=False)
    console.print("backward, NAME_backward(dy, …). To see one: nnref ops NAME", highlight=False)


def _arguments(operation: Operation) -> tuple[list[str], list[str]]:
    """The names of positional and of keyword arguments."""
    if operation.assemble is not None:
        return ["net", "x"], []
    return list(operation.shapes(dict(operation.least))), list(operation.option_names)


def _signature(operation: Operation, direction: str) -> str:
    arrays, options = _arguments(operation)
    name, given = operation.name, ["dy", *arrays] if direction == "backward" else arrays
    keywords = ["*", *options] if options else []
    return f"{name}{'_backward' * (direction == 'backward')}({', '.join([*given, *keywords])})"


def _results(operation: Operation, direction: str) -> str:
    names = list(operation.result_shapes(dict(operation.least), direction))
    if not operation.returns_tuple(direction):
        return names[0]
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def _example(operation: Operation) -> Case:
    """A case with all options in use."""
    geometry = {
        name: EXAMPLE.get(name, (1,) * len(least) if name in ONES else (2,) * len(least))
        for name, least in operation.least.items()
    }
    return Case(operation.name, operation.directions[0], "float32", "normal", "contiguous", 0, geometry)


def _summary(operation: Operation) -> str:
    """What the operation computes, from the docstring of nnref's function or of the target nnref."""
    function = getattr(nnref, operation.name, None)
    return (function.__doc__ or "").strip().split("\n")[0] if function else _SUMMARIES.get(operation.name, "")


_SUMMARIES = {
    "fold_conv_batch_norm": "Weight and bias of the convolution that is a convolution and then a batch norm.",
    "fold_conv_transpose_batch_norm": "The same for a transposed convolution.",
    "network": "Translate an nnref network, optimise it, and run it on x.",
}


def _described(operation: Operation) -> Iterator[str]:
    for direction in operation.directions:
        yield _signature(operation, direction)
        yield f"    -> {_results(operation, direction)}"
    yield ""
    yield _summary(operation)
    yield ""
    yield "An example, as the oracle calls it:"
    case = _example(operation)
    if operation.assemble is not None:
        yield "  net   an nnref network: Sequential, Sum and layers, in evaluation mode"
        yield f"  x     float32 array of shape {case.shapes['x']}"
        return
    arrays, options = arrays_of(case)
    for name, value in {**arrays, **options}.items():
        shown = f"array of shape {value.shape}" if isinstance(value, np.ndarray) else _short(value)
        meaning = f"  {MEANINGS[name]}" if name in MEANINGS else ""
        yield f"  {name:<17} {shown:<31}{meaning}".rstrip()
    for name, shape in case.result_shapes.items():
        result = name if name == "y" else f"result {name}"
        yield f"  {result:<17} array of shape {shape}"
    if operation.conventions:
        yield ""
        yield "Where neither definition nor documentation fixes a result, a target may"
        yield "declare which it gives:"
        yield from (f"  {c.name}: {' or '.join(c.answers)}" for c in operation.conventions)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _template(operation: Operation) -> str:
    """The source of a target whose functions refuse every case until they are written."""
    name = operation.name
    lines = [
        f'"""{name} as a target. To check it: nnref check THIS_FILE --op {name}"""',
        "",
        "from nnref.oracle import Unsupported",
    ]
    for direction in operation.directions:
        function = name if direction == "forward" else f"{name}_backward"
        lines += ["", "", f"def {_signature(operation, direction)}:", *_docstring(operation, direction)]
        lines += [f'    raise Unsupported("{function} is not written yet")']
    return "\n".join(lines) + "\n"


def _docstring(operation: Operation, direction: str) -> Iterator[str]:
    first = _summary(operation) if direction == "forward" else "The gradients, with None for that of an absent bias."
    yield f'    """{first}'
    yield ""
    yield f"    Returns {_results(operation, direction)}."
    if direction == "forward" and operation.assemble is None:
        case = _example(operation)
        arrays, options = arrays_of(case)
        yield ""
        for name, value in {**arrays, **options}.items():
            shown = (
                f"array, such as of shape {value.shape}"
                if isinstance(value, np.ndarray)
                else f"such as {_short(value)}"
            )
            meaning = f"; {MEANINGS[name]}" if name in MEANINGS else ""
            yield f"    {name} : {shown}{meaning}"
    yield '    """'
