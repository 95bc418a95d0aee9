"""Every question that the window may ask gets its answer, under its own job, and both cross the pipe."""

from __future__ import annotations

import typing

import pytest

from app import messages as m
from app.design.values import Design, Settings, Variant
from app.engine.questions import answer
from app.messages.forecast import ForecastMemory, MemoryForecast
from app.messages.parts import Fields, GetFields, GetParts, Parts
from app.messages.preview import GetPreview, Preview
from app.messages.profile import GetProfile, Profile
from app.messages.reckoning import Reckon, Reckoning
from app.messages.solving import Solve, Solved
from app.messages.symbols import CheckSizes, GetSymbols, SizesChecked, Symbols
from tests.drawing import IMAGE, OUTPUT, chain, node

DESIGN = chain(
    IMAGE, node("conv", "Conv2d", out_channels=8, stride=(2, 2)), node("stage", "BasicBlock", channels=8), OUTPUT,
    variants=(Variant("wide", Settings({"conv.out_channels": 32})),),
)  # fmt: skip

ASKED: dict[type, tuple[object, type]] = {
    m.Survey: (m.Survey("j", DESIGN), m.Surveyed),
    m.OpenUp: (m.OpenUp("j", DESIGN, "", "stage"), m.OpenedUp),
    Solve: (Solve("j", DESIGN, "", "conv", "out", (8, 8, 8)), Solved),
    Reckon: (Reckon("j", DESIGN, "", "conv"), Reckoning),
    GetParts: (GetParts("j", DESIGN, "", "stage"), Parts),
    GetFields: (GetFields("j", DESIGN), Fields),
    ForecastMemory: (ForecastMemory("j", DESIGN, batch=2, device="cpu"), MemoryForecast),
    GetSymbols: (GetSymbols("j", DESIGN), Symbols),
    GetPreview: (GetPreview("j", DESIGN, detail="stage"), Preview),
    CheckSizes: (CheckSizes("j", DESIGN, sizes=((32, 32),)), SizesChecked),
    GetProfile: (GetProfile("j", DESIGN, batch=2, device="cpu"), Profile),
}


def test_all_are_here() -> None:
    assert set(ASKED) == set(typing.get_args(m.Question))
    assert {kind for _, kind in ASKED.values()} == set(typing.get_args(m.Answers))


@pytest.mark.parametrize("kind", ASKED, ids=lambda kind: kind.__name__)
def test_it_is_answered(kind: type) -> None:
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


def test_an_empty_drawing_has_answers_too() -> None:
    assert isinstance(answer(GetFields("j", Design())), Fields)
    assert isinstance(answer(GetSymbols("j", Design())), Symbols)
