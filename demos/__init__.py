"""Runnable stories; ``python -m demos`` lists them."""
