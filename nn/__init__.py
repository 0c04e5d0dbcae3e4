"""Neural networks in a few pages, on top of `autograd`: a network is Python code whose numbers are Values.

>>> import nn
>>> model = nn.MLP(2, [4, 1], seed=0)
>>> optimizer = nn.SGD(model.parameters(), lr=0.1)
>>> loss = nn.mse_loss(model([0.5, -1.0]), 1.0)
>>> loss.backward()
>>> optimizer.step()
>>> nn.mse_loss(model([0.5, -1.0]), 1.0) < loss
True

To read how it works: module.py, layers.py, losses.py, optim.py, training.py, in this order.
"""

from autograd.errors import MissingLibraryError

from .checkpoint import CheckpointError, load, save
from .layers import MLP, Layer, Linear, Neuron
from .losses import cross_entropy, mse_loss
from .module import Module, Parameter
from .optim import SGD, Adam, Optimizer
from .training import History, accuracy, evaluate, fit, minibatches

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "CheckpointError",
    "History",
    "Layer",
    "Linear",
    "MissingLibraryError",
    "Module",
    "Neuron",
    "Optimizer",
    "Parameter",
    "accuracy",
    "cross_entropy",
    "evaluate",
    "fit",
    "load",
    "minibatches",
    "mse_loss",
    "save",
]
