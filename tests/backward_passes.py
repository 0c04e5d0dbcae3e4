"""Backward passes as students write them, and mistakes to plant in them, one at a time.

Each `Pass` is the text of a program that defines what `call` audits. A `Planted` replaces a piece of it, wherever that
stands; `kinds` are the auditor's words for the mistake, any of which names it.
"""

from __future__ import annotations

import linecache
from typing import Any, NamedTuple


class Planted(NamedTuple):
    """One mistake: what stands there, what stands there instead, what the auditor may call it."""

    right: str
    wrong: str
    kinds: str


class Pass(NamedTuple):
    """A forward and a backward pass, how they are audited, and what may go wrong in them."""

    name: str
    text: str
    call: str
    faults: tuple[Planted, ...]

    def audited(self, planted: Planted | None = None) -> Any:
        """Run the audit, with a mistake or without."""
        text = self.text
        if planted is not None:
            assert planted.right in text, planted
            text = text.replace(planted.right, planted.wrong)
        space: dict[str, Any] = {}
        text = "import math, random\nimport numpy as np\nfrom autograd.testing import audit\n" + text
        path = f"<{self.name}, {self.faults.index(planted) if planted in self.faults else 'right'}>"
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)  # as that of a file
        exec(compile(text, path, "exec"), space)
        return eval(self.call, space)


XOR_SIGMOID = Pass(
    "XOR, sigmoid twice, mean squared error, a dict",
    """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(params, X):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = sigmoid(Z1)
    Z2 = A1 @ params["W2"] + params["b2"]
    A2 = sigmoid(Z2)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

def loss(params, X, y):
    A2, cache = forward(params, X)
    return np.mean((A2 - y) ** 2)

def backward(params, X, y):
    A2, cache = forward(params, X)
    A1 = cache["A1"]
    dA2 = 2 * (A2 - y) / len(y)
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0, keepdims=True)
    dA1 = dZ2 @ params["W2"].T
    dZ1 = dA1 * A1 * (1 - A1)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

rng = np.random.default_rng(1)
params = {"W1": rng.normal(size=(2, 4)), "b1": np.zeros((1, 4)), "W2": rng.normal(size=(4, 1)), "b2": np.zeros((1, 1))}
X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0.0]])
""",
    "audit(loss, backward, params, X, y)",
    (
        Planted("2 * (A2 - y)", "2 * (y - A2)", "sign"),
        Planted("2 * (A2 - y) / len(y)", "(A2 - y) / len(y)", "factor"),
        Planted("2 * (A2 - y) / len(y)", "2 * (A2 - y)", "factor"),
        Planted("dZ2 = dA2 * A2 * (1 - A2)", "dZ2 = dA2", "slope missing"),
        Planted("dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1", "slope missing"),
        Planted("dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * (A1 * (1 - A1)) ** 2", "slope doubled"),
        Planted("dA1 * A1 * (1 - A1)", "dA1 * sigmoid(A1) * (1 - sigmoid(A1))", "slope at activation"),
        Planted("dW2 = A1.T @ dZ2", 'dW2 = cache["Z1"].T @ dZ2', "stale input"),
        Planted("db1 = dZ1.sum(axis=0, keepdims=True)", "db1 = dZ1.mean(axis=0, keepdims=True)", "bias"),
        Planted("db2 = dZ2.sum(axis=0, keepdims=True)", "db2 = np.zeros((1, 1))", "bias"),
        Planted("dA1 = dZ2 @", "dA1 = dA2 @", "slope missing"),
    ),
)

COLUMNS = Pass(
    "samples in columns, tanh and sigmoid, cross-entropy, 1/m",
    """
def forward_propagation(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def compute_cost(A2, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2 = parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

rng = np.random.default_rng(2)
parameters = {
    "W1": rng.normal(size=(3, 2)), "b1": np.zeros((3, 1)), "W2": rng.normal(size=(1, 3)), "b2": np.zeros((1, 1))
}
X, Y = rng.normal(size=(2, 5)), np.array([[1, 0, 1, 1, 0.0]])
""",
    "audit(forward_propagation, backward_propagation, parameters, X, Y, loss=compute_cost)",
    (
        Planted("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)", "slope doubled loss"),
        Planted("dZ2 = A2 - Y", "dZ2 = Y - A2", "sign"),
        Planted("(1 - np.power(A1, 2))", "(1 - A1)", "slope formula"),
        Planted("(1 - np.power(A1, 2))", "(1 - np.tanh(A1) ** 2)", "slope at activation"),
        Planted("(1 - np.power(A1, 2))", "(A1 * (1 - A1))", "slope formula"),
        Planted(
            "db1 = np.sum(dZ1, axis=1, keepdims=True) / m", "db1 = np.sum(dZ1, axis=1, keepdims=True)", "bias factor"
        ),
        Planted("dW2 = np.dot(dZ2, A1.T) / m", "dW2 = np.dot(dZ2, A1.T)", "factor"),
        Planted("db2 = np.sum(dZ2, axis=1, keepdims=True) / m", "db2 = dZ2 / m", "bias shape"),
    ),
)

SOFTMAX = Pass(
    "ReLU and softmax, class labels, a tuple, square layers",
    """
def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def forward(W1, b1, W2, b2, W3, b3, x):
    z1 = x @ W1 + b1
    h1 = np.maximum(0, z1)
    z2 = h1 @ W2 + b2
    h2 = np.maximum(0, z2)
    return softmax(h2 @ W3 + b3), z1, h1, z2, h2

def loss(W1, b1, W2, b2, W3, b3, x, y):
    p = forward(W1, b1, W2, b2, W3, b3, x)[0]
    return -np.mean(np.log(p[np.arange(len(y)), y]))

def backward(W1, b1, W2, b2, W3, b3, x, y):
    p, z1, h1, z2, h2 = forward(W1, b1, W2, b2, W3, b3, x)
    n = len(y)
    d3 = p.copy()
    d3[np.arange(n), y] -= 1
    d3 /= n
    dW3, db3 = h2.T @ d3, d3.sum(0)
    d2 = (d3 @ W3.T) * (z2 > 0)
    dW2, db2 = h1.T @ d2, d2.sum(0)
    d1 = (d2 @ W2.T) * (z1 > 0)
    dW1, db1 = x.T @ d1, d1.sum(0)
    return dW1, db1, dW2, db2, dW3, db3

rng = np.random.default_rng(3)
params = [rng.normal(size=s) for s in [(3, 4), (4,), (4, 4), (4,), (4, 3), (3,)]]
x, y = rng.normal(size=(6, 3)), np.array([0, 1, 2, 2, 1, 0])
""",
    "audit(loss, backward, params, x, y)",
    (
        Planted("d2 @ W2.T", "d2 @ W2", "transposed weight"),
        Planted("(d3 @ W3.T) * (z2 > 0)", "(d3 @ W3.T)", "slope missing"),
        Planted("* (z1 > 0)", "* (z1 < 0)", "slope formula"),
        Planted("d3 /= n", "pass", "factor"),
        Planted("h1.T @ d2", "h2.T @ d2", "stale input"),
        Planted("d1.sum(0)", "d1[-1]", "bias"),
        Planted("d2.sum(0)", "d2.sum() * np.ones(4)", "bias"),
        Planted("d3[np.arange(n), y] -= 1", "d3 -= np.eye(3)[y]; d3 *= p * (1 - p)", "slope doubled loss"),
        Planted("return dW1, db1, dW2", "return dW1, db1, dW2.T", "transposed gradient"),
    ),
)

PLAIN_LOGISTIC = Pass(
    "logistic regression in plain Python",
    """
def predict(w, b, x):
    z = b
    for wi, xi in zip(w, x):
        z += wi * xi
    return 1 / (1 + math.exp(-z))

def cost(w, b, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys):
        p = predict(w, b, x)
        total -= y * math.log(p) + (1 - y) * math.log(1 - p)
    return total / len(xs)

def gradient(w, b, xs, ys):
    dw, db = [0.0] * len(w), 0.0
    for x, y in zip(xs, ys):
        error = predict(w, b, x) - y
        for i in range(len(w)):
            dw[i] += error * x[i]
        db += error
    n = len(xs)
    return [d / n for d in dw], db / n

params = ([0.1, -0.4, 0.3], 0.2)
xs = [[1.0, 2.0, -1.0], [0.5, -1.0, 0.3], [-1.5, 0.4, 2.0], [0.2, 0.1, -0.7]]
ys = [1, 0, 1, 0]
""",
    "audit(cost, gradient, params, xs, ys)",
    (
        Planted("db += error", "db = error", "bias"),
        Planted("dw[i] += error * x[i]", "dw[i] = error * x[i]", "accumulation"),
        Planted("[d / n for d in dw], db / n", "dw, db", "factor"),
        Planted(
            "error = predict(w, b, x) - y", "p = predict(w, b, x); error = (p - y) * p * (1 - p)", "slope doubled loss"
        ),
        Planted("db / n", "0.0", "bias"),
        Planted("db += error", "db += error * x[0]", "bias"),
    ),
)

SCALARS = Pass(
    "2-2-1 with a name for every weight, one sample",
    """
def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))

def forward(p, x, target):
    h1 = sigmoid(p["w1"] * x[0] + p["w2"] * x[1] + p["b1"])
    h2 = sigmoid(p["w3"] * x[0] + p["w4"] * x[1] + p["b2"])
    o = sigmoid(p["w5"] * h1 + p["w6"] * h2 + p["b3"])
    return 0.5 * (target - o) ** 2, h1, h2, o

def backward(p, x, target):
    _, h1, h2, o = forward(p, x, target)
    do = (o - target) * o * (1 - o)
    dh1 = do * p["w5"] * h1 * (1 - h1)
    dh2 = do * p["w6"] * h2 * (1 - h2)
    return {
        "w1": dh1 * x[0], "w2": dh1 * x[1], "b1": dh1, "w3": dh2 * x[0], "w4": dh2 * x[1], "b2": dh2,
        "w5": do * h1, "w6": do * h2, "b3": do,
    }

p = {"w1": 0.15, "w2": 0.2, "w3": 0.25, "w4": 0.3, "w5": 0.4, "w6": 0.45, "b1": 0.35, "b2": 0.35, "b3": 0.6}
""",
    "audit(forward, backward, p, [0.05, 0.1], 0.01)",
    (
        Planted("do = (o - target)", "do = (target - o)", "sign"),
        Planted("do = (o - target) * o * (1 - o)", "do = (o - target)", "slope missing loss"),
        Planted("* h1 * (1 - h1)", "", "slope missing unknown"),
        Planted("do = (o - target)", "do = 2 * (o - target)", "factor"),
    ),
)

STEP = Pass(
    "a step that changes the weights in place, ReLU, deep lists",
    """
def relu(z):
    return np.maximum(z, 0)

def net(weights, biases, x):
    h = x
    for w, b in zip(weights[:-1], biases[:-1]):
        h = relu(h @ w + b)
    return h @ weights[-1] + biases[-1]

def loss(model, x, y):
    return ((net(model["weights"], model["biases"], x) - y) ** 2).sum() / (2 * len(x))

def train_step(model, x, y, learning_rate):
    weights, biases = model["weights"], model["biases"]
    zs, hs = [], [x]
    for i, (w, b) in enumerate(zip(weights, biases)):
        zs.append(hs[-1] @ w + b)
        hs.append(relu(zs[-1]) if i < len(weights) - 1 else zs[-1])
    delta = (hs[-1] - y) / len(x)
    for i in reversed(range(len(weights))):
        dw, db = hs[i].T @ delta, delta.sum(axis=0)
        if i:
            delta = (delta @ weights[i].T) * (zs[i - 1] > 0)
        weights[i] -= learning_rate * dw
        biases[i] -= learning_rate * db

rng = np.random.default_rng(4)
model = {
    "weights": [rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 2))],
    "biases": [np.zeros(3), np.zeros(3), np.zeros(2)],
}
x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
""",
    "audit(loss, train_step, model, x, y, learning_rate=0.1)",
    (
        Planted("delta @ weights[i].T", "delta @ weights[i].T * 2", "factor unknown"),
        Planted(" * (zs[i - 1] > 0)", "", "slope missing"),
        Planted("delta = (hs[-1] - y) / len(x)", "delta = (hs[-1] - y)", "factor"),
        Planted("biases[i] -= learning_rate * db", "pass", "bias"),
        Planted("-= learning_rate * dw", "+= learning_rate * dw", "sign"),
        Planted("delta.sum(axis=0)", "delta.mean(axis=0)", "bias"),
    ),
)

TOGETHER = Pass(
    "loss and gradients from one function, one vector at a time",
    """
def loss_and_gradients(params, x, y):
    W1, W2 = params
    a = W1 @ x
    h = np.tanh(a)
    out = W2 @ h
    error = out - y
    loss = 0.5 * np.sum(error ** 2)
    dW2 = np.outer(error, h)
    dh = W2.T @ error
    dW1 = np.outer(dh * (1 - h ** 2), x)
    return loss, (dW1, dW2)

rng = np.random.default_rng(5)
params = (rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))
x, y = rng.normal(size=3), rng.normal(size=3)
""",
    "audit(loss_and_gradients, params, x, y)",
    (
        Planted("W2.T @ error", "W2 @ error", "transposed weight"),
        Planted("np.outer(error, h)", "np.outer(h, error)", "transposed gradient"),
        Planted("np.outer(error, h)", "np.outer(error, a)", "stale input"),
        Planted("(1 - h ** 2)", "(1 - a ** 2)", "slope formula slope at activation"),
        Planted("np.outer(error, h)", "np.outer(error, x)", "stale input"),
        Planted("dW2 = np.outer(error, h)", "dW2 = np.outer(np.sign(error), h)", "loss unknown"),
        Planted("(dW1, dW2)", "(dW2, dW1)", "swapped"),
    ),
)

PREDICTION = Pass(
    "a linear model and its prediction, squared error told by name",
    """
def predict(w, b, x):
    return x @ w + b

def gradients(w, b, x, y):
    error = predict(w, b, x) - y
    return x.T @ error * 2 / len(x), error.sum() * 2 / len(x)

rng = np.random.default_rng(6)
w, b = rng.normal(size=3), 0.1
x, y = rng.normal(size=(7, 3)), rng.normal(size=7)
""",
    "audit(lambda w, b, x, y: np.mean((predict(w, b, x) - y) ** 2), gradients, (w, b), x, y)",
    (
        Planted("error = predict(w, b, x) - y", "error = np.sign(predict(w, b, x) - y)", "loss"),
        Planted("x.T @ error * 2", "x.T @ error", "factor"),
        Planted("error.sum() * 2 / len(x)", "error.mean() * 2 / len(x)", "bias"),
    ),
)

PASSES = (XOR_SIGMOID, COLUMNS, SOFTMAX, PLAIN_LOGISTIC, SCALARS, STEP, TOGETHER, PREDICTION)


def main() -> int:
    """Audit every pass, right and with each mistake, and say which verdicts name the fault."""
    named = count = 0
    wrongly = []
    for p in PASSES:
        if not p.audited().correct:
            wrongly.append(p.name)
        for planted in p.faults:
            found = p.audited(planted)
            hit = not found.correct and any(fault.kind in planted.kinds for fault in found.faults)
            count, named = count + 1, named + hit
            print(f"{'named ' if hit else 'MISSED'}  {planted.right} -> {planted.wrong}\n        {found.verdict}")
    print(f"{named} of {count} planted mistakes named; called wrong though right: {wrongly or 'none'}")
    return 0 if named >= 0.9 * count and not wrongly else 1


if __name__ == "__main__":
    raise SystemExit(main())
