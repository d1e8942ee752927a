"""Stricter rules than users have: NumPy's floating-point trouble is an error, and so is any warning."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # a busy machine is no failure
settings.register_profile("default", max_examples=20, derandomize=True, **unhurried)
settings.register_profile("thorough", max_examples=200, **unhurried)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def floating_point_trouble_raises() -> Iterator[None]:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield
