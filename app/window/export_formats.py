"""The forms that a design can be written in, as the export dialog lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Format:
    """A form that a design can be written in. `options` is what can be chosen: weights, how a picture looks, or
    nothing."""

    to: str
    title: str
    icon: str
    suffix: str
    sentence: str
    options: str = ""
    whole: bool = True
    """Whether the design must be free of errors: a table tells of the valid part, a picture of what is drawn."""

    def named(self, path: Path) -> Path:
        """`path` with the ending of this form in the place of another form's."""
        endings = sorted((form.suffix for form in FORMATS), key=len, reverse=True)
        stem = next((path.name.removesuffix(end) for end in endings if path.name.endswith(end)), path.stem)
        return path.with_name(stem + self.suffix)


FORMATS = (
    Format("onnx", "ONNX network", "package", ".onnx",
           "The network for ONNX Runtime and other programs. It is checked and compared with torch, and a certificate "
           "says how the two agree.", "weights"),
    Format("safetensors", "Weights", "layers", ".safetensors",
           "The weights alone, named as the nodes are, in the format that PyTorch programs read.", "weights"),
    Format("program", "PyTorch program", "box", ".pt2",
           "The network with its weights as a graph that torch.export.load reads, for a batch of any size. It is read "
           "again and compared.", "weights"),
    Format("python", "Python module", "file-code", ".py",
           "The network as a class that you might have written: it needs torch alone, and weights exported from here "
           "load into it."),
    Format("script", "Training script", "play", "_train.py",
           "The network, its data and its recipe in plain PyTorch: it trains by itself, and says what of the recipe it "
           "leaves out."),
    Format("png", "Picture (PNG)", "image", ".png", "The drawing as it looks on the canvas, in pixels.", "picture",
           whole=False),
    Format("svg", "Vector picture (SVG)", "spline", ".svg",
           "The drawing as lines and text that stay sharp in print, for web pages and drawing programs.", "picture",
           whole=False),
    Format("pdf", "Vector picture (PDF)", "file", ".pdf",
           "The same on one page of its size, with its fonts in it: for papers and slides.", "picture", whole=False),
    Format("csv", "Layer table (CSV)", "table", ".csv",
           "Every layer with its shapes, parameters and multiply-adds, for a spreadsheet.", whole=False),
    Format("markdown", "Layer table (Markdown)", "list", ".md", "The same table as text for a README or a draft.",
           whole=False),
    Format("latex", "Layer table (LaTeX)", "sigma", ".tex", "The same table as a tabular for a paper.", whole=False),
    Format("mermaid", "Mermaid diagram", "git-branch", ".mmd", "Nodes and wires as text that GitHub and wikis draw.",
           whole=False),
    Format("dot", "Graphviz diagram", "workflow", ".dot", "Nodes and wires as text for Graphviz.", whole=False),
)  # fmt: skip
