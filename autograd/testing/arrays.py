"""numpy, for the auditor: the one place that imports it."""

from ..errors import MissingLibraryError

try:
    import numpy as np
except ImportError:
    raise MissingLibraryError("the auditor computes with numpy, which is not installed: pip install numpy") from None

__all__ = ["np"]
