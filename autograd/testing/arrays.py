"""numpy, as the auditor has it."""

from typing import Any, Final

from ..arrays import imported

np: Final[Any] = imported("autograd.testing.audit")
