"""Windows in wrong places, and what errors show: each is named behind refusals too, and what is alike is not."""

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle.diagnosis.hint import behaves_as
from nnref.oracle.diagnosis.probe import Probe
from nnref.oracle.diagnosis.suspects import suspects, to_bits
from nnref.oracle.search import search, tester
from nnref.oracle.targets.resolve import resolve

RIGHT = resolve("nnref")
F = np.float32
LINES = {
    "one product": "N=1 groups=1 Cg=1 Kg=1 H=3 W=8 kernel=1,1 stride=1,1 padding=0,0,0,0 dilation=1,1 bias=0",
    "conv2d": "N=2 groups=1 Cg=2 Kg=2 H=7 W=8 kernel=2,3 stride=2,1 padding=1,1,0,0 dilation=2,2 bias=0",
    "max_pool2d": "N=2 C=2 H=7 W=8 kernel=2,3 stride=2,1 padding=1,1,0,0 dilation=2,2 ceil_mode=0",
    "avg_pool2d": "N=1 C=1 H=6 W=7 kernel=2,3 stride=2,1 padding=1,0,0,1 ceil_mode=0 count_include_pad=1",
    "sigmoid": "N=1 C=1 H=1 W=8",
}


def failing(function, what, direction="forward", mode="integers"):
    """The first seed at which a function fails, with what is wrong."""
    op = "conv2d" if what == "one product" else what
    for seed in range(64):
        case = oracle.parse(f"{op}.{direction} float32 {mode} contiguous seed={seed} {LINES[what]}")
        if finding := tester.Tester(function).verdict(case).finding:
            return case, finding
    raise AssertionError("it does not fail")


def hint_of(function, op, direction="forward", mode="integers"):
    case, finding = failing(function, op, direction, mode)
    hint = behaves_as(function, (case, case), oracle.Declaration(), finding)
    return hint and hint.words


def extents(x, kernel, stride, padding, dilation):
    return [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]


def at_wrong_places(change):
    """A convolution pixel by pixel: the shape of the result is right, the places of the taps are not."""

    def conv2d(x, weight, bias, *, stride, padding, dilation, groups):
        if groups > 1 or bias is not None:
            raise oracle.Unsupported("groups or a bias")
        height, width = extents(x, weight.shape[2:], stride, padding, dilation)
        y = np.zeros((len(x), len(weight), height, width), x.dtype)
        wrong = {"stride": stride, "padding": padding, "dilation": dilation}
        wrong |= change(wrong)
        (sh, sw), (dh, dw), ((top, _), (left, _)) = wrong["stride"], wrong["dilation"], wrong["padding"]
        for i, j, a, b in np.ndindex(height, width, *weight.shape[2:]):
            row, column = i * sh + a * dh - top, j * sw + b * dw - left
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                y[:, :, i, j] += x[:, :, row, column] @ weight[:, :, a, b].T
        return y

    return conv2d


def pool_at_wrong_places(x, *, kernel_size, stride, padding, dilation, ceil_mode):
    if ceil_mode:
        raise oracle.Unsupported("ceil_mode")
    height, width = extents(x, kernel_size, stride, padding, dilation)
    y = np.full((*x.shape[:2], height, width), -np.inf, x.dtype)
    for i, j, a, b in np.ndindex(height, width, *kernel_size):
        row, column = i * stride[0] + a - padding[0][0], j * stride[1] + b - padding[1][0]
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            y[:, :, i, j] = np.maximum(y[:, :, i, j], x[:, :, row, column])
    return y


SHAPE = ", but for the shape of the result"
MISPLACED = [
    (at_wrong_places(lambda o: {"dilation": (1, 1)}), "conv2d", f"as if dilation were ignored{SHAPE}"),
    (
        at_wrong_places(lambda o: {"stride": o["stride"][::-1]}),
        "conv2d",
        f"as if vertical and horizontal stride were swapped{SHAPE}",
    ),
    (
        at_wrong_places(lambda o: {"padding": o["padding"][::-1]}),
        "conv2d",
        f"as if vertical and horizontal padding were swapped{SHAPE}",
    ),
    (at_wrong_places(lambda o: {"stride": o["dilation"]}), "conv2d", None),  # no such suspect
    (at_wrong_places(lambda o: {"dilation": (1, o["dilation"][1])}), "conv2d", None),  # only one of them is ignored
    (pool_at_wrong_places, "max_pool2d", f"as if dilation were ignored{SHAPE}"),
]


@pytest.mark.parametrize(("function", "op", "words"), MISPLACED, ids=[str(row[2]) for row in MISPLACED])
def test_windows_in_wrong_places(function, op, words):
    assert hint_of(function, op) == words


