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
        Planted("* h1 * (1 - h1)", "", "slope missing"),
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
        Planted("delta @ weights[i].T", "delta @ weights[i].T * 2", "factor"),
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
        Planted("dW2 = np.outer(error, h)", "dW2 = np.outer(np.sign(error), h)", "loss"),
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

MORE = (  # of other kinds than a dense net, and with parameters one by one
    Pass(
        "tanh net, half the sum of squares, a tuple",
        """
def forward(W1, b1, W2, b2, X, Y):
    H = np.tanh(X.dot(W1) + b1)
    out = H.dot(W2) + b2
    return 0.5 * np.sum((out - Y) ** 2)

def backward(W1, b1, W2, b2, X, Y):
    Z = X.dot(W1) + b1
    H = np.tanh(Z)
    out = H.dot(W2) + b2
    dout = out - Y
    dW2 = H.T.dot(dout)
    db2 = np.sum(dout, axis=0)
    dH = dout.dot(W2.T)
    dZ = dH * (1 - H ** 2)
    dW1 = X.T.dot(dZ)
    db1 = np.sum(dZ, axis=0)
    return dW1, db1, dW2, db2

rng = np.random.RandomState(3)
W1, b1, W2, b2 = rng.randn(3, 5) * 0.7, rng.randn(5) * 0.1, rng.randn(5, 2) * 0.7, rng.randn(2) * 0.1
X, Y = rng.randn(6, 3), rng.randn(6, 2)
""",
        "audit(forward, backward, W1, b1, W2, b2, X, Y)",
        (
            Planted("dZ = dH * (1 - H ** 2)", "dZ = dH * (1 - Z ** 2)", "slope formula, slope at activation"),
            Planted("dout = out - Y", "dout = (out - Y) / len(X)", "factor"),
            Planted("dW2 = H.T.dot(dout)", "dW2 = Z.T.dot(dout)", "stale input"),
            Planted("db1 = np.sum(dZ, axis=0)", "db1 = np.sum(dH, axis=0)", "bias"),
        ),
    ),
    Pass(
        "softmax cross-entropy net, one-hot, sigmoid hidden, dict",
        """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward(params, X, T):
    h = sigmoid(X @ params["W1"] + params["b1"])
    p = softmax(h @ params["W2"] + params["b2"])
    return -np.sum(T * np.log(p)) / X.shape[0]

def backward(params, X, T):
    N = X.shape[0]
    h = sigmoid(X @ params["W1"] + params["b1"])
    p = softmax(h @ params["W2"] + params["b2"])
    dscores = (p - T) / N
    grads = {}
    grads["W2"] = h.T @ dscores
    grads["b2"] = dscores.sum(axis=0)
    dh = dscores @ params["W2"].T
    da = dh * h * (1 - h)
    grads["W1"] = X.T @ da
    grads["b1"] = da.sum(axis=0)
    return grads

rng = np.random.RandomState(11)
params = {"W1": rng.randn(4, 6), "b1": rng.randn(6), "W2": rng.randn(6, 3), "b2": rng.randn(3)}
X = rng.randn(8, 4)
T = np.eye(3)[rng.randint(0, 3, 8)]
""",
        "audit(forward, backward, params, X, T)",
        (
            Planted("dscores = (p - T) / N", "dscores = (p - T) * p * (1 - p) / N", "slope doubled, loss"),
            Planted("da = dh * h * (1 - h)", "da = dh * sigmoid(h) * (1 - sigmoid(h))", "slope at activation"),
            Planted('grads["b1"] = da.sum(axis=0)', 'grads["b1"] = da.mean(axis=0)', "bias"),
            Planted("dscores = (p - T) / N", "dscores = (T - p) / N", "sign"),
        ),
    ),
    Pass(
        "conv1d, relu, mean pooling, squared error",
        """
def conv1d(x, k, b):
    n = len(x) - len(k) + 1
    out = np.zeros(n)
    for i in range(n):
        out[i] = np.sum(x[i:i + len(k)] * k) + b
    return out

def forward(k, b, v, c, x, y):
    z = conv1d(x, k, b)
    a = np.maximum(z, 0)
    pred = np.dot(v, a) + c
    return (pred - y) ** 2

def backward(k, b, v, c, x, y):
    z = conv1d(x, k, b)
    a = np.maximum(z, 0)
    pred = np.dot(v, a) + c
    dpred = 2 * (pred - y)
    dv = dpred * a
    dc = dpred
    da = dpred * v
    dz = da * (z > 0)
    dk = np.zeros_like(k)
    for i in range(len(z)):
        dk += dz[i] * x[i:i + len(k)]
    db = np.sum(dz)
    return dk, db, dv, dc

rng = np.random.RandomState(7)
k, b, v, c = rng.randn(3), 0.2, rng.randn(8), -0.3
x, y = rng.randn(10), 0.7
""",
        "audit(forward, backward, k, b, v, c, x, y)",
        (
            Planted("dk += dz[i] * x[i:i + len(k)]", "dk += dz[i] * x[i:i + len(k)][::-1]", "stale input"),
            Planted("db = np.sum(dz)", "db = dz[-1]", "bias"),
            Planted("dz = da * (z > 0)", "dz = da", "slope missing"),
            Planted("dpred = 2 * (pred - y)", "dpred = pred - y", "factor"),
        ),
    ),
    Pass(
        "recurrent net over characters, lists of one-hot vectors",
        """
def lossFun(Wxh, Whh, Why, bh, by, inputs, targets):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.zeros((len(bh), 1))
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t-1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t-1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, (dWxh, dWhh, dWhy, dbh, dby)

rng = np.random.RandomState(0)
Wxh, Whh, Why = rng.randn(4, 5) * 0.5, rng.randn(4, 4) * 0.5, rng.randn(5, 4) * 0.5
bh, by = rng.randn(4, 1) * 0.1, rng.randn(5, 1) * 0.1
inputs, targets = [0, 3, 1, 4], [3, 1, 4, 2]
""",
        "audit(lambda *a: lossFun(*a)[0], lambda *a: lossFun(*a)[1], (Wxh, Whh, Why, bh, by), inputs, targets)",
        (
            Planted("dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)", "transposed weight"),
            Planted("dWhh += np.dot(dhraw, hs[t-1].T)", "dWhh += np.dot(dhraw, hs[t].T)", "stale input"),
            Planted("dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)", "accumulation"),
            Planted("dbh += dhraw", "dbh = dhraw", "bias, accumulation"),
        ),
    ),
    Pass(
        "batch normalisation before a ReLU, squared error",
        """
def forward(gamma, beta, W, b, X, Y):
    mu = X.mean(axis=0)
    var = X.var(axis=0)
    xhat = (X - mu) / np.sqrt(var + 1e-5)
    h = np.maximum(0, gamma * xhat + beta)
    return np.mean((h @ W + b - Y) ** 2)

def backward(gamma, beta, W, b, X, Y):
    mu = X.mean(axis=0)
    var = X.var(axis=0)
    xhat = (X - mu) / np.sqrt(var + 1e-5)
    z = gamma * xhat + beta
    h = np.maximum(0, z)
    d = 2 * (h @ W + b - Y) / Y.size
    dW = h.T @ d
    db = d.sum(axis=0)
    dz = (d @ W.T) * (z > 0)
    dgamma = np.sum(dz * xhat, axis=0)
    dbeta = np.sum(dz, axis=0)
    return dgamma, dbeta, dW, db

rng = np.random.RandomState(5)
gamma, beta, W, b = 1 + 0.3 * rng.randn(4), 0.2 * rng.randn(4), rng.randn(4, 2), rng.randn(2)
X, Y = 2 * rng.randn(9, 4) + 1, rng.randn(9, 2)
""",
        "audit(forward, backward, gamma, beta, W, b, X, Y)",
        (
            Planted("dgamma = np.sum(dz * xhat, axis=0)", "dgamma = np.sum(dz * X, axis=0)", "stale input"),
            Planted("dbeta = np.sum(dz, axis=0)", "dbeta = np.mean(dz, axis=0)", "bias"),
            Planted("2 * (h @ W + b - Y) / Y.size", "2 * (h @ W + b - Y) / len(Y)", "factor"),
        ),
    ),
    Pass(
        "batch normalisation of a hidden layer, with its inner gradient",
        """
def forward(W1, gamma, beta, W2, X, Y):
    z = X @ W1
    mu, var = z.mean(axis=0), z.var(axis=0)
    zhat = (z - mu) / np.sqrt(var + 1e-5)
    h = np.tanh(gamma * zhat + beta)
    return np.sum((h @ W2 - Y) ** 2) / len(X)

def backward(W1, gamma, beta, W2, X, Y):
    N = len(X)
    z = X @ W1
    mu, var = z.mean(axis=0), z.var(axis=0)
    std = np.sqrt(var + 1e-5)
    zhat = (z - mu) / std
    h = np.tanh(gamma * zhat + beta)
    dout = 2 * (h @ W2 - Y) / N
    dW2 = h.T @ dout
    dbn = (dout @ W2.T) * (1 - h * h)
    dgamma = (dbn * zhat).sum(axis=0)
    dbeta = dbn.sum(axis=0)
    dzhat = dbn * gamma
    dz = (dzhat - dzhat.mean(axis=0) - zhat * (dzhat * zhat).mean(axis=0)) / std
    dW1 = X.T @ dz
    return dW1, dgamma, dbeta, dW2

rng = np.random.RandomState(15)
W1, gamma, beta, W2 = rng.randn(3, 4), 1 + 0.2 * rng.randn(4), 0.1 * rng.randn(4), rng.randn(4, 2)
X, Y = rng.randn(7, 3), rng.randn(7, 2)
""",
        "audit(forward, backward, W1, gamma, beta, W2, X, Y)",
        (
            Planted("dbn = (dout @ W2.T) * (1 - h * h)", "dbn = dout @ W2.T", "slope missing"),
            Planted("dout = 2 * (h @ W2 - Y) / N", "dout = 2 * (Y - h @ W2) / N", "sign"),
        ),
    ),
    Pass(
        "logistic regression with weight decay, numpy",
        """
def cost(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.05 * np.sum(w ** 2)

def gradient(w, b, X, y):
    m = X.shape[0]
    p = 1 / (1 + np.exp(-(X @ w + b)))
    dw = X.T @ (p - y) / m + 0.1 * w
    db = np.sum(p - y) / m
    return dw, db

rng = np.random.RandomState(2)
w, b = rng.randn(4), 0.3
X = rng.randn(12, 4)
y = (rng.rand(12) > 0.5).astype(float)
""",
        "audit(cost, gradient, w, b, X, y)",
        (
            Planted(" + 0.1 * w", "", "regularisation"),
            Planted("db = np.sum(p - y) / m", "db = np.sum(p - y)", "bias"),
            Planted("X.T @ (p - y) / m", "X.T @ ((p - y) * p * (1 - p)) / m", "slope doubled, loss"),
        ),
    ),
    Pass(
        "logistic regression, plain Python, a sum over samples",
        """
def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))

def loss(weights, bias, rows, labels):
    total = 0.0
    for row, label in zip(rows, labels):
        p = sigmoid(sum(w * x for w, x in zip(weights, row)) + bias)
        total -= label * math.log(p) + (1 - label) * math.log(1 - p)
    return total

def grad(weights, bias, rows, labels):
    gw = [0.0] * len(weights)
    gb = 0.0
    for row, label in zip(rows, labels):
        p = sigmoid(sum(w * x for w, x in zip(weights, row)) + bias)
        error = p - label
        for j in range(len(weights)):
            gw[j] += error * row[j]
        gb += error
    return gw, gb

weights, bias = [0.4, -0.9, 0.2], 0.15
rows = [[1.0, 0.5, -1.2], [-0.3, 0.8, 0.6], [2.0, -1.0, 0.1], [0.2, 0.3, 1.5], [-1.4, 0.9, -0.7]]
labels = [1, 0, 1, 0, 1]
""",
        "audit(loss, grad, weights, bias, rows, labels)",
        (
            Planted("gw[j] += error * row[j]", "gw[j] = error * row[j]", "accumulation"),
            Planted("error = p - label", "error = (p - label) * p * (1 - p)", "slope doubled, loss"),
            Planted("        gb += error\n", "", "bias"),
            Planted("error = p - label", "error = (p - label) / len(rows)", "factor"),
        ),
    ),
    Pass(
        "a multilayer perceptron of lists, one sample, half the squared error",
        """
def sig(z):
    return 1 / (1 + math.exp(-z))

def run(net, x):
    h = [sig(sum(w * xi for w, xi in zip(row, x)) + b) for row, b in zip(net["hidden"], net["hidden_bias"])]
    o = [sig(sum(w * hi for w, hi in zip(row, h)) + b) for row, b in zip(net["out"], net["out_bias"])]
    return h, o

def error(net, x, target):
    h, o = run(net, x)
    return sum(0.5 * (t - oi) ** 2 for t, oi in zip(target, o))

def backprop(net, x, target):
    h, o = run(net, x)
    delta_out = [(oi - t) * oi * (1 - oi) for oi, t in zip(o, target)]
    delta_hidden = []
    for j in range(len(h)):
        back = sum(delta_out[k] * net["out"][k][j] for k in range(len(o)))
        delta_hidden.append(back * h[j] * (1 - h[j]))
    return {
        "hidden": [[d * xi for xi in x] for d in delta_hidden],
        "hidden_bias": delta_hidden,
        "out": [[d * hj for hj in h] for d in delta_out],
        "out_bias": delta_out,
    }

net = {
    "hidden": [[0.15, 0.7], [-0.25, 0.3]],
    "hidden_bias": [0.35, -0.2],
    "out": [[0.4, -0.45], [0.5, 0.85]],
    "out_bias": [0.6, 0.1],
}
x, target = [0.35, 0.9], [0.1, 0.99]
""",
        "audit(error, backprop, net, x, target)",
        (
            Planted('net["out"][k][j]', 'net["out"][j][k]', "transposed weight"),
            Planted("(oi - t) * oi * (1 - oi)", "(oi - t)", "slope missing"),
            Planted("back * h[j] * (1 - h[j])", "back * sig(h[j]) * (1 - sig(h[j]))", "slope at activation"),
            Planted(
                "[[d * hj for hj in h] for d in delta_out]", "[[d * hj for hj in x] for d in delta_out]", "stale input"
            ),
        ),
    ),
    Pass(
        "softmax regression, plain Python, a mean over samples",
        """
def probabilities(W, b, x):
    z = [sum(wi * xi for wi, xi in zip(row, x)) + bi for row, bi in zip(W, b)]
    top = max(z)
    e = [math.exp(v - top) for v in z]
    s = sum(e)
    return [v / s for v in e]

def loss(W, b, data, classes):
    return -sum(math.log(probabilities(W, b, x)[c]) for x, c in zip(data, classes)) / len(data)

def gradients(W, b, data, classes):
    dW = [[0.0] * len(row) for row in W]
    db = [0.0] * len(b)
    n = len(data)
    for x, c in zip(data, classes):
        p = probabilities(W, b, x)
        for k in range(len(b)):
            d = p[k] - (1 if k == c else 0)
            for j in range(len(x)):
                dW[k][j] += d * x[j] / n
            db[k] += d / n
    return dW, db

W = [[0.1, -0.4], [0.7, 0.2], [-0.5, 0.3]]
b = [0.05, -0.1, 0.2]
data, classes = [[1.0, 2.0], [-0.5, 0.3], [0.8, -1.1], [0.1, 0.6]], [0, 2, 1, 1]
""",
        "audit(loss, gradients, W, b, data, classes)",
        (
            Planted("dW[k][j] += d * x[j] / n", "dW[k][j] += d * x[j]", "factor"),
            Planted("d = p[k] - (1 if k == c else 0)", "d = (1 if k == c else 0) - p[k]", "sign"),
            Planted("db[k] += d / n", "db[k] += d * d / n", "bias"),
        ),
    ),
    Pass(
        "deep leaky ReLU net, lists of matrices, a loop over layers",
        """
def leaky(z):
    return np.where(z > 0, z, 0.1 * z)

def forward(Ws, bs, X, Y):
    a = X
    for W, b in zip(Ws[:-1], bs[:-1]):
        a = leaky(a @ W + b)
    return np.mean(np.sum((a @ Ws[-1] + bs[-1] - Y) ** 2, axis=1))

def backward(Ws, bs, X, Y):
    acts, zs = [X], []
    for W, b in zip(Ws[:-1], bs[:-1]):
        zs.append(acts[-1] @ W + b)
        acts.append(leaky(zs[-1]))
    delta = 2 * (acts[-1] @ Ws[-1] + bs[-1] - Y) / X.shape[0]
    dWs, dbs = [None] * len(Ws), [None] * len(bs)
    for l in reversed(range(len(Ws))):
        dWs[l] = acts[l].T @ delta
        dbs[l] = delta.sum(axis=0)
        if l > 0:
            delta = (delta @ Ws[l].T) * np.where(zs[l - 1] > 0, 1.0, 0.1)
    return dWs, dbs

rng = np.random.RandomState(21)
Ws = [rng.randn(4, 4) * 0.6, rng.randn(4, 4) * 0.6, rng.randn(4, 4) * 0.6, rng.randn(4, 2)]
bs = [rng.randn(4) * 0.2, rng.randn(4) * 0.2, rng.randn(4) * 0.2, rng.randn(2) * 0.2]
X, Y = rng.randn(5, 4), rng.randn(5, 2)
""",
        "audit(forward, backward, (Ws, bs), X, Y)",
        (
            Planted("(delta @ Ws[l].T)", "(delta @ (Ws[l].T if l == 3 else Ws[l]))", "transposed weight"),
            Planted("np.where(zs[l - 1] > 0, 1.0, 0.1)", "np.where(zs[l - 1] > 0, 1.0, 0.0)", "slope formula"),
            Planted("dWs[l] = acts[l].T @ delta", "dWs[l] = (acts[l] if l != 2 else acts[1]).T @ delta", "stale input"),
        ),
    ),
    Pass(
        "bag of words, embeddings averaged, sigmoid, binary cross-entropy",
        """
def score(E, v, c, words):
    return E[words].mean(axis=0) @ v + c

def loss(E, v, c, docs, labels):
    total = 0.0
    for words, label in zip(docs, labels):
        p = 1 / (1 + np.exp(-score(E, v, c, words)))
        total += -np.log(p) if label else -np.log(1 - p)
    return total / len(docs)

def backward(E, v, c, docs, labels):
    dE, dv, dc = np.zeros_like(E), np.zeros_like(v), 0.0
    for words, label in zip(docs, labels):
        p = 1 / (1 + np.exp(-score(E, v, c, words)))
        d = (p - label) / len(docs)
        dv += d * E[words].mean(axis=0)
        dc += d
        for w in words:
            dE[w] += d * v / len(words)
    return dE, dv, dc

rng = np.random.RandomState(8)
E, v, c = rng.randn(6, 3), rng.randn(3), 0.1
docs, labels = [[0, 1, 2], [3, 3, 4], [5, 1, 0, 2]], [1, 0, 1]
""",
        "audit(loss, backward, E, v, c, docs, labels)",
        (
            Planted("dv += d * E[words].mean(axis=0)", "dv += d * E[words].sum(axis=0)", "factor"),
            Planted("dc += d\n", "dc -= d\n", "sign"),
        ),
    ),
    Pass(
        "a class with a cache, softplus hidden, mean absolute error",
        """
class Net:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, x):
        self.x = x
        self.z = x @ self.W1 + self.b1
        self.h = np.log1p(np.exp(self.z))
        return self.h @ self.W2 + self.b2

    def backward(self, dy):
        g = {"W2": self.h.T @ dy, "b2": dy.sum(axis=0)}
        dz = (dy @ self.W2.T) / (1 + np.exp(-self.z))
        g["W1"] = self.x.T @ dz
        g["b1"] = dz.sum(axis=0)
        return g

def loss(params, x, y):
    return np.abs(Net(**params).forward(x) - y).mean()

def gradients(params, x, y):
    net = Net(**params)
    out = net.forward(x)
    return net.backward(np.sign(out - y) / y.size)

rng = np.random.RandomState(4)
params = {"W1": rng.randn(2, 4), "b1": rng.randn(4), "W2": rng.randn(4, 1), "b2": rng.randn(1)}
x, y = rng.randn(6, 2), rng.randn(6, 1)
""",
        "audit(loss, gradients, params, x, y)",
        (
            Planted("np.sign(out - y) / y.size", "2 * (out - y) / y.size", "loss"),
            Planted(
                "(dy @ self.W2.T) / (1 + np.exp(-self.z))",
                "(dy @ self.W2.T) / (1 + np.exp(-self.h))",
                "slope at activation",
            ),
            Planted("dz = (dy @ self.W2.T) / (1 + np.exp(-self.z))", "dz = (dy @ self.W2.T)", "slope missing"),
        ),
    ),
    Pass(
        "an autoencoder with tied weights",
        """
def forward(W, b, c, X):
    H = np.tanh(X @ W + b)
    R = H @ W.T + c
    return np.mean((R - X) ** 2)

def backward(W, b, c, X):
    H = np.tanh(X @ W + b)
    R = H @ W.T + c
    dR = 2 * (R - X) / X.size
    dc = dR.sum(axis=0)
    dH = dR @ W
    dA = dH * (1 - H ** 2)
    dW = X.T @ dA + dR.T @ H
    db = dA.sum(axis=0)
    return dW, db, dc

rng = np.random.RandomState(9)
W, b, c = rng.randn(5, 3) * 0.5, rng.randn(3) * 0.1, rng.randn(5) * 0.1
X = rng.randn(7, 5)
""",
        "audit(forward, backward, (W, b, c), X)",
        (
            Planted("dW = X.T @ dA + dR.T @ H", "dW = X.T @ dA", "accumulation"),
            Planted("dA = dH * (1 - H ** 2)", "dA = dH * (1 - H)", "slope formula"),
        ),
    ),
    Pass(
        "a support vector machine: hinge loss and weight decay",
        """
def hinge(w, b, X, y):
    return 0.01 * np.dot(w, w) + np.mean(np.maximum(0, 1 - y * (X @ w + b)))

def subgradient(w, b, X, y):
    dw, db = 0.02 * w, 0.0
    for xi, yi in zip(X, y):
        if yi * (xi @ w + b) < 1:
            dw = dw - yi * xi / len(X)
            db -= yi / len(X)
    return dw, db

rng = np.random.RandomState(12)
w, b = rng.randn(3), 0.2
X = rng.randn(10, 3)
y = np.where(rng.rand(10) > 0.5, 1.0, -1.0)
""",
        "audit(hinge, subgradient, w, b, X, y)",
        (Planted("dw = dw - yi * xi / len(X)", "dw = dw + yi * xi / len(X)", "sign"),),
    ),
    Pass(
        "a residual block with ELU, sum of squares",
        """
def elu(z):
    return np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)

def delu(z):
    return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))

def forward(A, B, v, X, y):
    h = X + elu(X @ A)
    k = h + elu(h @ B)
    return np.sum((k @ v - y) ** 2)

def backward(A, B, v, X, y):
    z1 = X @ A
    h = X + elu(z1)
    z2 = h @ B
    k = h + elu(z2)
    d = 2 * (k @ v - y)
    dv = k.T @ d
    dk = np.outer(d, v)
    dz2 = dk * delu(z2)
    dB = h.T @ dz2
    dh = dk + dz2 @ B.T
    dz1 = dh * delu(z1)
    dA = X.T @ dz1
    return dA, dB, dv

rng = np.random.RandomState(17)
A, B, v = rng.randn(3, 3), rng.randn(3, 3), rng.randn(3)
X, y = rng.randn(6, 3), rng.randn(6)
""",
        "audit(forward, backward, (A, B, v), X, y)",
        (
            Planted("dh = dk + dz2 @ B.T", "dh = dz2 @ B.T", "accumulation"),
            Planted("dh = dk + dz2 @ B.T", "dh = dk + dz2 @ B", "transposed weight"),
            Planted("dB = h.T @ dz2", "dB = X.T @ dz2", "stale input"),
            Planted("dz1 = dh * delu(z1)", "dz1 = dh * delu(z1) * delu(z1)", "slope doubled"),
        ),
    ),
    Pass(
        "a convolution in two dimensions, tanh, a linear read-out",
        """
def conv(img, ker):
    h, w = img.shape[0] - ker.shape[0] + 1, img.shape[1] - ker.shape[1] + 1
    out = np.zeros((h, w))
    for i in range(h):
        for j in range(w):
            out[i, j] = (img[i:i + ker.shape[0], j:j + ker.shape[1]] * ker).sum()
    return out

def forward(params, img, t):
    a = np.tanh(conv(img, params["K"]) + params["b"])
    return 0.5 * ((a * params["V"]).sum() - t) ** 2

def backward(params, img, t):
    K, V = params["K"], params["V"]
    z = conv(img, K) + params["b"]
    a = np.tanh(z)
    err = (a * V).sum() - t
    dV = err * a
    da = err * V
    dz = da * (1 - a ** 2)
    dK = np.zeros_like(K)
    for i in range(dz.shape[0]):
        for j in range(dz.shape[1]):
            dK += dz[i, j] * img[i:i + K.shape[0], j:j + K.shape[1]]
    return {"K": dK, "b": dz.sum(), "V": dV}

rng = np.random.RandomState(31)
params = {"K": rng.randn(2, 2), "b": 0.1, "V": rng.randn(3, 3)}
img, t = rng.randn(4, 4), 0.4
""",
        "audit(forward, backward, params, img, t)",
        (
            Planted("dz = da * (1 - a ** 2)", "dz = da", "slope missing"),
            Planted("dK += dz[i, j]", "dK += dz[j, i]", "transposed gradient"),
            Planted('"b": dz.sum()', '"b": dz.mean()', "bias"),
            Planted("err = (a * V).sum() - t", "err = t - (a * V).sum()", "sign"),
            Planted("dz = da * (1 - a ** 2)", "dz = da * (1 - z ** 2)", "slope formula, slope at activation"),
        ),
    ),
    Pass(
        "a GRU-like gate over a sequence",
        """
def sigmoid(v):
    return 1 / (1 + np.exp(-v))

def run(U, W, c, xs):
    h, hs, zs = np.zeros(3), [], []
    for x in xs:
        z = sigmoid(U @ x + W @ h + c)
        hs.append(h)
        zs.append(z)
        h = (1 - z) * h + z * np.tanh(x)
    return h, hs, zs

def loss(U, W, c, xs, y):
    return np.sum((run(U, W, c, xs)[0] - y) ** 2)

def bptt(U, W, c, xs, y):
    h, hs, zs = run(U, W, c, xs)
    dU, dW, dc = np.zeros_like(U), np.zeros_like(W), np.zeros_like(c)
    dh = 2 * (h - y)
    for t in reversed(range(len(xs))):
        dz = dh * (np.tanh(xs[t]) - hs[t])
        da = dz * zs[t] * (1 - zs[t])
        dU += np.outer(da, xs[t])
        dW += np.outer(da, hs[t])
        dc += da
        dh = dh * (1 - zs[t]) + W.T @ da
    return dU, dW, dc

rng = np.random.RandomState(33)
U, W, c = rng.randn(3, 3), rng.randn(3, 3), rng.randn(3)
xs, y = rng.randn(4, 3), rng.randn(3)
""",
        "audit(loss, bptt, U, W, c, xs, y)",
        (
            Planted("W.T @ da", "W @ da", "transposed weight"),
            Planted("dW += np.outer(da, hs[t])", "dW += np.outer(da, h)", "stale input"),
            Planted("dh = dh * (1 - zs[t]) + W.T @ da", "dh = W.T @ da", "accumulation"),
            Planted("dc += da", "dc = da", "bias, accumulation"),
            Planted("da = dz * zs[t] * (1 - zs[t])", "da = dz * zs[t]", "slope missing"),
            Planted("dh = 2 * (h - y)", "dh = h - y", "factor"),
        ),
    ),
    Pass(
        "plain Python: two layers, tanh, several samples, mean",
        """
def predict(p, x):
    h = [math.tanh(sum(wi * xi for wi, xi in zip(w, x)) + b) for w, b in zip(p["w1"], p["b1"])]
    return h, sum(v * hi for v, hi in zip(p["w2"], h)) + p["b2"]

def cost(p, xs, ys):
    return sum((predict(p, x)[1] - y) ** 2 for x, y in zip(xs, ys)) / len(xs)

def grads(p, xs, ys):
    g = {"w1": [[0.0] * len(r) for r in p["w1"]], "b1": [0.0] * len(p["b1"]), "w2": [0.0] * len(p["w2"]), "b2": 0.0}
    for x, y in zip(xs, ys):
        h, out = predict(p, x)
        d = 2 * (out - y) / len(xs)
        g["b2"] += d
        for j in range(len(h)):
            g["w2"][j] += d * h[j]
            dh = d * p["w2"][j] * (1 - h[j] ** 2)
            g["b1"][j] += dh
            for i in range(len(x)):
                g["w1"][j][i] += dh * x[i]
    return g

p = {"w1": [[0.3, -0.6], [0.9, 0.1], [-0.4, 0.5]], "b1": [0.1, 0.0, -0.2], "w2": [0.7, -0.3, 0.4], "b2": 0.05}
xs, ys = [[1.0, -0.5], [0.2, 0.8], [-1.1, 0.4]], [0.3, -0.2, 0.9]
""",
        "audit(cost, grads, p, xs, ys)",
        (
            Planted("(1 - h[j] ** 2)", "(1 - h[j])", "slope formula"),
            Planted('g["b1"][j] += dh', 'g["b1"][j] += d', "bias"),
            Planted("d = 2 * (out - y) / len(xs)", "d = 2 * (out - y)", "factor"),
            Planted('g["w2"][j] += d * h[j]', 'g["w2"][j] += d * x[0]', "stale input"),
        ),
    ),
    Pass(
        "layer normalisation and a linear layer",
        """
def forward(g, s, W, X, Y):
    m = X.mean(axis=1, keepdims=True)
    n = (X - m) / np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    return np.mean(((n * g + s) @ W - Y) ** 2)

def backward(g, s, W, X, Y):
    m = X.mean(axis=1, keepdims=True)
    n = (X - m) / np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    o = n * g + s
    d = 2 * (o @ W - Y) / Y.size
    do = d @ W.T
    return np.sum(do * n, axis=0), np.sum(do, axis=0), o.T @ d

rng = np.random.RandomState(35)
g, s, W = 1 + 0.1 * rng.randn(4), 0.1 * rng.randn(4), rng.randn(4, 4)
X, Y = rng.randn(5, 4), rng.randn(5, 4)
""",
        "audit(forward, backward, (g, s, W), X, Y)",
        (
            Planted("do = d @ W.T", "do = d @ W", "transposed weight"),
            Planted("o.T @ d", "n.T @ d", "stale input"),
            Planted("/ Y.size", "/ len(Y)", "factor"),
        ),
    ),
    Pass(
        "dot-product attention with one query",
        """
def forward(Q, K, V, x, q, y):
    s = (x @ K) @ (Q @ q)
    e = np.exp(s - s.max())
    a = e / e.sum()
    return 0.5 * np.sum((a @ (x @ V) - y) ** 2)

def backward(Q, K, V, x, q, y):
    u, k, v = Q @ q, x @ K, x @ V
    s = k @ u
    e = np.exp(s - s.max())
    a = e / e.sum()
    do = a @ v - y
    dv = np.outer(a, do)
    da = v @ do
    ds = a * (da - a @ da)
    dk = np.outer(ds, u)
    du = k.T @ ds
    return np.outer(du, q), x.T @ dk, x.T @ dv

rng = np.random.RandomState(37)
Q, K, V = rng.randn(3, 3), rng.randn(3, 3), rng.randn(3, 3)
x, q, y = rng.randn(5, 3), rng.randn(3), rng.randn(3)
""",
        "audit(forward, backward, (Q, K, V), x, q, y)",
        (
            Planted("ds = a * (da - a @ da)", "ds = a * da", "slope formula"),
            Planted("np.outer(du, q)", "np.outer(q, du)", "transposed gradient"),
            Planted("do = a @ v - y", "do = y - a @ v", "sign"),
            Planted("dk = np.outer(ds, u)", "dk = np.outer(da, u)", "stale input"),
        ),
    ),
)

PASSES = (XOR_SIGMOID, COLUMNS, SOFTMAX, PLAIN_LOGISTIC, SCALARS, STEP, TOGETHER, PREDICTION, *MORE)


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
