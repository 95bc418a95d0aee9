"""A design as text: its layers as CSV, Markdown or LaTeX, its drawing as Mermaid or Graphviz."""

from __future__ import annotations

import csv
import io

from app.design.values import Design, Node
from app.messages import Analysis
from app.messages.reports import NodeReport, PortShape


def _sizes(ports: tuple[PortShape, ...]) -> str:
    """`1×64×56×56`, `one number` for a loss, a pyramid's levels joined by +, several ports by a comma."""
    return ", ".join(" + ".join("×".join(map(str, t.shape)) or "one number" for t in port.tensors) for port in ports)


def _line(text: str) -> str:
    """A name on one line: nodes' names are, names of blocks of one's own may be anything."""
    return " ".join(text.split())


def as_csv(design: Design, analysis: Analysis) -> str:
    """One line for each block that runs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("name", "block", "inputs", "outputs", "parameters", "trainable", "macs"))
    for node in analysis.nodes:
        writer.writerow(
            (
                node.name,
                node.block,
                _sizes(node.inputs),
                _sizes(node.outputs),
                node.parameters,
                node.trainable,
                node.macs,
            )
        )
    return out.getvalue()


def as_markdown(design: Design, analysis: Analysis) -> str:
    """A table of the blocks that run, with totals."""
    lines = ["| name | block | output | parameters | MACs |", "| --- | --- | --- | ---: | ---: |"]
    for node in analysis.nodes:
        cells = (node.name, node.block, _sizes(node.outputs), f"{node.parameters:,}", f"{node.macs:,}")
        lines.append("| " + " | ".join(_line(cell).replace("|", "\\|") for cell in cells) + " |")
    lines.append(f"| **total** |  |  | **{analysis.parameters:,}** | **{analysis.macs:,}** |")
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
}  # fmt: skip


def as_latex(design: Design, analysis: Analysis) -> str:
    """The same table as a LaTeX tabular, which needs no package."""

    def row(*cells: str) -> str:
        return "  " + " & ".join("".join(_LATEX.get(mark, mark) for mark in _line(cell)) for cell in cells) + r" \\"

    lines = [r"\begin{tabular}{lllrr}", r"  \hline", row("name", "block", "output", "parameters", "MACs"), r"  \hline"]
    for node in analysis.nodes:
        lines.append(
            row(node.name, node.block, _sizes(node.outputs), f"{node.parameters:,}", f"{node.macs:,}")
        )
    total = row("total", "", "", f"{analysis.parameters:,}", f"{analysis.macs:,}")
    return "\n".join([*lines, r"  \hline", total, r"  \hline", r"\end{tabular}"]) + "\n"


def _reports(analysis: Analysis) -> dict[str, NodeReport]:
    return {report.id: report for report in (*analysis.nodes, *analysis.groups)}


def _label(node: Node, report: NodeReport | None) -> list[str]:
    """What stands on a node: its name, its block, its size."""
    lines = [node.name, node.block or node.group]
    if isinstance(node.repeat, int) and node.repeat > 1:
        lines[1] += f" ×{node.repeat}"
    if report is not None and report.outputs:
        lines.append(_sizes(report.outputs))
    lines = [_line(line) for line in lines]
    return lines if lines[0] != lines[1] else [lines[0], *lines[2:]]


def as_mermaid(design: Design, analysis: Analysis) -> str:
    """The top of the drawing as a Mermaid flowchart; Groups have double sides. Ids are numbered: a name could be a
    word of Mermaid's own."""
    reports, ids = _reports(analysis), {node.id: f"n{i}" for i, node in enumerate(design.nodes)}
    lines = ["flowchart LR"]
    for node in design.nodes:
        shown = (line.replace("<", "#lt;").replace(">", "#gt;") for line in _label(node, reports.get(node.id)))
        text = "<br/>".join(shown).replace('"', "#quot;")
        lines.append(f'  {ids[node.id]}[["{text}"]]' if node.group else f'  {ids[node.id]}["{text}"]')
    lines += [f"  {ids[w.source.node]} --> {ids[w.target.node]}" for w in design.wires]
    return "\n".join(lines) + "\n"


def as_dot(design: Design, analysis: Analysis) -> str:
    """The top of the drawing for Graphviz; Groups have double sides."""
    reports = _reports(analysis)

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = ["digraph design {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for node in design.nodes:
        label = quoted("\n".join(_label(node, reports.get(node.id)))).replace("\n", "\\n")
        more = ", peripheries=2" if node.group else ""
        lines.append(f"  {quoted(node.id)} [label={label}{more}];")
    lines += [f"  {quoted(w.source.node)} -> {quoted(w.target.node)};" for w in design.wires]
    return "\n".join([*lines, "}"]) + "\n"
