"""Expressions of tensors that are blocks: sums, products, `torch.cat`; and their constants as settings."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from app.design.ports import Catalogue
from app.design.read_back.flow import Step
from app.design.read_back.pairing import Drawn
from app.design.values import Settings, SettingValue
from blocks.card import Setting

HIGH_WIDE = ("=-2|2", "=-1|3")
"""The last two dimensions of (B, C, H, W)."""
FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "(+ _*)": ("Add", ()), "(* _*)": ("Multiply", ()), "BinOp(_ Sub() _)": ("Subtract", ()),
    "BinOp(_ MatMult() _)": ("MatMul", ()), "torch.matmul(_ _)": ("MatMul", ()),
    "torch.add(_ _)": ("Add", ()), "torch.mul(_ _)": ("Multiply", ()),
    "torch.cat([_*] ?)": ("Concat", ("=1",)), "torch.concat([_*] ?)": ("Concat", ("=1",)),
    "torch.stack([_*] ?)": ("Stack", ("dim",)),
    "_.flatten(?)": ("Flatten", ("start_dim",)), "torch.flatten(_ ?)": ("Flatten", ("start_dim",)),
    "F.relu(_)": ("ReLU", ()), "torch.relu(_)": ("ReLU", ()), "_.relu()": ("ReLU", ()), "F.gelu(_)": ("GELU", ()),
    "F.silu(_)": ("SiLU", ()), "torch.sigmoid(_)": ("Sigmoid", ()), "F.sigmoid(_)": ("Sigmoid", ()),
    "_.sigmoid()": ("Sigmoid", ()), "torch.tanh(_)": ("Tanh", ()), "F.tanh(_)": ("Tanh", ()), "_.tanh()": ("Tanh", ()),
    "F.softmax(_ ?)": ("Softmax", ("dim",)), "torch.softmax(_ ?)": ("Softmax", ("dim",)),
    "_.softmax(?)": ("Softmax", ("dim",)), "F.max_pool2d(_ ?)": ("MaxPool2d", ("=2",)),
    "F.max_pool2d(_ ? ?)": ("MaxPool2d", ("kernel_size", "stride")),
    "F.avg_pool2d(_ ?)": ("AvgPool2d", ("=2",)), "F.avg_pool2d(_ ? ?)": ("AvgPool2d", ("kernel_size", "stride")),
    "F.adaptive_avg_pool2d(_ ?)": ("AdaptiveAvgPool2d", ("output_size",)),
    "F.leaky_relu(_)": ("LeakyReLU", ()), "F.leaky_relu(_ ?)": ("LeakyReLU", ("negative_slope",)),
    "F.elu(_)": ("ELU", ()), "F.hardswish(_)": ("Hardswish", ()), "F.mish(_)": ("Mish", ()),
    "F.relu6(_)": ("ReLU6", ()), "F.softplus(_)": ("Softplus", ()),
    "F.log_softmax(_ ?)": ("LogSoftmax", ("dim",)), "torch.log_softmax(_ ?)": ("LogSoftmax", ("dim",)),
    "(* _ ?)": ("Scale", ("factor",)), "(* ? _)": ("Scale", ("factor",)), "torch.mul(_ ?)": ("Scale", ("factor",)),
    "BinOp(_ Div() ?)": ("Scale", ("/factor",)),
    "_.mean(?)": ("Mean", ("dim",)), "torch.mean(_ ?)": ("Mean", ("dim",)),
    "_.mean(? keepdim=?)": ("Mean", ("dim", "keep_size")), "torch.mean(_ ? keepdim=?)": ("Mean", ("dim", "keep_size")),
    "_.mean([? ?])": ("GlobalAvgPool", HIGH_WIDE), "torch.mean(_ [? ?])": ("GlobalAvgPool", HIGH_WIDE),
    "_.mean([? ?] keepdim=?)": ("GlobalAvgPool", (*HIGH_WIDE, "keep_size")),
    "torch.mean(_ [? ?] keepdim=?)": ("GlobalAvgPool", (*HIGH_WIDE, "keep_size")),
    "F.interpolate(_ scale_factor=?)": ("Interpolate", ("scale",)),
    "F.interpolate(_ scale_factor=? mode=?)": ("Interpolate", ("scale", "mode")),
    "F.interpolate(_ scale_factor=? mode=? align_corners=?)": ("Interpolate", ("scale", "mode", "corners")),
}  # fmt: skip
"""By their form (`dim=` of functions in `flow.ALONG` stands there without its name): the block, and what each constant
is: a setting, or `=1` where it must be 1, `=-1|3` one of these, `/factor` where one is divided by it."""


def form_of(step: Step, drawn: Drawn, catalogue: Catalogue) -> tuple[str, Settings] | None:
    """The block that an expression is, with its settings: as one like it in this class, or as `FORMS` has it."""
    assert drawn.flow is not None
    for i, id in drawn.ids.items():
        other = drawn.flow.steps[i]
        if other.kind == "op" and other.name == step.name and other.numbers == step.numbers:
            node = drawn.graph.by_id[id]
            if node.block:
                return node.block, node.settings
    known = FORMS.get(step.name)
    if known is None or known[0] not in catalogue:
        return None
    block, constants = known
    settings: dict[str, SettingValue] = {}
    for what, text in zip(constants, step.numbers, strict=True):
        if what.startswith("="):
            if text not in what[1:].split("|"):
                return None
            continue
        declared = catalogue[block].setting(what.removeprefix("/"))
        if declared is None:
            return None
        try:
            value = ast.literal_eval(text)
            settings[declared.name] = declared.accept(1 / value if what.startswith("/") else value)
        except (ValueError, TypeError, ZeroDivisionError):
            return None
    return block, Settings(settings)


def numbers_as_settings(
    before: Step, step: Step, drawn: Settings, declared: Iterable[Setting]
) -> dict[str, SettingValue]:
    """The settings that an expression's constants are, where they were changed. Raises ValueError with a sentence."""
    found: dict[str, SettingValue] = {}
    known = {setting.name: setting for setting in declared}
    for old, new in zip(before.numbers, step.numbers, strict=True):
        if old == new:
            continue
        value = ast.literal_eval(old)
        fitting = [
            name for name, setting in known.items()
            if drawn.get(name, setting.default) in (value, (value, value)) and type(value) is not bool
        ]  # fmt: skip
        if len(fitting) != 1:
            raise ValueError(f"`{old}` became `{new}`, and it is not clear which setting that is")
        found[fitting[0]] = known[fitting[0]].accept(ast.literal_eval(new))
    return found
