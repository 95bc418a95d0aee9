"""What would not export, asked while one draws."""

from __future__ import annotations

import msgspec

from app.design.values import Design
from app.messages.reports import Problem


class CheckExport(msgspec.Struct, frozen=True, tag=True):
    """Ask what of the drawing would not go into an ONNX file. With `any_size` the file shall take images of any
    size."""

    job: str
    design: Design
    variant: str = ""
    any_size: bool = False


class ExportChecked(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to CheckExport: warnings, in the order in which the network runs. What takes long is looked at bit by
    bit: of `left` blocks nothing is known yet, so ask again."""

    job: str
    problems: tuple[Problem, ...] = ()
    left: int = 0
