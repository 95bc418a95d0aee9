"""Netloom: draw a neural network, check it, train it, take it with you."""

__version__ = "0.1.0"
