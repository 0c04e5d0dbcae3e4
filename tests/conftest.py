"""Hypothesis profiles: HYPOTHESIS_PROFILE=dev, ci (the default: the same examples each time) or thorough."""

import os

from hypothesis import settings

settings.register_profile("dev", max_examples=20, deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

collect_ignore = ["bench", "data"]  # programs to run, not tests
