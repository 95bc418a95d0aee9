"""What the canvas says of the thing under a resting pointer."""

from __future__ import annotations

from html import escape

from app.window.canvas import texts
from app.window.canvas.scene import Hit, Scene


def tip(scene: Scene, hit: Hit) -> str:
    """The tooltip for what was hit; empty for the bare canvas."""
    document = scene.document
    if hit.node is not None and hit.port:
        face = hit.node.face
        port = next((p for p in (face.outputs if hit.output else face.inputs) if p.name == hit.port), None)
        if port is None:
            return ""
        seen = texts.at_port(document.report(hit.node.node.id), port.name, output=hit.output)
        return texts.port_tip(port, seen, output=hit.output)
    if hit.node is not None:
        return _node_tip(scene, hit)
    if hit.wire is not None:
        wire, nodes = hit.wire.wire, scene.graph.by_id
        words = f"{nodes[wire.source.node].name}.{wire.source.port} → {nodes[wire.target.node].name}.{wire.target.port}"
        label = hit.wire.look.label
        return escape(words) + (f"<br>{hit.wire.look.kind} {escape(label)}" if label else "")
    return ""


def _node_tip(scene: Scene, hit: Hit) -> str:
    assert hit.node is not None
    node, face = hit.node.node, hit.node.face
    lines = [f"<b>{escape(face.name)}</b> &nbsp;{escape(face.title)}"]
    if face.problem:
        lines.append(escape(face.problem))
    if face.missing:
        what = "Group" if face.group else "block"
        lines.append(f"There is no {what} `{escape(node.group or node.block)}` here. It is kept as it is.")
    card = scene.document.catalogue.get(node.block)
    group = scene.document.design.group_by_name.get(node.group)
    about = card.summary if card else group.help if group else ""
    if about:
        lines.append(escape(about))
    report = scene.document.report(node.id)
    if report is not None and face.foot:
        lines.append(f"{report.parameters:,} parameters, {report.macs:,} MACs")
    if node.frozen:
        lines.append("Frozen: its weights stay as they are in training.")
    if node.shares:
        other = scene.graph.by_id.get(node.shares)
        lines.append(f"Uses the weights of {escape(other.name if other else node.shares)}.")
    return "<br>".join(lines)
