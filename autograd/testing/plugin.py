"""The pytest plugin: the `gradcheck` fixture and marker, and profiles.

pytest loads this in every run wherever the package is installed, so it imports nothing but pytest: the checks come with
the first use of the fixture, and hypothesis only where a test draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from .check import Report


class Profile(NamedTuple):
    """How thoroughly `gradcheck` checks: how many points of a range, whether the same each time, and least order."""

    examples: int
    same_each_time: bool
    order: int


PROFILES = {
    "dev": Profile(examples=20, same_each_time=False, order=1),
    "ci": Profile(examples=100, same_each_time=True, order=1),
    "thorough": Profile(examples=2000, same_each_time=False, order=2),
}


class Gradcheck:
    """What the `gradcheck` fixture gives: a function that checks derivatives at a point, or everywhere in ranges.

    ``gradcheck(f, [0.5, 2.0])`` checks at a point; ``gradcheck(f, [(0, 1), (-3, 3)])`` at random ones of these
    ranges, and so does a hypothesis strategy in their place. ``@pytest.mark.gradcheck(order=2, examples=50)`` sets
    what a call leaves out.
    """

    def __init__(self, profile: Profile, order: int | None = None, examples: int | None = None) -> None:
        self.profile, self.order, self.examples = profile, order, examples
        self.failed: Report | None = None

    def __call__(
        self, f: Callable[..., Any], where: Any, order: int | None = None, examples: int | None = None
    ) -> Report | None:
        """Check the derivatives of f.

        Args:
            f: as for `autograd.testing.check_gradients`.
            where: a point, or a pair (low, high) for each argument, or a strategy that draws arguments.
            order: 1, 2 or 3.
            examples: how many points of ranges or a strategy.

        Returns:
            The report of a check at a point, else None.

        Raises:
            GradientError: (an AssertionError) where a derivative is wrong.
        """
        from ..errors import GradientError
        from . import check_everywhere, check_gradients
        from .everywhere import is_everywhere

        order = order or self.order or self.profile.order
        try:
            if not is_everywhere(where):
                return check_gradients(f, where, order)
            check_everywhere(
                f, where, order, examples or self.examples or self.profile.examples, self.profile.same_each_time
            )
        except GradientError as error:
            self.failed = error.report
            raise
        return None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--gradcheck-profile`` and ``--gradcheck-picture``."""
    group = parser.getgroup("gradcheck", "derivative checks")
    group.addoption(
        "--gradcheck-profile", choices=sorted(PROFILES), default="ci", help="how thoroughly gradcheck checks"
    )
    group.addoption(
        "--gradcheck-picture", action="store_true", help="add a drawing of the failing graph to the report, as text"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "gradcheck(order=1, examples=None): what the gradcheck fixture checks unless told otherwise"
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Gradcheck:
    """A function that checks derivatives: ``gradcheck(f, [0.5])`` or ``gradcheck(f, [(0, 1)])``."""
    marker = request.node.get_closest_marker("gradcheck")
    given = marker.kwargs if marker else {}
    unknown = [*(marker.args if marker else ()), *(given.keys() - {"order", "examples"})]
    if unknown:
        raise pytest.UsageError(f"the gradcheck marker takes order=… and examples=…, not {unknown}")
    checker = Gradcheck(PROFILES[request.config.getoption("--gradcheck-profile")], **given)
    request.node.stash[_CHECKER] = checker
    return checker


_CHECKER = pytest.StashKey[Gradcheck]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Add to the report of a failed check the lines that repeat it, and its picture on request."""
    outcome = yield
    checker = item.stash.get(_CHECKER, None)
    if checker is not None and checker.failed is not None and call.when == "call" and outcome.failed:
        failed = checker.failed
        lines = ["import autograd as ag", "from autograd.testing import check_gradients", failed.call]
        outcome.sections.append(("to repeat", "\n".join(lines)))
        if item.config.getoption("--gradcheck-picture") and failed.root is not None:
            outcome.sections.append(("picture", str(failed.picture())))
    return outcome
