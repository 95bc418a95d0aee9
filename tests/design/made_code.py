"""Code of small drawings without an engine, in the manner of what Netloom writes: a class for the drawing and for each
Group, modules by the names of the nodes, sums and `torch.cat` as expressions."""

from __future__ import annotations

from app.design.compare import in_order
from app.design.values import Design, Graph, Node
from blocks.card import Card, Port, Setting

_X, _OUT = Port("x", "B C H W"), Port("out", "B C H W")
_MANY = Port("xs", "*S", many="*", at_least=2)
_BIAS = Setting("bias", "bool", True)
CARDS = {
    card.id: card
    for card in (
        Card("Input", "Input", "Ends", outputs=(_OUT,), settings=(Setting("size", "ints", (3, 32, 32), min=1),)),
        Card("Output", "Output", "Ends", inputs=(Port("x", "*S", "any"),)),
        Card("Conv2d", "Convolution", "Layer", inputs=(_X,), outputs=(_OUT,), reads=("C",), settings=(
            Setting("out_channels", "int", 64, min=1), Setting("kernel_size", "pair", (3, 3), min=1),
            Setting("stride", "pair", (1, 1), min=1), Setting("padding", "pair", (1, 1), min=0), _BIAS)),
        Card("Linear", "Linear", "Layer", inputs=(_X,), outputs=(_OUT,), reads=("D",),
             settings=(Setting("out_features", "int", 128, min=1), _BIAS)),
        Card("BatchNorm2d", "Batch norm", "Layer", inputs=(_X,), outputs=(_OUT,), reads=("C",),
             settings=(Setting("eps", "float", 1e-5), Setting("momentum", "float", 0.1, optional=True))),
        Card("MaxPool2d", "Max pool", "Layer", inputs=(_X,), outputs=(_OUT,), settings=(
            Setting("kernel_size", "pair", (2, 2), min=1), Setting("stride", "pair", (2, 2), min=1))),
        Card("Dropout", "Dropout", "Layer", inputs=(_X,), outputs=(_OUT,),
             settings=(Setting("p", "float", 0.5, min=0, max=1),)),
        Card("ReLU", "ReLU", "Layer", inputs=(_X,), outputs=(_OUT,)),
        Card("GELU", "GELU", "Layer", inputs=(_X,), outputs=(_OUT,)),
        Card("Gate", "Gate", "Attention", inputs=(_X, Port("mask", "B C H W", optional=True)), outputs=(_OUT,),
             reads=("C",), settings=(Setting("reduction", "int", 16, min=1), Setting("kind", "choice", "soft",
                                                                                     choices=("soft", "hard")))),
        Card("Split", "Split", "Connector", inputs=(_X,), outputs=(Port("part", "*S", many="parts"),),
             settings=(Setting("parts", "int", 2, min=1, max=8),)),
        Card("Flatten", "Flatten", "Layer", inputs=(_X,), outputs=(_OUT,), settings=(Setting("start_dim", "int", 1),)),
        Card("Add", "Add", "Connector", inputs=(_MANY,), outputs=(_OUT,)),
        Card("Concat", "Concat", "Connector", inputs=(_MANY,), outputs=(_OUT,)),
        Card("GroupInput", "Group input", "Ends", outputs=(Port("out", "*S", "any"),)),
        Card("GroupOutput", "Group output", "Ends", inputs=(Port("x", "*S", "any"),)),
    )
}  # fmt: skip
SIZE = {"Conv2d": "in_channels", "BatchNorm2d": "num_features", "Linear": "in_features"}
COPIED = {
    "Gate": '''
class Gate(nn.Module):
    """Rescale by a gate."""

    def __init__(self, C: int, reduction: int = 16, kind: str = "soft") -> None:
        super().__init__()
        self.fold = nn.Conv2d(C, C // reduction, 1)
        self.kind = kind

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.fold(x)
        if mask is not None:
            y = y * mask
        return x * y
''',
    "Split": '''
class Split(nn.Module):
    """Take channels apart."""

    def __init__(self, parts: int = 2) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.chunk(self.parts, 1)
''',
}
ENDS = ("Input", "GroupInput", "Output", "GroupOutput")
OPS = ("Add", "Concat", "Flatten")


