"""The code that reads what is not pictures: NumPy's arrays, tables, texts."""

from __future__ import annotations

from app.engine.data.arrays import LABELS, SAMPLES
from app.engine.data.text import MOST_WORDS, UNKNOWN
from app.engine.to_script.fields import DIVIDED, FIT, USUAL_FIELD, Asked, Field, path_of, returned, sample

_ARRAYS = '''

def named(arrays: dict[str, np.ndarray], wish: str, usual: tuple[str, ...]) -> np.ndarray:
    """The array that is called so, or by one of the usual names; the only one that holds no labels."""
    lower = {{name.lower(): name for name in arrays}}
    found = [name for name in (wish, *(lower.get(each) for each in usual)) if name in arrays]
    return arrays[found[0] if found else next(name for name in arrays if name.lower() not in LABELS)]


def samples(values: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    """Samples in the form that the network takes: of pictures bytes become 0 to 1, and channels come first."""
    x = torch.from_numpy(values).float()
    if values.dtype == np.uint8 and x.ndim == 3:
        x = x.unsqueeze(1)
    elif values.dtype != np.uint8 and x.shape[1:] == shape:
        return x
    elif x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.permute(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        return x.reshape(len(x), *shape)
    return fitted(x / 255 if values.dtype == np.uint8 else x, shape)


def load(file: Path = {path}) -> dict[str, Split]:
    """{says}"""
    arrays = {read}
    sets: dict[str, dict[str, np.ndarray]] = {{}}
    for name, array in arrays.items():
        split, end = next(((s, e) for e, s in ENDS.items() if name.lower().endswith(e)), ("train", ""))
        if array.ndim:
            sets.setdefault(split, {{}})[name[: len(name) - len(end)]] = array

    def tensors(arrays: dict[str, np.ndarray]) -> tuple[torch.Tensor, ...]:
        {lines}
        return {one}

    if "validation" not in sets:
        whole = sets["train"]
        size = len(next(iter(whole.values())))
        y = next((whole[name] for name in whole if name.lower() in LABELS), np.zeros(size))
        labels = y.reshape(-1) if y.dtype.kind in "bui" and y.size == size and y.min() >= 0 else np.zeros(size)
        parts = divided(labels, {two} if "test" in sets else {shares})
        for split, part in zip(("train", "validation", "test"), parts, strict=False):
            if len(part):
                sets[split] = {{name: array[part] for name, array in whole.items()}}
    return {{split: tensors(arrays) for split, arrays in sets.items()}}
'''
_TABLE = '''

def is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def classes(cells: list[str]) -> np.ndarray:
    """The number of each cell's class: in the order of numbers where all are, else in that of the alphabet."""
    if all(is_number(cell) for cell in cells):
        return np.unique([int(float(cell)) for cell in cells], return_inverse=True)[1]
    return np.unique(cells, return_inverse=True)[1]


def load(file: Path = {path}) -> dict[str, Split]:
    """A table in CSV: numbers to mean 0 and spread 1 by the train split; its labels in `label`, `target` or the last
    column."""
    with file.open(newline="", encoding="utf-8-sig") as opened:
        mark = max(",;\\t", key=opened.readline().count)
        opened.seek(0)
        head, *rows = [row for row in csv.reader(opened, delimiter=mark) if row]
    if all(is_number(cell) for cell in head):  # a row as the others: there is no header
        head, rows = [f"column {{i + 1}}" for i in range(len(head))], [head, *rows]
    lower = [name.strip().lower() for name in head]
    label = next((lower.index(name) for name in ("label", "target") if name in lower), len(head) - 1)

    def column(place: int) -> list[str]:
        return [row[place].strip() for row in rows]

    taken = {taken}
    x = np.array([[float(cell) for i, cell in enumerate(row) if i not in taken] for row in rows])
    {targets}
    parts = dict(zip(("train", "validation", "test"), divided({groups}, {shares}), strict=True))
    mean, std = x[parts["train"]].mean(0), x[parts["train"]].std(0)
    features = torch.from_numpy(((x - mean) / np.where(std > 0, std, 1)).astype(np.float32))
    return {{name: ({take}) for name, part in parts.items() if len(part)}}
'''
_TEXT = '''

def load(path: Path = {path}) -> dict[str, Split]:
    """A text, or a folder of them, as stretches of {kind}; its beginning is for training, its end for the test."""
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    texts = [file.read_bytes().decode("utf-8-sig") for file in files]
    text = "".join(f"{{text}}\\n" for text in texts) if len(texts) > 1 else texts[0]
    {tokens}
    ends = np.floor(np.cumsum((0, *{shares})) * len(tokens) + 1e-9).astype(int).tolist()
    found: dict[str, Split] = {{}}
    for split, begin, end in zip(("train", "validation", "test"), ends[:-1], ends[1:], strict=True):
        if end - begin > {length}:
            part = tokens[begin:end].unfold(0, {window}, {step})  # (N, {window})
            found[split] = ({take})
    return found
'''
_CHARACTERS = """place = {character: i for i, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor([place[character] for character in text])"""
_WORDS = f"""words = re.findall(r"\\w+|[^\\w\\s]", text)
    counts = Counter(words)
    often = sorted(counts, key=lambda word: (-counts[word], word))[:{MOST_WORDS}]
    place = {{word: i + 1 for i, word in enumerate(often)}}  # 0: {UNKNOWN}
    tokens = torch.tensor([place.get(word, 0) for word in words])"""
