"""A course in backpropagation: what five articles explain, with programs that run, each claim of theirs checked.

    python -m demos.course [--quick] [lesson ...]

A lesson is a module with a title, the first line of its docstring; `build()`, a loss whose graph is small enough to be
looked at and stepped through; and `run(folder, quick)`, which prints what the lesson shows and leaves its pictures in a
folder. ``quick`` makes the same statements of fewer epochs or samples.
"""

LESSONS = (
    "relu_net", "sigmoid_net", "xor", "deltas", "regression", "mnist",
    "order", "gradient_flow", "clipping", "dead_units", "optimisers", "batches", "overfitting",
    "convolution", "rnn", "lstm", "attention",
)  # fmt: skip
