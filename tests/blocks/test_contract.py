"""The contract that every block keeps. A block is excused from a clause only by `exempt={clause: reason}`."""

from __future__ import annotations

import copy
import functools
import itertools
import logging
import pickle
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import fx, nn

from blocks import catalogue
from blocks.card import Card, Setting, Value
from blocks.declare import CLAUSES
from blocks.operators import TRANSLATIONS
from tests.blocks.samples import CARDS, SIZES, Sample, build, composite, flat, others, sample, to
from tests.blocks.tracer import foreign, trace

ICONS = Path(__file__).resolve().parents[2] / "resources" / "icons"

every_block = pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)


def excused(card: Card, clause: str) -> bool:
    assert clause in CLAUSES
    return clause in dict(card.exempt)


def wirings(card: Card, sizes: dict[str, Any]) -> list[Sample]:
    """Samples without and, where there are any, with the optional ports wired."""
    choices = [False, True] if any(port.optional for port in card.inputs) else [False]
    return [sample(card, sizes, optional=optional) for optional in choices]


def test_the_catalogue_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    excuses = [f"{card.id}: {clause}, because {reason}" for card in CARDS.values() for clause, reason in card.exempt]
    with capsys.disabled():
        print(f"\n{len(CARDS)} blocks, {len(excuses)} exemptions from the contract")
        print("\n".join(f"  {excuse}" for excuse in excuses))
    assert len(CARDS) >= 40
    assert set(CARDS) == set(catalogue.classes())
    titles = [part.title for card in CARDS.values() for part in (card, *card.presets)]
    assert len(set(titles)) == len(titles), "two blocks or presets have the same title"
    for card in CARDS.values():
        assert all(len(reason) > 15 for _, reason in card.exempt), f"{card.id}: say why it is exempt"


@every_block
def test_it_explains_itself(card: Card) -> None:
    assert card.paper, "name the paper or torch's page"
    assert len(card.help) >= 60, "the docstring is the help: two sentences or more"
    assert card.summary.endswith("."), "the first line of the docstring is one whole sentence"
    for name, said in (("helps", card.helps), ("hurts", card.hurts)):
        assert 40 <= len(said) <= 300, f"say in a sentence or two when it {name}: {name}= has {len(said)} characters"
        assert said.endswith(".") and "  " not in said, f"{name} is no sentence: {said}"
    assert (ICONS / f"{card.icon}.svg").exists(), f"there is no icon `{card.icon}`"
    for part in (*card.inputs, *card.outputs, *card.settings, *card.presets):
        assert len(part.help) > 5, f"{part.name} has no help"
        assert part.help.endswith("."), f"the help of {part.name} is no sentence"
    for setting in card.settings:
        assert setting.accept(setting.default) == setting.default
    assert not re.search(r"\bTODO\b|!", card.help + card.helps + card.hurts + card.title)
    assert set(card.shown) <= {setting.name for setting in card.settings}


def test_no_two_blocks_are_explained_alike() -> None:
    said = [text for card in CARDS.values() for text in (card.helps, card.hurts) if text]
    assert len(set(said)) == len(said), {text for text in said if said.count(text) > 1}


@every_block
@pytest.mark.parametrize("sizes", SIZES, ids=["even", "odd"])
def test_meta_agrees_with_a_real_run(card: Card, sizes: dict[str, Any]) -> None:
    if excused(card, "meta"):
        return
    for given in wirings(card, sizes):
        module = build(card, given.reads).eval()
        real = flat(module(*given.inputs))
        with torch.device("meta"):
            ghost = build(card, given.reads).eval()
            told = flat(ghost(*to(given.inputs, "meta")))
        assert [(t.shape, t.dtype) for t in told] == [(t.shape, t.dtype) for t in real]
        assert all(t.device.type == "meta" for t in told)


@pytest.mark.parametrize("card", [card for card in CARDS.values() if card.presets], ids=lambda card: card.id)
def test_its_presets_run(card: Card) -> None:
    given = sample(card, SIZES[0])
    for preset in card.presets:
        with torch.device("meta"):
            build(card, given.reads, dict(preset.settings))(*to(given.inputs, "meta"))


@every_block
def test_outputs_match_the_ports(card: Card) -> None:
    given = sample(card, SIZES[0])
    result = build(card, given.reads).eval()(*given.inputs)
    if len(card.outputs) > 1:
        assert isinstance(result, tuple)
        assert len(result) == len(card.outputs)
    for port in card.outputs:
        if port.kind == "pyramid":
            assert isinstance(result, list)
            heights = [level.shape[2] for level in result]
            assert heights == sorted(heights, reverse=True), "the finest level comes first"
        elif port.kind == "scalar":
            assert result.shape == ()