def test_the_gradient_of_windows_in_wrong_places():
    """dx and dweight by the chain rule from the wrong convolution, with exact whole numbers."""
    forward = at_wrong_places(lambda o: {"dilation": (1, 1)})

    def backward(dy, x, weight, bias, **options):
        dx, dweight = np.zeros_like(x), np.zeros_like(weight)
        for place in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[place] = 1
            dx[place] = (forward(unit, weight, bias, **options) * dy).sum()
        for place in np.ndindex(weight.shape):
            unit = np.zeros_like(weight)
            unit[place] = 1
            dweight[place] = (forward(x, unit, bias, **options) * dy).sum()
        return dx, dweight, None

    case, _ = failing(nothing_but_zeros, "conv2d", "backward")
    probe = Probe(backward, oracle.Declaration(), {})
    agreeing = [s.words for s in suspects(case) if probe.changes(case, s) and probe.agrees(case, suspect=s)]
    assert agreeing == [f"as if dilation were ignored{SHAPE}"]


def nothing_but_zeros(dy, x, weight, bias, **options):
    return np.zeros_like(x), np.zeros_like(weight), None if bias is None else np.zeros_like(bias)


def in_parts(bits, parts):
    def conv2d(x, weight, bias, **options):
        of = [[], []]
        for found, array in zip(of, (x, weight), strict=True):
            for _ in range(parts):
                found.append(to_bits(array.astype(float), bits).astype(F))
                array = array - found[-1]
        pairs = [(i, j) for i in range(parts) for j in range(parts - i)]
        y = sum(nnref.conv2d(of[0][i], of[1][j], None, **options) for i, j in pairs[::-1])
        return y if bias is None else y + bias[:, None, None]

    return conv2d


def sigmoid_of_a_short_logarithm(x):
    with np.errstate(over="ignore"):
        return (1 / (1 + np.exp2(-x * F(1.4427)))).astype(x.dtype)


def off_by_a_little(x, weight, bias, **options):
    return nnref.conv2d(x, weight, bias, **options) * F(1 + 2**-20)


LEFT_OUT = ", and products of small parts left out"
ERRORS = [
    (
        in_parts(11, 2),
        "one product",
        "as if factors were split into 2 TF32 parts, and products of small parts left out",
    ),
    (in_parts(8, 2), "conv2d", "as if factors were split into 2 bfloat16 parts, and products of small parts left out"),
    (off_by_a_little, "conv2d", None),
    (sigmoid_of_a_short_logarithm, "sigmoid", "as if its relative error grew with |x|"),
    (lambda x: nnref.sigmoid(x) * F(1 + 2**-18), "sigmoid", None),
]


@pytest.mark.parametrize(("function", "op", "words"), ERRORS, ids=[f"{row[1]} {row[2]}" for row in ERRORS])
def test_what_errors_show(function, op, words):
    assert hint_of(function, op, mode="normal") == words


def test_nine_products_of_three_bfloat16_parts_are_precise_enough():
    def conv2d(x, weight, bias, **options):
        of = [[], []]
        for found, array in zip(of, (x, weight), strict=True):
            for _ in range(3):
                found.append(to_bits(array.astype(float), 8).astype(F))
                array = array - found[-1]
        y = sum(nnref.conv2d(a, b, None, **options) for a in of[0][::-1] for b in of[1][::-1])
        return y if bias is None else y + bias[:, None, None]

    judged = tester.Tester(conv2d).verdict
    for seed in range(16):
        line = f"conv2d.forward float32 normal contiguous seed={seed} {LINES['conv2d']}"
        assert judged(oracle.parse(line)).finding is None


def test_a_target_that_accepts_one_geometry_gets_no_hint():
    def one_alone(x, weight, bias, **options):
        if x.shape != (2, 2, 7, 8) or options["stride"] != (2, 1) or weight.shape != (2, 2, 2, 3):
            raise oracle.Unsupported("another geometry")
        if options["padding"] != ((1, 1), (0, 0)) or options["dilation"] != (2, 2) or bias is not None:
            raise oracle.Unsupported("other options")
        return -nnref.conv2d(x, weight, bias, **options)

    assert hint_of(one_alone, "conv2d") is None


def test_hints_behind_refusals_stand_on_the_nearest_forms():
    def only_3_by_3_with_stride_2(x, weight, bias, **options):
        if weight.shape[2:] != (3, 3) or options["stride"] != (2, 2) or bias is not None or options["groups"] != 1:
            raise oracle.Unsupported("another layer")
        return nnref.conv2d(x, weight[:, :, ::-1, ::-1], None, **options)

    row = search.search(only_3_by_3_with_stride_2, "conv2d", "forward", max_examples=0, only_first=True)
    assert "kernel were flipped" in row.failures[0].hint.words
