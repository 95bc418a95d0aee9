"""Plain functions that a composite's forward may call, and the blocks that they become when it is opened up."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

FUNCTIONS: dict[Callable[..., Any], str] = {
    operator.add: "Add", torch.add: "Add", operator.mul: "Multiply", torch.mul: "Multiply", torch.cat: "Concat",
    operator.sub: "Subtract", torch.sub: "Subtract", operator.matmul: "MatMul", torch.matmul: "MatMul",
}  # fmt: skip
"""Function -> id of the block that does the same."""