class _Writer:
    def __init__(self, design: Design) -> None:
        self.design = design
        self.lines: list[str] = []
        self.places: dict[str, list[int]] = {}

    def put(self, line: str, way: str, id: str) -> None:
        self.lines.append(line)
        self.places.setdefault(way + id, []).append(len(self.lines))

    def whole(self) -> str:
        self.lines += ['"""A network."""', "", "from __future__ import annotations", "", "import torch",
                       "from torch import Tensor, nn", ""]  # fmt: skip
        used = {node.block for graph in (self.design, *self.design.groups) for node in graph.nodes}
        for block, text in COPIED.items():
            if block in used:
                self.lines += text.split("\n")
        for group in self.design.groups:
            self.graph(group, f"{group.name.title().replace('_', '')}Group", f"{group.name}/")
        self.graph(self.design, "Network", "")
        self.lines += ["", 'if __name__ == "__main__":', "    print(sum(p.numel() for p in Network().parameters()))"]
        return "\n".join(self.lines) + "\n"

    def graph(self, graph: Graph, name: str, way: str) -> None:
        self.lines += ["", f"class {name}(nn.Module):", '    """A part of the drawing."""', "",
                       "    def __init__(self) -> None:", "        super().__init__()"]  # fmt: skip
        order = in_order(graph)
        for node in order:
            if node.block not in (*ENDS, *OPS) and not node.shares:
                self.put(f"        self.{node.name} = {self.call(node)}", way, node.id)
        inputs = [node for node in graph.nodes if node.block in ("Input", "GroupInput")]
        self.lines.append("")
        self.lines.append(f"    def forward(self, {', '.join(f'{n.name}: Tensor' for n in inputs)}) -> Tensor:")
        for node in order:
            if node.block not in ENDS:
                self.put(f"        {self.targets(graph, node)} = {self.use(graph, node)}", way, node.id)
        outputs = [node for node in graph.nodes if node.block in ("Output", "GroupOutput")]
        self.lines += [f"        return {', '.join(self.fed(graph, n)[0] for n in outputs)}", ""]

    def call(self, node: Node) -> str:
        if node.group:
            made = f"{node.group.title().replace('_', '')}Group()"
            return made if node.repeat == 1 else f"nn.Sequential(*({made} for _ in range({node.repeat})))"
        given = [f"{name}={value!r}" for name, value in node.settings.items()]
        if node.block in COPIED:
            return f"{node.block}({', '.join((['16'] if node.block == 'Gate' else []) + given)})"
        layer = CARDS[node.block]
        whole = {s.name: node.settings.get(s.name, s.default) for s in layer.settings}
        inside = ([f"{SIZE[node.block]}=16"] if node.block in SIZE else []) + [f"{k}={v!r}" for k, v in whole.items()]
        return f"nn.{node.block}({', '.join(inside)})"

    def fed(self, graph: Graph, node: Node) -> list[str]:
        wires = sorted(graph.into.get(node.id, ()), key=lambda w: (len(w.target.port), w.target.port))
        found = []
        for wire in wires:
            source = graph.by_id[wire.source.node]
            several = source.block == "Split"
            found.append(f"{source.name}_{wire.source.port}" if several else source.name)
        return found

    def targets(self, graph: Graph, node: Node) -> str:
        if node.block == "Split":
            parts = node.settings.get("parts", 2)
            return ", ".join(f"{node.name}_part{i + 1}" for i in range(parts)) + ("," if parts == 1 else "")
        return node.name

    def use(self, graph: Graph, node: Node) -> str:
        given = self.fed(graph, node)
        match node.block:
            case "Add":
                return " + ".join(given)
            case "Concat":
                return f"torch.cat([{', '.join(given)}], dim=1)"
            case "Flatten":
                return f"{given[0]}.flatten({node.settings.get('start_dim', 1)})"
            case "Gate" if len(given) == 2:
                ports = sorted((w.target.port for w in graph.into[node.id]), key=lambda port: (len(port), port))
                wires = dict(zip(ports, given, strict=True))
                return f"self.{node.name}({wires['x']}, mask={wires['mask']})"
        owner = graph.by_id[node.shares].name if node.shares else node.name
        return f"self.{owner}({', '.join(given)})"


def code_of(design: Design) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The code, and the lines of each node as Code has them. Every input but an optional one must be wired."""
    writer = _Writer(design)
    text = writer.whole()
    return text, {path: tuple(lines) for path, lines in writer.places.items()}
