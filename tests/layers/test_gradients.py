"""Every backward is the derivative of its forward: proved at random small shapes and options, for every layer.

Polynomial layers for all values at those shapes; max pooling and relu exactly, off their kinks; batch norm exactly,
where the root is rational; the transcendental ones to 45 digits. See `proofs` for how.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .proofs import disproof
from .registry import ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_backward_is_the_derivative_of_forward(row, data):
    assert disproof(row, data.draw(row.cases)) is None
