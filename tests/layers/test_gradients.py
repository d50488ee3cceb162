"""Every backward is the derivative of its forward: a proof at random small shapes and options, for every layer.

For polynomial layers the proof covers all values at those shapes. Max pooling and relu are exact off their kinks, batch
norm is exact where the root is rational, and transcendental layers agree to 45 digits. `proofs` explains the methods.
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
