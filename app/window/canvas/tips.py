"""What the canvas says of the thing under a resting pointer."""

from __future__ import annotations

from html import escape

from app.design import edits
from app.design.values import Node
from app.window.canvas import texts
from app.window.canvas.scene import Hit, Scene
from app.window.sentences import rich

MOST_NAMES = 4


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
        shown = f"<br>{hit.wire.look.kind} {escape(label)}" if label else ""
        return f"{escape(words)}{shown}<br>Drag it to move its nearer end. Double-click to insert a block."
    if hit.frame is not None:
        frame = hit.frame.frame
        return "<br>".join(filter(None, (f"<b>{escape(frame.title)}</b>", escape(frame.text).replace("\n", "<br>"))))
    return ""


def _node_tip(scene: Scene, hit: Hit) -> str:
    assert hit.node is not None
    node, face = hit.node.node, hit.node.face
    lines = [f"<b>{escape(face.name)}</b> &nbsp;{escape(face.title)}"]
    if face.problem:
        lines.append(rich(face.problem))
        if face.inside:
            lines.append(f"{face.inside} problem{'s' * (face.inside != 1)} inside: a double click enters the Group.")
    if face.trouble:
        lines.append(f"{'On export' if face.exported else 'In training'}: {rich(face.trouble)}")
    if face.missing:
        what = "Group" if face.group else "block"
        lines.append(rich(f"There is no {what} `{node.group or node.block}` here. It is kept as it is."))
    card = scene.document.catalogue.get(node.block)
    group = scene.document.design.group_by_name.get(node.group)
    about = card.summary if card else group.help if group else ""
    if about:
        lines.append(rich(about))
    report = scene.document.report(node.id)
    if report is not None and face.foot:
        lines.append(f"{report.parameters:,} parameters, {report.macs:,} MACs")
    if timing := scene.document.timings.of(scene.document.id_path(node.id)):
        lines.append(f"Measured: {timing.words}")
    if hit.node.picture is not None and hit.node.picture.tip:
        lines.append(rich(hit.node.picture.tip))
    if exact := _exact_names(scene, node):
        lines.append(rich("By name: " + ", ".join(f"`{name}`" for name in exact)))
    if node.frozen:
        lines.append("Frozen: its weights stay as they are in training.")
    if node.shares:
        other = scene.graph.by_id.get(node.shares)
        lines.append(f"Uses the weights of {escape(other.name if other else node.shares)}.")
    if node.follows:
        other = scene.graph.by_id.get(node.follows)
        name = escape(other.name if other else node.follows)
        lines.append(f"Its weights are the moving average of those of {name}, with momentum {node.momentum:g}.")
    return "<br>".join(lines)


def _exact_names(scene: Scene, node: Node) -> list[str]:
    """The node's settings as variants and `--set` name them, where the node shows them in words."""
    document = scene.document
    settings = edits.settings_of(document.design, node, document.catalogue) or ()
    graph, way = document.design.graph(), []
    for id in document.path:
        way.append(graph.by_id[id].name)
        graph = document.design.graph(graph.by_id[id].group)
    path = "/".join([*way, node.name])
    return [f"{path}.{s.name}" for s in settings if "_" in s.name][:MOST_NAMES]
