"""Hypothesis profiles, HYPOTHESIS_PROFILE=dev, ci (the default: the same examples each time) or thorough; a browser."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=20, deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

collect_ignore = ["bench", "data"]  # programs to run, not tests


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests that look at pages."""
    from tests.browser import CHROMIUM, Browser

    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: nobody looks at the pictures")
    shown = Browser()
    yield shown
    shown.close()
