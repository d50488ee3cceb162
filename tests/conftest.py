"""How many cases hypothesis draws: NNREF_HYPOTHESIS_PROFILE is dev (the default), ci or thorough.

No deadline and no check of speed: a run over exact numbers on a busy machine is slow, and not wrong for that.
"""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

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
