"""`netloom check`: shapes, parameters, MACs, memory, problems; applies a fix."""

from __future__ import annotations

import argparse
from typing import Any

from app.design import changes, file
from app.design.edits import EditError
from app.design.values import Design
from app.engine.commands.common import console, layer_table, prepared, print_json, print_problems, user_errors
from app.engine.commands.weights_said import print_weights
from app.engine.compile import shared_analyser
from app.engine.lint.checking import with_export
from app.exits import FINE, INVALID, CallError
from app.messages import Analysis
from app.messages.reports import Fix, Named, PortShape, Tensor
from app.messages.weights import WeightsCompared


def run(arguments: argparse.Namespace) -> int:
    analyser = shared_analyser()
    if arguments.batch < 1:
        raise CallError(f"--batch is {arguments.batch}, but it needs to be at least 1")
    if (arguments.fix is None) != (arguments.output is None):
        raise CallError("--fix N and -o FILE go together: the repaired design is saved there")
    if arguments.fix is not None and len(arguments.design) != 1:
        raise CallError("--fix repairs one design at a time")
    code = FINE
    for name in arguments.design:
        design = prepared(arguments, name, analyser.cards)
        analysis = with_export(analyser, design, analyser.analyse(design, batch=arguments.batch))
        if arguments.fix is not None:
            design = _fix(design, analysis, arguments.fix)
            analysis = with_export(analyser, design, analyser.analyse(design, batch=arguments.batch))
            try:
                file.save(design, arguments.output)
            except file.FileError as error:
                raise CallError(str(error)) from None
        weights, told = _weights(design, arguments) if arguments.weights and analysis.valid else (None, None)
        if arguments.json:
            document = as_json(name, arguments.variant, analysis)
            print_json({**document, "weights": weights} if weights is not None else document)
        else:
            _print(name, analysis, weights, told, arguments.keys)
        if not analysis.valid or (weights is not None and not weights["fits"]):
            code = INVALID
    return code


def _fix(design: Design, analysis: Analysis, number: int) -> Design:
    fixes: list[Fix] = [fix for problem in analysis.problems for fix in problem.fixes]
    if not 1 <= number <= len(fixes):
        have = f"there are {len(fixes)}" if fixes else "none is offered"
        raise CallError(f"there is no fix {number}: {have}; `netloom check` lists them")
    try:
        return changes.apply(design, fixes[number - 1].changes, shared_analyser().cards)
    except EditError as error:
        raise CallError(str(error)) from None


def _weights(design: Design, arguments: argparse.Namespace) -> tuple[dict[str, Any], WeightsCompared]:
    """What fits, for `--json` and for the table."""
    from app.engine.matching import fit
    from app.engine.weights import compared
    from app.engine.weights_table import beside, table

    with user_errors():
        needed, given, calls = beside(design, arguments.weights)
        found = fit(needed, given, arguments.match or "name")
        told = table(found, needed, given, calls, arguments.weights, arguments.match or "name")
    nodes = [{"name": n.name, "fits": n.taken, "tensors": len(n.counted), "how": n.how} for n in told.nodes]
    return {**compared(found, needed, given), "summary": told.summary, "nodes": nodes}, told


def _print(
    name: str, analysis: Analysis, weights: dict[str, Any] | None, told: WeightsCompared | None, keys: bool
) -> None:
    out = console()
    out.print(layer_table(analysis, name))
    memory = analysis.memory
    note = " (of the part that is valid)" if analysis.partial else ""
    out.print(
        f"\n{analysis.parameters:,} parameters, {analysis.trainable_parameters:,} of them trainable; "
        f"{analysis.buffers:,} buffer elements; {analysis.macs:,} MACs{note}",
        markup=False,
    )
    out.print(
        f"memory: {_bytes(memory.parameters)} weights, {_bytes(memory.activations)} activations, "
        f"about {_bytes(memory.training)} for a training step",
        markup=False,
    )
    for row in analysis.uncounted:
        out.print(f"not counted: {row.operation} in {row.node}", markup=False)
    if weights is not None and told is not None:
        print_weights(told, out, keys)
        for kind in ("missing", "unexpected", "mismatched"):
            for key in weights[kind][:20]:
                out.print(f"  {kind}: {key}", markup=False)
            if len(weights[kind]) > 20:
                out.print(f"  {kind}: {len(weights[kind]) - 20} more", markup=False)
        if weights["loads"] and not weights["fits"]:
            out.print("  train --weights takes what fits; the rest stays new", markup=False)
        if told.offered:
            out.print("  --match shape or --match order takes what would fit so: look at it with --keys", markup=False)
    print_problems(analysis, out)
    if analysis.valid:
        out.print("valid", style="green")


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def as_json(name: str, variant: str | None, analysis: Analysis) -> dict[str, Any]:
    """The document that `--json` prints."""
    memory = analysis.memory
    return {
        "design": name,
        "variant": variant,
        "valid": analysis.valid,
        "partial": analysis.partial,
        "parameters": analysis.parameters,
        "trainable_parameters": analysis.trainable_parameters,
        "buffers": analysis.buffers,
        "macs": analysis.macs,
        "memory": {
            "parameters": memory.parameters, "activations": memory.activations, "training": memory.training,
        },
        "inputs": [_named(n) for n in analysis.inputs],
        "outputs": [_named(n) for n in analysis.outputs],
        "nodes": [
            {
                "id": n.id,
                "name": n.name,
                "block": n.block,
                "inputs": [_port(p) for p in n.inputs],
                "outputs": [_port(p) for p in n.outputs],
                "parameters": n.parameters,
                "macs": n.macs,
            }
            for n in analysis.nodes
        ],
        "problems": [
            {
                "severity": p.severity,
                "node": p.name,
                "port": p.port,
                "code": p.code,
                "message": p.message,
                "blame": p.blame,
                "fixes": [{"title": f.title, "parameters": f.parameters} for f in p.fixes],
            }
            for p in analysis.problems
        ],
        "uncounted": [{"node": u.node, "operation": u.operation} for u in analysis.uncounted],
    }  # fmt: skip


def _shape(kind: str, tensors: tuple[Tensor, ...]) -> Any:
    return [list(t.shape) for t in tensors] if kind == "pyramid" or len(tensors) != 1 else list(tensors[0].shape)


def _named(named: Named) -> dict[str, Any]:
    return {
        "name": named.name,
        "shape": _shape(named.kind, named.tensors),
        "dtype": named.tensors[0].dtype if named.tensors else "",
    }


def _port(port: PortShape) -> dict[str, Any]:
    return {"port": port.port, "shape": _shape(port.kind, port.tensors)}
