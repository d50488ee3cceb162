"""How many cases hypothesis draws: NNREF_HYPOTHESIS_PROFILE is dev (the default), ci or thorough.

No deadline and no check of speed: a run over exact numbers on a busy machine is slow, and not wrong for that.
"""

import os
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from nnref.oracle.diagnosis import probe
from nnref.oracle.search import tester

COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}

settings.register_profile("dev", max_examples=30, **COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("NNREF_HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def interruptible():
    """What a test starts can be interrupted, also where a shell lets its background jobs ignore that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def kept_expectations():
    """Arrays and expectations of a row's cases are made once, not once for each target that the row is tried on.

    They follow from the case, and nobody may write into them. Those of one row are kept at a time.
    """
    with pytest.MonkeyPatch.context() as patch:
        kept, make, expect = {}, tester.arrays_of, tester.expectation

        def of_row(case):
            row = case.op, case.direction, case.dtype
            if row not in kept:
                kept.clear()
            return kept.setdefault(row, {})

        def arrays_of(case):
            made = of_row(case)
            if (line := str(case)) not in made:
                arrays, options = made[line] = make(case)
                protect(*arrays.values(), *options.values())
            arrays, options = made[line]
            return dict(arrays), dict(options)

        def expectation(case, arrays, options, declares):
            made, key = of_row(case), (str(case), declares)
            if key not in made:
                made[key] = expect(case, arrays, options, declares)
                protect(*(array for pair in made[key] if pair for array in (pair[0], *pair[1])))
            return made[key]

        for module in (tester, probe):
            patch.setattr(module, "arrays_of", arrays_of)
            patch.setattr(module, "expectation", expectation)
        yield


def protect(*arrays):
    for array in arrays:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