_SAYS = "NumPy arrays: samples in `x` or as the network calls them, labels in `y`; those of a split end in its name."


def arrays(asked: Asked, path: str) -> str:
    """Arrays in an .npz or .npy file, or a folder of .npy files."""
    ends = {
        "_train": "train", "_training": "train", "_val": "validation", "_valid": "validation",
        "_validation": "validation", "_test": "test",
    }  # fmt: skip
    suffix = path.lower().rpartition(".")[2]
    read = {"npz": "dict(np.load(file))", "npy": '{"x": np.load(file)}'}.get(
        suffix, '{path.stem: np.load(path) for path in sorted(file.glob("*.npy"))}'
    )
    lines = []
    for x, spec in zip(asked.names, asked.inputs, strict=True):
        found = f"named(arrays, {spec.name!r}, SAMPLES)"
        if spec.dtype == "float32":
            lines.append(f"{x} = samples({found}, {spec.shape!r})")
        else:
            lines.append(f"{x} = torch.from_numpy({found}).to({spec.torch_dtype})")

    def target(spec: Field) -> str:
        array = 'named(arrays, "", LABELS)' if spec.field == USUAL_FIELD else f"arrays[{spec.field!r}]"
        return f"torch.from_numpy({array}).to({spec.torch_dtype}).reshape(-1{spec.behind})"

    made = _ARRAYS.format(
        path=path_of(path), says=_SAYS, read=read, lines="\n        ".join(lines),
        one=returned(asked, target), shares=asked.shares, two=asked.two,
    )  # fmt: skip
    return f"\nSAMPLES = {SAMPLES!r}\nLABELS = {LABELS!r}\nENDS = {ends!r}\n" + DIVIDED + FIT + made


def table(asked: Asked, path: str) -> str:
    """A table in CSV. Each Input takes all columns that no Target reads."""
    places: dict[str, str] = {}
    for t in asked.targets:
        if t.field != "input":
            places.setdefault(t.field, "label" if t.field == USUAL_FIELD else f"head.index({t.field!r})")
    taken = ["label", *(place for place in places.values() if place != "label")]
    lines: list[str] = []
    made: dict[str, str] = {}
    for t in asked.targets:
        if t.field == "input":
            continue
        name = "y" if len(asked.targets) == 1 else f"y{len(made) + 1}"
        cells = f"column({places[t.field]})"
        value = f"torch.from_numpy(classes({cells}))"
        if t.dtype.startswith("float"):
            value = f"torch.tensor([float(cell) for cell in {cells}])"
        lines.append(f"{name} = {value}" + (f".reshape(-1{t.behind})" if t.shape else ""))
        made[t.name] = name
    measured = any(t.dtype.startswith("float") for t in asked.targets if t.field == USUAL_FIELD)
    if measured:
        groups = "np.zeros(len(rows))"
    elif not any(t.field == USUAL_FIELD for t in asked.targets):  # nobody reads it: it may hold fractions
        lines.append("whole = not any(is_number(cell) and float(cell) % 1 for cell in column(label))")
        groups = "classes(column(label)) if whole else np.zeros(len(rows))"
    else:
        groups = "classes(column(label))"
    take = sample(asked, ["features[part]"] * len(asked.inputs), lambda t: f"{made[t.name]}[part]")
    code = _TABLE.format(
        path=path_of(path), taken=f"{{{', '.join(taken)}}}", targets="\n    ".join(lines), groups=groups,
        shares=asked.shares, take=take,
    )  # fmt: skip
    return "\nimport csv\n" + DIVIDED + code


def text(asked: Asked, kind: str, path: str) -> str:
    """Characters or words; a Target takes the one that comes next, of each or of the whole sample."""
    length = max(spec.shape[0] for spec in asked.inputs)
    step = 1 if any(t.field == "next" and t.shape in ((), (1,)) for t in asked.targets) else length

    def following(target: Field) -> str:
        return "part[:, 1:]" if target.shape not in ((), (1,)) else "part[:, -1:]" if target.shape else "part[:, -1]"

    code = _TEXT.format(
        path=path_of(path), kind=kind, tokens=_WORDS if kind == "words" else _CHARACTERS, shares=asked.shares,
        length=length, window=length + 1, step=step,
        take=sample(asked, [f"part[:, :{spec.shape[0]}]" for spec in asked.inputs], following),
    )  # fmt: skip
    return ("\nimport re\nfrom collections import Counter\n" if kind == "words" else "") + code
