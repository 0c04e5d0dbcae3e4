"""Property tests for derivatives: by hand or by rule, in any framework."""

from .check import Report, check_gradients
from .everywhere import check_everywhere

__all__ = ["Report", "check_everywhere", "check_gradients"]
