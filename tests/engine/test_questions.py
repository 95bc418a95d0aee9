"""Every question that the window may ask gets its answer, under its own job, and both cross the pipe."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app import messages as m
from app.design import edits
from app.design.paths import apply_variant
from app.design.values import Design, Recipe, Settings, Variant
from app.engine.compile import shared_analyser
from app.engine.questions import answer
from app.messages.augment import Augmented, GetAugmented
from app.messages.code import Code, GetCode
from app.messages.data import DataShown, FindKind, GetData, KindFound
from app.messages.forecast import ForecastMemory, MemoryForecast
from app.messages.lint import CheckExport, ExportChecked
from app.messages.parts import Fields, GetFields, GetParts, Parts
from app.messages.preview import GetPreview, Preview
from app.messages.profile import GetProfile, Profile
from app.messages.recipe import CountSamples, FindRate, RateFound, Samples
from app.messages.reckoning import Reckon, Reckoning
from app.messages.solving import Solve, Solved
from app.messages.symbols import CheckSizes, GetSymbols, SizesChecked, Symbols
from app.messages.totals import GetTotals, Totals
from app.messages.trial import TriedOut, TryOut
from app.messages.weights import CompareWeights, WeightsCompared
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

DESIGN = chain(
    IMAGE, node("conv", "Conv2d", out_channels=8, stride=(2, 2)), node("stage", "BasicBlock", channels=8), OUTPUT,
    variants=(Variant("wide", Settings({"conv.out_channels": 32})),),
)  # fmt: skip
TRAINS = chain(
    node("image", "Input", size=(1, 8, 8)), node("flat", "Flatten"), node("fc", "Linear", out_features=10), OUTPUT,
    more=(node("truth", "Target"), node("loss", "CrossEntropy")),
    wires=(wire("fc", "loss.x"), wire("truth", "loss.target")), recipe=Recipe(data="digits"),
)  # fmt: skip

ASKED: dict[type, tuple[object, type]] = {
    m.Survey: (m.Survey("j", DESIGN), m.Surveyed),
    m.OpenUp: (m.OpenUp("j", DESIGN, "", "stage"), m.OpenedUp),
    Solve: (Solve("j", DESIGN, "", "conv", "out", (8, 8, 8)), Solved),
    Reckon: (Reckon("j", DESIGN, "", "conv"), Reckoning),
    GetParts: (GetParts("j", DESIGN, "", "stage"), Parts),
    GetFields: (GetFields("j", DESIGN), Fields),
    TryOut: (TryOut("j", DESIGN, "conv"), TriedOut),
    ForecastMemory: (ForecastMemory("j", DESIGN, batch=2, device="cpu"), MemoryForecast),
    GetSymbols: (GetSymbols("j", DESIGN), Symbols),
    GetPreview: (GetPreview("j", DESIGN, detail="stage"), Preview),
    CheckSizes: (CheckSizes("j", DESIGN, sizes=((32, 32),)), SizesChecked),
    GetProfile: (GetProfile("j", DESIGN, batch=2, device="cpu"), Profile),
    GetTotals: (GetTotals("j", DESIGN), Totals),
    CountSamples: (CountSamples("j", TRAINS), Samples),
    FindRate: (FindRate("j", TRAINS, device="cpu", steps=10), RateFound),
    GetData: (GetData("j", TRAINS, count=2), DataShown),
    FindKind: (FindKind("j", DESIGN, __file__), KindFound),
    GetAugmented: (GetAugmented("j", TRAINS, count=2), Augmented),
    GetCode: (GetCode("j", DESIGN), Code),
    CompareWeights: (CompareWeights("j", DESIGN, "weights.safetensors"), WeightsCompared),
    CheckExport: (CheckExport("j", DESIGN), ExportChecked),
}


def test_all_are_here() -> None:
    assert set(ASKED) == set(typing.get_args(m.Question))
    assert {kind for _, kind in ASKED.values()} == set(typing.get_args(m.Answers))


@pytest.mark.parametrize("kind", ASKED, ids=lambda kind: kind.__name__)
def test_it_is_answered(kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"conv.weight": torch.zeros(8, 3, 3, 3)}, "weights.safetensors")
    question, expected = ASKED[kind]
    sent = m.decode_request(m.encode(question))  # type: ignore[arg-type]
    assert sent == question
    told = answer(sent)  # type: ignore[arg-type]
    assert isinstance(told, expected) and told.job == "j"
    assert m.decode_reply(m.encode(told)) == told


def test_a_survey_tells_what_an_analysis_would() -> None:
    told = answer(m.Survey("j", DESIGN))
    assert isinstance(told, m.Surveyed) and told.analysis.valid
    assert {report.id for report in told.analysis.nodes} == DESIGN.by_id.keys()
    assert told.analysis.parameters == sum(report.parameters for report in told.analysis.nodes) > 0


def test_it_is_answered_in_its_variant() -> None:
    told = answer(Reckon("j", DESIGN, "", "conv", variant="wide"))
    assert isinstance(told, Reckoning)
    assert next(line.result for line in told.lines if line.about == "parameters") == 3 * 9 * 32 + 32


def test_totals_are_those_of_the_analysis_and_say_what_is_wrong() -> None:
    whole = shared_analyser().analyse(apply_variant(DESIGN, "wide", shared_analyser().cards))
    told = answer(GetTotals("j", DESIGN, variant="wide"))
    assert told == Totals("j", whole.parameters, whole.macs, whole.memory, whole.outputs) and whole.parameters
    broken = answer(GetTotals("j", chain(IMAGE, node("conv", "Conv2d", groups=2), OUTPUT)))
    assert isinstance(broken, Totals) and "groups" in broken.problem and not broken.outputs


def test_an_empty_drawing_has_answers_too() -> None:
    assert isinstance(answer(GetFields("j", Design())), Fields)
    assert isinstance(answer(GetSymbols("j", Design())), Symbols)


def test_a_wire_is_tried_out_before_it_is_drawn() -> None:
    loose = edits.disconnect(DESIGN, "", [w for w in DESIGN.wires if w.target.node == "stage"])
    assert answer(TryOut("j", loose, "stage")) == TriedOut("j")  # it only waits for a wire
    told = answer(TryOut("j", DESIGN, "stage"))
    assert isinstance(told, TriedOut)
    assert told.outputs[0].tensors[0].shape[1] == 8
    wrong = edits.set_setting(DESIGN, "", "conv", "groups", 2, shared_analyser().cards)
    told = answer(TryOut("j", wrong, "conv"))
    assert isinstance(told, TriedOut)
    assert not told.outputs and "multiple" in told.sentence
