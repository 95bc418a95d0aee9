"""Drawings for tests, in a line each."""

from app.design.build import chain, node, wire

IMAGE = node("image", "Input", size=(3, 32, 32))
OUTPUT = node("output", "Output")

__all__ = ["IMAGE", "OUTPUT", "chain", "node", "wire"]
