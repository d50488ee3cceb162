"""How the geometric options of layers are read."""

import numpy as np
import pytest

from nnref.errors import OptionError
from nnref.options import pair, pair_of_pairs


def test_pairs_take_numpy_integers_and_lists_and_give_tuples_of_int():
    assert pair("f", "stride", np.int64(2), least=1) == (2, 2)
    assert pair("f", "stride", [1, np.uint8(2)], least=1) == (1, 2)
    assert {type(item) for item in pair("f", "stride", np.int64(2), least=1)} == {int}
    assert pair_of_pairs("f", "padding", 1) == ((1, 1), (1, 1))
    assert pair_of_pairs("f", "padding", (1, 2)) == ((1, 1), (2, 2))
    assert pair_of_pairs("f", "padding", [(0, 1), 2]) == ((0, 1), (2, 2))


@pytest.mark.parametrize("value", [0, -1, 1.0, True, None, "1", (1,), (1, 2, 3), (1, 0), np.float64(1), [[1, 2], 3]])
def test_other_pairs_are_refused(value):
    with pytest.raises(OptionError, match=r"^f: stride must be int or"):
        pair("f", "stride", value, least=1)


@pytest.mark.parametrize("value", [-1, 1.0, False, None, (1,), (1, -1), ((1, 2), (3,)), ((1, 2, 3), 1), ((1, 0.5), 1)])
def test_other_paddings_are_refused(value):
    with pytest.raises(OptionError, match=r"^f: padding must be int"):
        pair_of_pairs("f", "padding", value)
