"""`@block` refuses a declaration that does not fit its class; the tracer refuses what cannot be drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from blocks import declare
from blocks.card import SECTIONS, Preset, Setting
from blocks.connectors import Add
from blocks.declare import block, port, setting
from blocks.layers.convolution import Conv2d
from blocks.sections import _MEMBERS
from tests.blocks.samples import CARDS
from tests.blocks.tracer import foreign, trace

GOOD = {"category": "Layer", "inputs": {"x": "B C"}, "outputs": {"out": "B C"}, "paper": "a paper"}


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(declare, "REGISTRY", dict(declare.REGISTRY))
    monkeypatch.setattr(declare, "CARDS", dict(declare.CARDS))
    yield


class Sample(nn.Module):
    """Does nothing of note."""

    def __init__(self, C: int, width: int = 4) -> None:
        super().__init__()


WIDTH = setting("How wide.", min=1)


def test_a_declaration_becomes_a_card() -> None:
    block("Sample", **GOOD, aliases=("s",), width=WIDTH)(Sample)
    card = declare.CARDS["Sample"]
    assert declare.REGISTRY["Sample"] is Sample
    assert card.settings == (Setting("width", "int", 4, "How wide.", min=1),)
    assert card.reads == ("C",)
    assert (card.summary, card.shown, card.aliases) == ("Does nothing of note.", ("width",), ("s",))
    assert card.inputs[0].help == "A tensor: batch, channels."


class Lists(nn.Module):
    """Takes settings of every form."""

    def __init__(
        self,
        sizes: tuple[int, ...] = (1,),
        names: tuple[str, ...] = ("a",),
        means: tuple[float, ...] = (0.5,),
        n: float | None = None,
    ) -> None:
        super().__init__()


def test_forms_follow_from_types() -> None:
    notes = {name: setting("Help.") for name in ("sizes", "names", "means", "n")}
    block("Lists", category="Layer", paper="p", inputs={"xs*names": "B C"}, outputs={"out*sizes": "B"}, **notes)
    block("Lists", category="Layer", paper="p", inputs={"xs*names": "B C"}, outputs={"out": "B"}, **notes)(Lists)
    kinds = {s.name: (s.type, s.optional) for s in declare.CARDS["Lists"].settings}
    assert kinds == {
        "sizes": ("ints", False), "names": ("strs", False), "means": ("floats", False), "n": ("float", True),
    }  # fmt: skip
    means = declare.CARDS["Lists"].setting("means")
    assert means is not None
    assert means.accept([1, 0.25]) == (1.0, 0.25)
    with pytest.raises(ValueError, match=r"means is \['a'\], but it needs a list of numbers"):
        means.accept(["a"])


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()


class Hidden(nn.Module):
    """Hides its settings."""

    def __init__(self, **settings: int) -> None:
        super().__init__()


class Odd(nn.Module):
    """Has a setting without a form."""

    def __init__(self, table: dict[str, int] = {}) -> None:  # noqa: B006 - the mistake under test
        super().__init__()


class Wrong(nn.Module):
    """Has a default that its own bounds refuse."""

    def __init__(self, width: int = 0) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("cls", "changes", "sentence"),
    [
        (Sample, {"category": "Layers", "width": WIDTH}, "is no category"),
        (Bare, {}, "the docstring is the help"),
        (Sample, {}, "`width` has no help"),
        (Sample, {"width": WIDTH, "depth": WIDTH}, "no such default"),
        (Sample, {"width": WIDTH, "inputs": {"x": "B D"}}, "no input's pattern names such a size"),
        (Sample, {"width": WIDTH, "inputs": {"x": "B C%depth"}}, "which is no setting"),
        (Sample, {"width": WIDTH, "inputs": {"x": "B C", "x?": "B"}}, "same name"),
        (Sample, {"width": WIDTH, "inputs": {"xs*": "B C", "ys*": "B"}}, "any number"),
        (Sample, {"width": WIDTH, "outputs": {"out*depth": "B"}}, "needs a setting `depth`"),
        (Sample, {"width": WIDTH, "exempt": {"beauty": "it is plain"}}, "the clauses are"),
        (Hidden, {}, "hide settings"),
        (Odd, {"table": WIDTH}, "there is no form"),
        (Wrong, {"width": WIDTH}, "which is not a whole number of at least 1"),
    ],
)
def test_misfits_fail_at_import(cls: type, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        block("Sample", **{**GOOD, **changes})(cls)  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert cls.__name__ in str(caught.value)


def test_a_pattern_must_be_one() -> None:
    with pytest.raises(ValueError, match="two open places"):
        block("Sample", **{**GOOD, "inputs": {"x": port("*S C *T", "Help.")}}, width=WIDTH)(Sample)
    with pytest.raises(ValueError, match="is no size"):
        block("Sample", **{**GOOD, "inputs": {"x": "B ? C"}}, width=WIDTH)(Sample)


def test_two_blocks_may_not_have_one_id() -> None:
    twin = type("Add", (nn.Module,), {"__doc__": "Another one.", "__module__": "elsewhere"})
    with pytest.raises(TypeError, match="two blocks `Add`"):
        block("Add too", **GOOD)(twin)
    assert declare.REGISTRY["Add"] is Add


def test_a_block_without_settings_is_one_after_an_export_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's exporter replaces nn.Module.__init__ for the rest of the process (torch._dynamo.mutation_guard)."""
    original = nn.Module.__init__

    def patched_init(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__init__", patched_init)
    cls = type("Settingless", (nn.Module,), {"__doc__": "One without settings.", "__module__": "elsewhere"})
    block("Settingless", **GOOD)(cls)
    assert declare.CARDS["Settingless"].settings == ()


class Looks(nn.Module):
    """Reads a size, calls a method and a function that no block stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv2d(3, 4)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return torch.relu(x).view(x.shape[0], -1) * self.scale


def test_the_tracer_finds_what_cannot_be_drawn() -> None:
    found = foreign(trace(Looks(), (torch.ones(1, 3, 4, 4),)))
    assert {"call_function relu", "call_function getattr", "call_method view", "get_attr scale"} <= set(found)


def test_the_package_alone_loads_no_torch() -> None:
    code = "import sys, blocks, blocks.card, blocks.patterns, blocks.declare; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_preset_is_the_block_with_other_settings() -> None:
    block("Sample", **GOOD, width=WIDTH, presets={
        "Plain": declare.preset("As it is."), "Wide": declare.preset("Twice as wide.", node="broad", width=8),
    })(Sample)  # fmt: skip
    card = declare.CARDS["Sample"]
    assert [(p.name, p.settings) for p in card.presets] == [("Plain", ()), ("Wide", (("width", 8),))]
    assert card.preset("Wide") == Preset("Wide", "Sample: Wide", "Twice as wide.", (("width", 8),), node="broad")
    for wrong, why in (
        ({"width": 0}, "in the preset Wrong, width is 0"),
        ({"depth": 1}, "the preset Wrong sets `depth`"),
    ):
        with pytest.raises(TypeError, match=f"Sample: {why}"):
            block("Sample", **GOOD, width=WIDTH, presets={"Wrong": declare.preset("No.", **wrong)})(Sample)


def test_blocks_stand_in_sections_of_their_category() -> None:
    for category in {card.category for card in CARDS.values()}:
        found = {card.section for card in CARDS.values() if card.category == category}
        assert found == set(SECTIONS.get(category, [""])), (
            f"{category} has empty sections, or blocks that stand in none"
        )
    for id, section in (
        ("Conv2d", "Convolution"), ("GELU", "Activation"), ("ResidualBackbone", "Backbones"), ("Heads", "Parts"),
        ("ResidualStage", "Stages"), ("Bottleneck", "Blocks"), ("Input", ""),
    ):  # fmt: skip
        assert CARDS[id].section == section
    named = {word for sections in _MEMBERS.values() for words in sections.values() for word in words.split()}
    assert {word for word in named if word[0].isupper()} <= set(CARDS), "a section names a block that there is not"
