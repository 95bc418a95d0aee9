"""How a network is written as ONNX, and the certificate of what was written."""

from __future__ import annotations

from typing import Literal

import msgspec

Precision = Literal["fp32", "fp16", "int8", "int8-static"]
"""The numbers of an ONNX file: `int8` quantises weights and leaves activations to the runtime; `int8-static` measures
the activations' ranges on calibration samples."""


Judged = Literal["equality", "bound", "metrics"]
"""What a file passes by: `equality` with torch; or, with 8 bits, which are not equal to 32, the `metrics` of the design
on its data, and where none was measured the `bound` alone, which tells only what is broken."""


class OnnxOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What can be chosen of an ONNX file. The defaults load in most places."""

    opset: int = 0
    """0: the exporter's own."""
    precision: Precision = "fp32"
    any_batch: bool = True
    """The batch is an axis called `batch`; else it is 1."""
    any_size: bool = False
    """Height and width of each image are axes called `height` and `width` (of a second image `height_NAME`)."""
    separate_data: bool = False
    """The weights stand in a file beside the model. Heavier ones than a protobuf can hold always do."""
    preprocess: bool = False
    """The model takes pixels from 0 to 1 and normalises them as training did."""
    postprocess: bool = True
    """Keep what is drawn for it: the decoding and suppression of boxes, a last softmax."""
    probabilities: bool = False
    """Turn the scores that a classifier's loss takes into probabilities."""
    calibration: int = 64
    """So many samples of the data's training split measure the ranges for `int8-static`."""


class Compared(msgspec.Struct, frozen=True, omit_defaults=True):
    """An output in ONNX Runtime beside torch's, on the same inputs. `largest` is absolute, `relative` is that over the
    largest value of torch's output (or over 0.01, where all are smaller); of `decisions` it is the share of those that
    are others. With 8 bits detections are paired by class and overlap: `count`
    says how many have no like, and their share."""

    output: str
    batch: int
    inputs: tuple[tuple[int, ...], ...]
    """Each input's shape, the batch first."""
    largest: float
    relative: float
    within: bool
    """Whether `relative` is at most the certificate's tolerance; of `decisions`, that of all batches together. With 8
    bits that is no equality."""
    decisions: bool = False
    """Whether these are whole numbers, such as a class or a yes."""


class Diverged(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first node whose output differs though its inputs agree."""

    node: str
    """Its place on the canvas, with / into Groups."""
    block: str
    operator: str
    """The ONNX operator behind it."""
    largest: float
    relative: float


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was checked of an ONNX file. It stands as JSON beside it, called NAME.certificate.json."""

    design: str
    variant: str
    file: str
    bytes: int
    sha256: str
    opset: int
    precision: Precision
    passed: bool
    judged: Judged
    checker: bool
    """onnx.checker with full check."""
    shapes: bool
    """Shape inference in strict mode, down to every output."""
    compared: tuple[Compared, ...]
    tolerance: float
    operators: dict[str, int]
    """Each operator with how often it stands in the graph, by name."""
    milliseconds: float | None = None
    """One run in ONNX Runtime, batch 1, by the median."""
    torch_milliseconds: float | None = None
    diverged: Diverged | None = None
    remarks: tuple[str, ...] = ()
    """What else one should know, a sentence each."""
    versions: dict[str, str] = {}
    """Of netloom, torch, onnx and onnxruntime."""