@every_block
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_it_is_finite_and_learns(card: Card, training: bool) -> None:
    for given in wirings(card, SIZES[0]):
        module = build(card, given.reads).train(training)
        leaves = [t.requires_grad_() for t in flat(list(given.inputs)) if t is not None and t.is_floating_point()]
        outputs = flat(module(*given.inputs))
        if not excused(card, "train" if training else "finite"):
            assert all(torch.isfinite(t).all() for t in outputs)
        if excused(card, "gradient"):
            continue
        generator = torch.Generator().manual_seed(1)
        sum((t * torch.randn(t.shape, generator=generator)).sum() for t in outputs).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert torch.isfinite(parameter.grad).all(), f"the gradient of {name} is not finite"
            assert parameter.grad.abs().sum() > 0, f"the gradient of {name} is 0"
        reached = any(t.grad is not None and t.grad.abs().sum() > 0 for t in leaves)
        assert reached or not leaves, "nothing flows back to the inputs"  # whole numbers take no gradient


def seen(card: Card, settings: dict[str, Value]) -> Iterator[Any]:
    """All that one can see of a block: its parts, its state before and after a step, and what it gives."""
    for given in [wiring for sizes in SIZES for wiring in wirings(card, sizes)]:
        module = build(card, given.reads, settings)
        yield [type(part) for part in module.modules()]
        yield {k: v.clone() for k, v in module.state_dict().items()}
        torch.manual_seed(2)  # another block may be built meanwhile
        with torch.no_grad():
            told = flat(module.eval()(*given.inputs))
            torch.manual_seed(3)
            learnt = flat(module.train()(*given.inputs))
        yield from (told, learnt, module.state_dict())


class Kept:
    """What a block is seen to be, looked at as far as somebody asks, and kept: most settings change the first of it."""

    def __init__(self, card: Card, settings: dict[str, Value]) -> None:
        self._seen = seen(card, settings)
        self._kept: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        for at in itertools.count():
            if at == len(self._kept):
                try:
                    self._kept.append(next(self._seen))
                except StopIteration:
                    return
            yield self._kept[at]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, type):
        return a is b
    return len(a) == len(b) and all(map(same, a, b))


SHARED = {"attention": "BasicBlock", "activation": "ConvNormAct", "norm": "ConvNormAct", "init": "Linear"}
"""Settings that many blocks take from one Literal, and the block on which every choice is tried.

Elsewhere two choices show that the setting is passed on: nineteen kinds of attention on thirty backbones would cost
more time than all other settings together, and try the same blocks each time.
"""


def trials(card: Card, setting: Setting) -> list[list[Value]]:
    """What is tried of a setting: other values of it, each a list of candidates."""
    tried = list(others(setting))
    host = CARDS[SHARED.get(setting.name, card.id)]
    whole = host.setting(setting.name)
    if host is card or whole is None or whole.choices != setting.choices or not setting.choices:
        return tried
    return tried[:: max(len(tried) - 1, 1)]  # the first and the last


@every_block
def test_each_setting_changes_something(card: Card) -> None:
    if excused(card, "settings"):
        return
    befores: dict[tuple[Any, ...], Kept] = {}
    for setting in card.settings:
        if f"settings:{setting.name}" in dict(card.exempt):
            continue
        if setting.when not in befores:
            befores[setting.when] = Kept(card, dict(setting.when))
            assert not setting.when or list(befores[setting.when]), "other tests run the defaults alone"
        before = befores[setting.when]
        for candidates in trials(card, setting):
            tried = attempts(card, setting, candidates, dict(setting.when), before)
            assert True in tried or matters_elsewhere(card, setting, candidates), (
                f"{setting.name} = {candidates} does nothing: {tried}"
            )


def attempts(
    card: Card, setting: Setting, candidates: list[Value], around: dict[str, Value], before: Kept
) -> list[bool | str]:
    """Whether the block is another with each candidate, up to the first that does; refusals where it takes none."""
    tried: list[bool | str] = []
    while True not in tried and len(tried) < len(candidates):
        tried.append(changes(card, setting, candidates[len(tried)], around, before))
    return tried


def matters_elsewhere(card: Card, setting: Setting, candidates: list[Value]) -> bool:
    """Whether it changes something once one other setting differs: `same` is a padding of 1 until the stride is 2."""
    # The likely ones first: where less of a backbone is asked for, more fits; what many share seldom matters.
    for other in sorted(card.settings, key=lambda s: (s.name != "levels", s.name in SHARED)):
        for value in (v for values in others(other) for v in values if v != other.default and other != setting):
            around = {**dict(setting.when), other.name: value}
            if True in attempts(card, setting, candidates, around, Kept(card, around)):
                return True
    return False


def changes(card: Card, setting: Setting, value: Value, around: dict[str, Value], before: Kept) -> bool | str:
    """Whether the block is another with that value; the refusal where it does not accept the value."""
    try:
        after = seen(card, {**around, setting.name: setting.accept(value)})
        return not all(map(same, before, after))  # the first difference is enough
    except (ValueError, RuntimeError) as error:
        return f"refused: {error}"


@every_block
def test_it_pickles_and_copies(card: Card) -> None:
    given = sample(card, SIZES[0])
    module = build(card, given.reads).eval()
    wanted = flat(module(*given.inputs))
    for twin in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert same(flat(twin(*given.inputs)), wanted)
        assert list(twin.state_dict()) == list(module.state_dict())


