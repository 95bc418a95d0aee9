"""A design as a torch.export program, read again; tables and graphs as text with whatever a name may hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from app.cli import main
from app.design.build import chain
from app.engine import tables, to_program
from app.engine.compile import compile_design, shared_analyser
from app.engine.export import export
from app.engine.to_onnx import ExportError
from tests.drawing import IMAGE, OUTPUT, node
from tests.engine.designs import digits


def test_a_program_is_read_again_with_a_files_weights_and_any_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(5)
    root = compile_design(digits()).root
    save_file({k: torch.rand_like(v) + 0.1 if v.is_floating_point() else v for k, v in root.state_dict().items()},
              tmp_path / "w.safetensors")  # fmt: skip
    report = export(digits(), "program", None, tmp_path, tmp_path / "w.safetensors")
    assert report.difference is not None and report.difference < 1e-5
    assert report.file.name == "model.pt2" and report.bytes == report.file.stat().st_size
    save_file({k: v + float("nan") if v.is_floating_point() else v for k, v in root.state_dict().items()},
              tmp_path / "nan.safetensors")  # fmt: skip
    with pytest.raises(ExportError, match=r"is not a number \(NaN\)"):
        export(digits(), "program", None, tmp_path, tmp_path / "nan.safetensors")
    assert any("at batch 1 and 3" in line for line in report.lines) and any("w.safetensors" in x for x in report.lines)
    network = compile_design(digits())
    from app.engine.weights import load

    load(network.root, tmp_path / "w.safetensors")
    again = torch.export.load(report.file).module()
    images = torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(again(images), network.module.eval()(images), atol=1e-5)
    assert main(["export", "digits", "--to", "program", "-o", str(tmp_path / "d.pt2")]) == 0
    assert "batch of any size" in capsys.readouterr().out and (tmp_path / "d.pt2").stat().st_size > 10_000


def test_a_program_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = torch.export.load

    class Off:
        def __init__(self, program: object) -> None:
            self.program = program

        def module(self) -> object:
            inner = self.program.module()  # type: ignore[attr-defined]
            return lambda *inputs: inner(*inputs) + 1

    monkeypatch.setattr(to_program.torch.export, "load", lambda file: Off(load(file)))
    with pytest.raises(ExportError, match="differs from the network by 1: it is not written"):
        export(digits(), "program", None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_odd_names_keep_tables_and_graphs_whole() -> None:
    """Names of blocks may hold more than those of nodes: these are as odd as can be."""
    design = chain(IMAGE, node("a_1", "Conv2d", out_channels=2), OUTPUT)
    analysis = shared_analyser().analyse(design, with_fixes=False)
    odd = 'a & b_50% #1 {x} ~ ^ $ \\ | " <c>\n`d`'
    nodes = tuple(replace(n, name=odd, block=odd) if n.name == "a_1" else n for n in analysis.nodes)
    told = replace(analysis, nodes=nodes)
    named = replace(design, nodes=tuple(replace(n, name=odd, block=odd) if n.id == "a_1" else n for n in design.nodes))
    latex = tables.as_latex(named, told)
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {4} and len(rows) == len(told.nodes) + 2
    assert not re.search(r"(?<!\\)[%#_]", latex) and not re.search(r"(?<!\\)\$(?!\\times\$|)", latex)
    markdown = tables.as_markdown(named, told)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown.splitlines()} == {6}
    mermaid = tables.as_mermaid(named, told)
    assert len(mermaid.splitlines()) == 1 + len(design.nodes) + len(design.wires)
    assert all(line.count('"') in (0, 2) for line in mermaid.splitlines())
    dot = tables.as_dot(named, told)
    assert len(dot.splitlines()) == 4 + len(design.nodes) + len(design.wires)
    assert all(len(re.findall(r'(?<!\\)"', line)) % 2 == 0 for line in dot.replace("\\\\", "").splitlines())
