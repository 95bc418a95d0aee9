"""Analysis: numbers equal to torch's own, strides, totals past failures, Groups, shared weights, the memo, blame."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from app.design import edits, frames
from app.design.values import Design, Expression, Frame, Group, Wire
from app.engine.analysis import Analyser
from app.engine.compile import compile_design, shared_analyser
from app.messages import Analysis
from app.messages.reports import NodeReport
from blocks import catalogue
from blocks.card import Setting
from tests.drawing import IMAGE, OUTPUT, chain, node, wire


@pytest.fixture
def analyser() -> Analyser:
    return Analyser(catalogue.load(), catalogue.classes())


def reports(analysis: Analysis) -> dict[str, NodeReport]:
    return {r.id: r for r in (*analysis.nodes, *analysis.groups)}


def shape(analysis: Analysis, id: str) -> tuple[int, ...]:
    return reports(analysis)[id].outputs[0].tensors[0].shape


SMALL = chain(
    IMAGE,
    node("conv", "Conv2d", out_channels=16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1)),
    node("norm", "BatchNorm2d"),
    node("act", "ReLU"),
    node("pool", "MaxPool2d"),
    node("flatten", "Flatten"),
    node("fc", "Linear", out_features=10),
    OUTPUT,
)


def test_counts_equal_torchs_own(analyser: Analyser) -> None:
    analysis = analyser.analyse(SMALL)
    network = compile_design(SMALL)
    with FlopCounterMode(display=False) as counter:
        out = network.module.eval()(torch.zeros(1, 3, 32, 32))
    assert analysis.valid and not analysis.partial and {p.code for p in analysis.problems} == {"spare-bias"}
    assert analysis.parameters == sum(p.numel() for p in network.root.parameters()) == 448 + 32 + 16 * 64 * 10 + 10
    assert analysis.buffers == sum(b.numel() for b in network.root.buffers()) == 33
    assert analysis.macs == counter.get_total_flops() // 2
    assert [(o.name, o.tensors[0].shape) for o in analysis.outputs] == [("output", tuple(out.shape))]
    assert [(i.name, i.tensors[0].shape) for i in analysis.inputs] == [("image", (1, 3, 32, 32))]


def test_batch_scales_macs_and_shapes_but_not_parameters(analyser: Analyser) -> None:
    one, four = analyser.analyse(SMALL), analyser.analyse(SMALL, batch=4)
    assert four.macs == 4 * one.macs
    assert four.parameters == one.parameters
    assert shape(four, "fc") == (4, 10)
    # all but the batch norm's statistics, 2 x 16 numbers kept for backward
    assert four.memory.activations == pytest.approx(4 * one.memory.activations, abs=4 * 128)


def test_strides_are_measured(analyser: Analyser) -> None:
    analysis = analyser.analyse(SMALL)
    strides = {id: r.outputs[0].tensors[0].stride for id, r in reports(analysis).items() if r.outputs}
    assert strides["image"] == 1 and strides["conv"] == 2 and strides["act"] == 2 and strides["pool"] == 4
    assert strides["flatten"] is None


def test_stride_is_no_ratio_of_sizes(analyser: Analyser) -> None:
    """Without padding 31 pixels become 15: the ratio would be 2.07."""
    design = chain(
        node("image", "Input", size=(3, 31, 31)),
        node("conv", "Conv2d", kernel_size=(3, 3), stride=(2, 2), padding=(0, 0)),
        OUTPUT,
    )
    assert reports(analyser.analyse(design))["conv"].outputs[0].tensors[0].stride == 2


def test_a_stride_outlives_a_gate_of_one_place(analyser: Analyser) -> None:
    """As in squeeze and excitation: the gate has no stride, what it scales has."""
    design = Design(
        nodes=(
            IMAGE, node("conv", "Conv2d", out_channels=8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1)),
            node("pool", "GlobalAvgPool", keep_size=True), node("gate", "Sigmoid"), node("scale", "Multiply"),
            node("wide", "Interpolate", mode="bilinear"), OUTPUT,
        ),
        wires=(
            wire("image", "conv"), wire("conv", "pool"), wire("pool", "gate"), wire("conv", "scale"),
            wire("gate", "scale.gate"), wire("pool", "wide"), wire("conv", "wide.like"), wire("scale", "output"),
        ),
    )  # fmt: skip
    analysis = analyser.analyse(design)
    strides = {id: r.outputs[0].tensors[0].stride for id, r in reports(analysis).items() if r.outputs}
    assert analysis.valid and strides["pool"] is None and strides["gate"] is None
    assert strides["scale"] == strides["wide"] == 2


def test_a_pyramid_carries_levels_with_their_strides(analyser: Analyser) -> None:
    design = chain(node("image", "Input", size=(3, 64, 64)), node("stem", "ConvStem"), node("body", "ResidualBackbone"),
                   node("neck", "FPN"), OUTPUT)  # fmt: skip
    analysis = analyser.analyse(design)
    assert analysis.valid, analysis.problems
    levels = reports(analysis)["neck"].outputs[0]
    assert levels.kind == "pyramid" and len(levels.tensors) >= 3
    heights = [t.shape[2] for t in levels.tensors]
    strides = [t.stride for t in levels.tensors]
    assert all(a == 2 * b for a, b in pairwise(heights))
    assert strides == [64 / h for h in heights]
    assert analysis.outputs[0].kind == "pyramid"


def test_goes_on_past_a_failure_and_stays_exact_for_the_rest(analyser: Analyser) -> None:
    design = chain(
        IMAGE,
        node("conv", "Conv2d", out_channels=6),
        node("bad", "Conv2d", out_channels=8, groups=4),
        node("after", "ReLU"),
        OUTPUT,
        more=(node("side", "Conv2d", out_channels=4), node("second", "Output")),
        wires=(wire("conv", "side"), wire("side", "second")),
    )
    analysis = analyser.analyse(design)
    assert not analysis.valid and analysis.partial
    assert [(p.id, p.code) for p in analysis.problems if p.severity == "error"] == [("bad", "divides")]
    assert analysis.parameters == (3 * 6 * 9 + 6) + (6 * 4 * 9 + 4)
    assert not reports(analysis)["after"].ok
    assert "6" in analysis.problems[0].message and "groups = 4" in analysis.problems[0].message


def test_totals_leave_out_losses_and_what_inference_drops(analyser: Analyser) -> None:
    design = chain(
        IMAGE,
        node("conv", "Conv2d", out_channels=4),
        node("head", "ClassificationHead", classes=10),
        OUTPUT,
        more=(
            node("aux", "ClassificationHead", classes=10), node("label", "Target"), node("loss", "CrossEntropy"),
            node("dead", "Conv2d", out_channels=7),
        ),
        wires=(wire("conv", "aux"), wire("aux", "loss"), wire("label", "loss.target"), wire("conv", "dead")),
    )  # fmt: skip
    analysis = analyser.analyse(design)
    conv, head = 3 * 4 * 9 + 4, 4 * 10 + 10
    assert analysis.parameters == conv + 2 * head  # the auxiliary head is trained
    assert analysis.macs == 3 * 4 * 9 * 32 * 32 + 40  # but does not run at inference
    assert [(p.severity, p.id, p.code) for p in analysis.problems] == [("warning", "dead", "dead-branch")]


def test_a_cut_wire_does_not_empty_the_totals(analyser: Analyser) -> None:
    whole = chain(IMAGE, node("conv", "Conv2d", out_channels=4), node("act", "ReLU"), OUTPUT)
    cut = edits.disconnect(whole, "", [w for w in whole.wires if w.target.node == "act"])
    analysis = analyser.analyse(cut)
    assert not analysis.valid and analysis.partial
    assert analysis.parameters == 3 * 4 * 9 + 4 and analysis.macs == 3 * 4 * 9 * 32 * 32


def stage(**fields: object) -> Group:
    """A Group with a setting `width`; its convolution has `width * 2` channels."""
    return Group(
        name="stage",
        nodes=(
            node("x", "GroupInput"),
            node("conv", "Conv2d", out_channels=Expression("width * 2")),
            node("act", "ReLU"),
            node("y", "GroupOutput"),
        ),
        wires=(wire("x", "conv"), wire("conv", "act"), wire("act", "y")),
        settings=(Setting("width", "int", 8, min=1),),
        **fields,  # type: ignore[arg-type]
    )


def test_groups_repeat_nest_and_calculate(analyser: Analyser) -> None:
    outer = Group(
        name="outer",
        nodes=(node("x", "GroupInput"), node("inner", group="stage", width=Expression("w"), repeat=Expression("n")),
               node("y", "GroupOutput")),
        wires=(wire("x", "inner.x"), wire("inner.y", "y")),
        settings=(Setting("w", "int", 2), Setting("n", "int", 1)),
    )  # fmt: skip
    design = Design(
        nodes=(IMAGE, node("a", group="outer", w=5, n=3), OUTPUT),
        wires=(wire("image", "a.x"), wire("a.y", "output")),
        groups=(stage(), outer),
    )
    analysis = analyser.analyse(design)
    assert analysis.valid, analysis.problems
    assert [n.id for n in analysis.nodes] == [
        "image", "a/inner/0/conv", "a/inner/0/act", "a/inner/1/conv", "a/inner/1/act", "a/inner/2/conv",
        "a/inner/2/act", "output",
    ]  # fmt: skip
    first, later = 3 * 10 * 9 + 10, 10 * 10 * 9 + 10
    assert analysis.parameters == first + 2 * later
    assert reports(analysis)["a"].parameters == analysis.parameters
    assert reports(analysis)["a"].outputs[0].tensors[0].shape == (1, 10, 32, 32)
    assert set(compile_design(design).root.state_dict()) == {
        f"a.inner.{i}.conv.{kind}" for i in range(3) for kind in ("weight", "bias")
    }


def test_shared_weights_count_once(analyser: Analyser) -> None:
    design = chain(
        node("image", "Input", size=(8, 16, 16)),
        node("one", "Conv2d", out_channels=8),
        node("two", "Conv2d", out_channels=8, shares="one"),
        OUTPUT,
    )
    analysis = analyser.analyse(design)
    assert analysis.parameters == 8 * 8 * 9 + 8
    assert analysis.macs == 2 * 8 * 8 * 9 * 16 * 16
    assert reports(analysis)["two"].parameters == 0


def test_a_repeated_group_may_share_its_own_weights(analyser: Analyser) -> None:
    design = Design(
        nodes=(node("image", "Input", size=(16, 8, 8)), node("a", group="stage", repeat=4, shares="a"), OUTPUT),
        wires=(wire("image", "a.x"), wire("a.y", "output")),
        groups=(stage(),),
    )
    assert analyser.analyse(design).parameters == 16 * 16 * 9 + 16


def test_frozen_nodes_are_not_trainable(analyser: Analyser) -> None:
    design = edits.set_frozen(SMALL, "", "conv", True)
    analysis = analyser.analyse(design)
    assert analysis.parameters - analysis.trainable_parameters == 448


def test_equal_runs_are_made_once_and_an_edit_runs_what_it_changes(analyser: Analyser) -> None:
    many = chain(
        node("image", "Input", size=(8, 16, 16)),
        *(node(f"conv{i}", "Conv2d", out_channels=8) for i in range(40)),
        OUTPUT,
    )
    analyser.analyse(many, with_fixes=False)
    assert analyser.measurer.runs == 2  # one convolution, one Output
    changed = edits.set_setting(many, "", "conv38", "out_channels", 4, analyser.cards)
    analyser.analyse(changed, with_fixes=False)
    assert analyser.measurer.runs == 2 + 2  # conv38, and conv39 after it; what the Output gets is the same
    analyser.analyse(many, with_fixes=False)
    assert analyser.measurer.runs == 4


def test_running_names_each_new_node_before_it_runs(analyser: Analyser) -> None:
    named: list[str] = []
    analyser.analyse(SMALL, running=named.append)
    assert named == ["conv", "norm", "act", "pool", "flatten", "fc", "output"]
    named.clear()
    analyser.analyse(SMALL, running=named.append)
    assert named == []


def test_blame_names_the_node_that_introduced_the_difference(analyser: Analyser) -> None:
    design = chain(
        IMAGE,
        node("a", "Conv2d", out_channels=8),
        node("act", "ReLU"),
        node("add", "Add"),
        OUTPUT,
        more=(node("down", "Conv2d", out_channels=8, stride=(2, 2)), node("norm", "BatchNorm2d")),
        wires=(wire("a", "down"), wire("down", "norm"), wire("norm", "add.b")),
    )
    design = Design(nodes=design.nodes, wires=tuple(_to_a(w) for w in design.wires))
    (problem,) = [p for p in analyser.analyse(design).problems if p.severity == "error"]
    assert (problem.node, problem.port, problem.code, problem.blame) == ("add", "b", "differs", "down")
    assert "`b` is 1x8x16x16" in problem.message and "`a` is 1x8x32x32" in problem.message


def test_a_refusal_that_is_remembered_names_the_port_of_this_drawing(analyser: Analyser) -> None:
    def drawn(port: str) -> Design:
        return Design(
            nodes=(IMAGE, node("down", "Conv2d", out_channels=3, stride=(2, 2)), node("add", "Add"), OUTPUT),
            wires=(wire("image", "down"), wire("image", "add.a"), wire("down", f"add.{port}"), wire("add", "output")),
        )

    for port in ("b", "c"):
        (problem,) = [p for p in analyser.analyse(drawn(port)).problems if p.severity == "error"]
        assert problem.port == port and f"`{port}` is" in problem.message


def _to_a(w: Wire) -> Wire:
    return wire("act", "add.a") if (w.target.node, w.target.port) == ("add", "x") else w


@pytest.mark.parametrize(
    ("design", "code"),
    [
        (Design(), "empty"),
        (chain(IMAGE, node("conv", "Conv2d")), "no-output"),
        (Design(nodes=(node("conv", "Conv2d"), OUTPUT), wires=(wire("conv", "output"),)), "missing-input"),
        (chain(IMAGE, node("what", "NoSuchBlock"), OUTPUT), "block-missing"),
        (chain(IMAGE, node("conv", "Conv2d", out_channels=-1), OUTPUT), "setting"),
        (chain(IMAGE, node("conv", "Conv2d", colour="red"), OUTPUT), "setting-unknown"),
        (chain(IMAGE, node("conv", "Conv2d", kernel_size=(40, 40), padding=(0, 0)), OUTPUT), "kernel"),
        (chain(IMAGE, node("fc", "ClassificationHead"), node("conv", "Conv2d"), OUTPUT), "rank"),
        (chain(IMAGE, node("conv", "Conv2d", out_channels=Expression("width")), OUTPUT), "expression"),
        (chain(IMAGE, node("add", "Add"), OUTPUT), "missing-input"),
        (chain(node("image", "Input", size=(3, 0, 4)), OUTPUT), "setting"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(analyser: Analyser, design: Design, code: str) -> None:
    design = Design(nodes=design.nodes, wires=tuple(wire(str(w.source), "add.a") if w.target.node == "add" else w
                                                    for w in design.wires))  # fmt: skip
    problems = analyser.analyse(design).problems
    found = [p for p in problems if p.code == code]
    assert found, problems
    assert 10 < len(found[0].message) < 300 and "Traceback" not in found[0].message


def test_absurd_sizes_are_refused_before_anything_is_allocated(analyser: Analyser) -> None:
    huge = chain(node("image", "Input", size=(10**6,)), node("fc", "Linear", out_features=10**6), OUTPUT)
    (problem,) = [p for p in analyser.analyse(huge).problems if p.severity == "error"]
    assert problem.code == "too-large" and "1e+12" in problem.message
    group = stage()
    loop = Design(nodes=(IMAGE, node("a", group="stage", repeat=10_000), node("b", group="stage", repeat=10_000),
                         node("c", group="stage", repeat=10_000), OUTPUT), groups=(group,))  # fmt: skip
    (problem,) = analyser.analyse(loop).problems
    assert problem.code == "too-large"


def test_the_process_has_one_memo() -> None:
    assert shared_analyser() is shared_analyser()


@pytest.mark.parametrize(("resolution", "side"), [(1.0, 224), (0.857, 192), (0.714, 160), (0.571, 128)])
def test_the_resolution_multiplier_gives_the_sides_of_mobilenet(resolution: float, side: int) -> None:
    """Howard et al. 2017, table 7: 224, 192, 160 and 128; MACs follow its square, parameters stay."""
    settings = {"resolution": resolution}
    design = chain(node("image", "Input", **settings), node("stem", "ConvStem", pool=False), node("output", "Output"))
    analysis = shared_analyser().analyse(design)
    assert analysis.inputs[0].tensors[0].shape == (1, 3, side, side)
    assert analysis.parameters == 9_536
    assert analysis.macs == 118_013_952 * side**2 // 224**2


def test_frames_change_nothing_of_what_is_said(analyser: Analyser) -> None:
    framed = frames.add_frame(SMALL, "", Frame("stem", "Stem", "Kept small", -20, -60, 900, 300, "Stem"))
    plain = analyser.analyse(SMALL)
    assert analyser.analyse(framed) == plain
    assert Analyser(catalogue.load(), catalogue.classes()).analyse(framed) == plain
    assert [*compile_design(framed).root.state_dict()] == [*compile_design(SMALL).root.state_dict()]
