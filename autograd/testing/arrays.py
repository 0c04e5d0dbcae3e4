"""numpy, as the auditor has it."""

from typing import Any, Final

from ..arrays import _numpy

np: Final[Any] = _numpy("autograd.testing.audit")
