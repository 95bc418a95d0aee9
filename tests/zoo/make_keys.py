"""Makes `examples/zoo/KEYS.md` of `keys.json`.

Run `python -m tests.zoo.make_keys` after a change to the rules; a test fails when the page is out of date.
"""

from __future__ import annotations

from pathlib import Path

from app.engine.keymaps import key_maps
from examples import zoo

PAGE = Path(zoo.__file__).resolve().parent / "KEYS.md"
HEAD = """# Checkpoints of torchvision and timm

Weights that torchvision or timm published load into the zoo's designs, and into a drawing of your own whose nodes have
the same names. Netloom sees by itself whose names a file has:

```
netloom check resnet50 --weights resnet50.pth      # what fits, what does not
netloom train my.netloom --weights resnet50.pth    # begins with them; a classifier of other classes stays new
netloom export resnet50 --weights resnet50.pth --to onnx
```

A file is safetensors or torch's own format; no code in it runs. `num_batches_tracked` may be absent, and sizes may
differ in axes of size 1 (a linear layer is a 1x1 convolution). A part of the network (`backbone`, `head`) is loaded
as a whole or stays new: a file of a deeper network is refused. What a trainer put before every name (`module.`,
`model.`, `_orig_mod.`) is seen and left out.

File > Weights… shows the same table in the window. `check --keys` lists every tensor with its name in the file. What
no name brings together may fit by its shape, where one alone is left of it on both sides (`--match shape`), or by its
place among those of equal shape (`--match order`). These are guesses: they are listed with a question mark, and taken
only when you ask for them. `export --partly` leaves new what the file lacks.

## How to read the rules

The rules stand in [keys.json](keys.json), and this page is made from them by `python -m tests.zoo.make_keys`. Each
pairs a pattern of theirs with one of ours; a tensor belongs to the first rule that finds it.

| sign | stands for |
| --- | --- |
| `*` | a number |
| `**` | anything |
| `{a,b}` | one of these words, counted in this order |
| `{,a}` | this word, or nothing |

A pattern names modules, whose weights and biases go along, or single tensors. What it finds is counted, not read: the
first stage is the first on both sides, be it called 0 or 1. Where both patterns have as many signs, each is counted by
itself; otherwise all that one pattern finds pair with all that the other finds, in order.
"""


def page() -> str:
    """The text of KEYS.md."""
    names = {family.stem: [n.name for n in zoo.networks() if n.family == family.stem] for family in zoo.families()}
    parts = [HEAD]
    for map in key_maps():
        files = ", ".join(f"[{family}]({family}.netloom)" for family in map.families)
        count = sum(len(names[family]) for family in map.families)
        rows = [f"| `{theirs}` | {f'`{ours}`' if ours else 'not needed'} |" for theirs, ours in map.rules]
        parts.append(f"## {map.title}\n\nWritten for {files}: {count} networks.\n")
        parts.append("\n".join(["| theirs | ours |", "| --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