@every_block
def test_a_composite_opens_up(card: Card) -> None:
    given = sample(card, SIZES[0])
    module = build(card, given.reads).eval()
    if card.leaf or not list(module.children()):
        return
    graph = trace(module, given.inputs)
    assert not foreign(graph), f"these cannot be drawn, put them into blocks of their own: {foreign(graph)}"
    opened = fx.GraphModule(module, graph)
    assert same(flat(opened(*given.inputs)), flat(module(*given.inputs)))
    used = [node for node in graph.nodes if node.op == "call_module"]
    assert used
    for node in used:
        assert type(module.get_submodule(str(node.target))) in catalogue.classes().values()


class _Blocks(nn.Module):
    """Blocks side by side, each on inputs of its own, called as a network's forward calls them: torch.export cannot
    name the parts of *xs."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, inputs: list[list[Any]]) -> list[Any]:
        return [block(*given) for block, given in zip(self.blocks, inputs, strict=True)]


def _dynamic(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_dynamic(v) for v in value]
    if len(value) != SIZES[0]["B"]:  # a list of regions is no batch
        return {}
    return {0: torch.export.Dim("batch", min=1, max=1024)}


TOGETHER = 10
"""Blocks that are exported as one network: for most of them the exporter's own work takes longer than the block's."""

EXPORTED = [card for card in CARDS.values() if not excused(card, "onnx")]
IN_PARTS = {card.id for card in EXPORTED if composite(card.id) and not card.leaf}
"""What opens up into blocks that are exported here is exported in full runs only, each by itself."""

_ids = [card.id for card in EXPORTED if card.id not in IN_PARTS]
GROUPS = [tuple(_ids[at : at + TOGETHER]) for at in range(0, len(_ids), TOGETHER)]
GROUP_OF = {id: group for group in GROUPS for id in group} | {id: (id,) for id in IN_PARTS}

exported = [
    pytest.param(
        card, id=card.id,
        marks=[pytest.mark.xdist_group(f"onnx-{GROUP_OF[card.id][0]}"), *[pytest.mark.slow] * (card.id in IN_PARTS)],
    )
    for card in EXPORTED
]  # fmt: skip


@pytest.mark.parametrize("card", exported)
def test_it_exports_with_equal_numbers(card: Card) -> None:
    answers = _answers(GROUP_OF[card.id])
    if isinstance(answers, Exception):  # some block of the group cannot be exported: each by itself shows which
        answers = _answers((card.id,))
    if isinstance(answers, Exception):
        raise answers
    compared = answers[card.id]
    assert len(compared) == 2 * len(wirings(card, SIZES[0])), "two batches for each wiring"
    for wanted, got in compared:
        for mine, theirs in zip(wanted, got, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


Answers = dict[str, list[tuple[list[np.ndarray], list[np.ndarray]]]]
"""By block, for each of its wirings and two batches: what torch gives and what ONNX Runtime gives."""


@functools.cache
def _answers(group: tuple[str, ...]) -> Answers | Exception:
    try:
        return _exported(group)
    except Exception as error:
        return error


def _exported(group: tuple[str, ...]) -> Answers:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    cards = [CARDS[id] for id in group for _ in wirings(CARDS[id], SIZES[0])]
    given = [g for id in group for g in wirings(CARDS[id], SIZES[0])]
    modules = [build(card, g.reads) for card, g in zip(cards, given, strict=True)]
    with torch.no_grad():
        for module, g in zip(modules, given, strict=True):
            module.train()(*g.inputs)  # so that running statistics are not those of a new module
            module.eval()
    program = _export(modules, given)
    onnx.checker.check_model(program, full_check=True)
    session = onnxruntime.InferenceSession(program.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    answers: Answers = {id: [] for id in group}
    for batch in (1, 3):
        fresh = [
            sample(card, {**SIZES[0], "B": batch}, optional=None not in g.inputs, seed=batch)
            for card, g in zip(cards, given, strict=True)
        ]
        tensors = [t for f in fresh for t in flat(list(f.inputs)) if t is not None]
        assert len(names) == len(tensors)
        got = iter(session.run(None, {n: t.numpy() for n, t in zip(names, tensors, strict=True)}))
        for card, module, f in zip(cards, modules, fresh, strict=True):
            with torch.no_grad():
                wanted = [t.numpy() for t in flat(module(*f.inputs))]
            answers[card.id].append((wanted, list(itertools.islice(got, len(wanted)))))
        assert not list(got), "there are outputs that no block has"
    return answers


def _export(modules: list[nn.Module], given: list[Sample]) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Blocks(modules), ([list(g.inputs) for g in given],), dynamo=True, verbose=False,
            dynamic_shapes=([[_dynamic(v) for v in g.inputs] for g in given],), custom_translation_table=TRANSLATIONS,
        )  # fmt: skip
    assert program is not None
    return program.model_proto
