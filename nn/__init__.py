"""Neural networks in a few pages, on top of `autograd`: a network is Python code whose numbers are Values.

>>> import nn
>>> model = nn.MLP(2, [4, 1], seed=0)
>>> optimizer = nn.SGD(model.parameters(), lr=0.1)
>>> loss = nn.mse_loss(model([0.5, -1.0]), 1.0)
>>> loss.backward()
>>> optimizer.step()
>>> nn.mse_loss(model([0.5, -1.0]), 1.0) < loss
True

To read how it works: module.py, layers.py, losses.py, optim.py, training.py, in this order. ``nn.init`` has the
initialisers.
"""

# fmt: off
# isort: off
from autograd.errors import MissingLibraryError

from . import init
from .checkpoint import CheckpointError, load, save
from .layers import (ELU, GELU, MLP, BatchNorm1d, Conv2d, Dropout, Flatten, Layer, LeakyReLU, Linear, LogSoftmax,
                     LSTMCell, MaxPool2d, Neuron, ReLU, RNNCell, Sequential, Sigmoid, SiLU, Softmax, Softplus,
                     Softsign, Tanh)
from .losses import (binary_cross_entropy, binary_cross_entropy_with_logits, categorical_cross_entropy, cross_entropy,
                     hinge_loss, huber_loss, l1_loss, l1_penalty, l2_penalty, mse_loss, nll_loss)
from .module import Buffer, Module, Parameter
from .optim import (SGD, Adagrad, Adam, AdamW, CosineAnnealingLR, LinearLR, LinearWarmup, Optimizer, ReduceLROnPlateau,
                    RMSprop, Scheduler, StepLR, clip_grad_norm_, clip_grad_value_)
from .training import History, accuracy, evaluate, fit, minibatches

__all__ = ["ELU", "GELU", "MLP", "SGD", "Adagrad", "Adam", "AdamW", "BatchNorm1d", "Buffer", "CheckpointError",
           "Conv2d", "CosineAnnealingLR", "Dropout", "Flatten", "History", "LSTMCell", "Layer", "LeakyReLU", "Linear",
           "LinearLR", "LinearWarmup", "LogSoftmax", "MaxPool2d", "MissingLibraryError", "Module", "Neuron",
           "Optimizer", "Parameter", "RMSprop", "RNNCell", "ReLU", "ReduceLROnPlateau", "Scheduler", "Sequential",
           "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "StepLR", "Tanh", "accuracy", "binary_cross_entropy",
           "binary_cross_entropy_with_logits", "categorical_cross_entropy", "clip_grad_norm_", "clip_grad_value_",
           "cross_entropy", "evaluate", "fit", "hinge_loss", "huber_loss", "init", "l1_loss", "l1_penalty",
           "l2_penalty", "load", "minibatches", "mse_loss", "nll_loss", "save"]
