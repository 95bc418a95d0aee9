"""The code that reads pictures: the digits, folders of classes, folders of pictures with masks."""

from __future__ import annotations

from collections.abc import Callable

from app.engine.data.fit import SUFFIXES
from app.engine.data.images import FOLDERS
from app.engine.data.masks import MASK_FOLDERS
from app.engine.to_script.fields import DIVIDED, FIT, USUAL_FIELD, Asked, Field, path_of, returned, sample

_DIGITS = '''

def load() -> dict[str, Split]:
    """The digits that come with scikit-learn: 1,257 to train, 180 for validation, 360 for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    rest, test = train_test_split(np.arange(len(bunch.target)), test_size=0.2, stratify=bunch.target, random_state=0)
    train, validation = train_test_split(rest, test_size=1 / 8, stratify=bunch.target[rest], random_state=0)
    pictures = torch.from_numpy((bunch.images / 16.0).astype(np.float32)).unsqueeze(1)  # (N, 1, 8, 8)
    {made}
    parts = {{"train": train, "validation": validation, "test": test}}
    return {{name: ({take}) for name, chosen in parts.items()}}
'''
_OPENED = '''

def opened(path: Path) -> Image.Image:
    """A picture, upright, of 8 bits, and on white where it is transparent."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode[0] == "I" and values.max() > 255 else 255.0
        picture = Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def pixels(picture: Image.Image, shape: tuple[int, ...]) -> torch.Tensor:
    """A picture from 0 to 1 in the form that the network takes."""
    picture = picture.convert("RGB" if shape[0] == 3 and len(shape) == 3 else "L")
    picture = picture.resize((shape[-1], shape[-2]), Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.array(picture, dtype=np.float32)).div_(255)  # (H, W) or (H, W, C)
    return values.permute(2, 0, 1) if values.ndim == 3 else values.reshape(shape)
'''
_IMAGES = '''

class Pictures(Dataset[tuple[torch.Tensor, ...]]):
    """Picture files with their classes."""

    def __init__(self, files: list[tuple[Path, int]]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        path, label = self.files[index]
        picture = opened(path)
        {lines}
        return {one}


def load(folder: Path = {path}) -> dict[str, Split]:
    """A folder of pictures for each class; folders train, val and test are used if there are any."""
    places = {{split: next((folder / n for n in names if (folder / n).is_dir()), None) for split, names in FOLDERS}}
    top = places["train"] or folder
    classes = sorted(p.name for p in top.iterdir() if p.is_dir() and not p.name.startswith("."))

    def files(place: Path) -> list[tuple[Path, int]]:
        found = [(p, label) for label, name in enumerate(classes) for p in sorted((place / name).rglob("*"))]
        return [(p, label) for p, label in found if p.suffix.lower() in SUFFIXES and p.is_file()]

    found = {{split: files(place) for split, place in places.items() if place and places["train"]}}
    whole = found["train"] if found else files(folder)
    labels = np.array([label for _, label in whole])
    if not found or "validation" not in found:
        shares = {two} if found else {shares}
        parts = zip(("train", "validation", "test"), divided(labels, shares), strict=False)
        found |= {{split: [whole[i] for i in part] for split, part in parts if len(part)}}
    return {{split: Pictures(members) for split, members in found.items()}}
'''
_MASKS = '''

def classes_in(mask: Path) -> np.ndarray:
    """The class of each pixel of a mask: 0 to 254, and 255 for none."""
    with Image.open(mask) as file:
        return np.asarray(file).astype(np.uint8)


class Pictures(Dataset[tuple[torch.Tensor, ...]]):
    """Picture files with their masks. Where these are `binary`, all but 0 is one class."""

    def __init__(self, files: list[tuple[Path, Path]], binary: bool) -> None:
        self.files, self.binary = files, binary

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        path, mask = self.files[index]
        picture = opened(path)
        {lines}
        return {one}

    def mask(self, path: Path, shape: tuple[int, ...]) -> torch.Tensor:
        """The class of each pixel, -100 for none; with a size before height and width maps of 0 and 1."""
        values = classes_in(path)
        if self.binary:
            values = (values > 0).astype(np.uint8)
        picture = Image.fromarray(values).resize((shape[-1], shape[-2]), Image.Resampling.NEAREST)
        found = torch.from_numpy(np.array(picture)).long()
        none = found == 255
        if len(shape) == 2:
            return found.masked_fill(none, -100)
        if shape[0] == 1:
            return ((found > 0) & ~none).float().reshape(shape)
        maps = nn.functional.one_hot(found.masked_fill(none, 0), shape[0]).movedim(-1, 0)
        return maps.masked_fill(none, 0).float()


def load(folder: Path = {path}) -> dict[str, Split]:
    """The folders images and masks, whose files have equal names; folders train, val and test of such if there are."""

    def pairs(place: Path) -> list[tuple[Path, Path]]:
        def found(top: Path) -> dict[str, Path]:
            files = sorted(p for p in top.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            return {{p.relative_to(top).with_suffix("").as_posix(): p for p in files}}

        masks = found(next(place / name for name in {mask_folders!r} if (place / name).is_dir()))
        pictures = found(place / "images")
        ends = ("", "_mask", "_label")
        mask_of = {{stem: next((masks[stem + e] for e in ends if stem + e in masks), None) for stem in pictures}}
        return [(picture, mask) for stem, picture in pictures.items() if (mask := mask_of[stem])]

    places = {{split: next((folder / n for n in names if (folder / n).is_dir()), None) for split, names in FOLDERS}}
    tops = {{"train": folder}} if (folder / "images").is_dir() else places
    files = {{split: pairs(top) for split, top in tops.items() if top}}
    whole = files["train"]
    some = [mask for _, mask in whole[:: max(len(whole) // 200, 1)][:200]]
    binary = not (folder / "classes.txt").is_file() and all({{0, 255}} >= set(np.unique(classes_in(m))) for m in some)
    if "validation" not in files:
        parts = divided(np.zeros(len(whole)), {two} if len(files) > 1 else {shares})
        names = ("train", "validation", "test")
        files |= {{split: [whole[i] for i in part] for split, part in zip(names, parts, strict=False) if len(part)}}
    return {{split: Pictures(members, binary) for split, members in files.items()}}
'''


def digits(asked: Asked) -> str:
    """The digits, fitted to each Input."""
    made, taken = [], []
    if any(t.field == USUAL_FIELD for t in asked.targets):
        made.append("labels = torch.from_numpy(bunch.target.astype(np.int64))")
    for spec in asked.inputs:
        if spec.shape == (1, 8, 8):
            taken.append("pictures[chosen]")
            continue
        name = f"pictures{len(taken) + 1}"
        made.append(f"{name} = fitted(pictures, {spec.shape!r})")
        taken.append(f"{name}[chosen]")

    def label(target: Field) -> str:
        value = "labels[chosen].float()" if target.dtype.startswith("float") else "labels[chosen]"
        return f"{value}.reshape(-1{target.behind})" if target.shape else value

    fits = FIT if any(spec.shape != (1, 8, 8) for spec in asked.inputs) else ""
    return fits + _DIGITS.format(made="\n    ".join(made), take=sample(asked, taken, label))


def images(asked: Asked, path: str) -> str:
    """A folder of pictures for each class."""

    def label(target: Field) -> str:
        dtype = "" if target.dtype == "int64" else f", dtype={target.torch_dtype}"
        value = f"torch.tensor(label{dtype})"
        return f"{value}.reshape({target.behind[2:]})" if target.shape else value

    made = _IMAGES.format(path=path_of(path), shares=asked.shares, two=asked.two, **_one(asked, label))
    return _head() + DIVIDED + _OPENED + made


def masks(asked: Asked, path: str) -> str:
    """Pictures with masks."""

    def mask(target: Field) -> str:
        return f"self.mask(mask, {target.shape!r})"

    made = _MASKS.format(
        path=path_of(path), shares=asked.shares, two=asked.two, mask_folders=MASK_FOLDERS, **_one(asked, mask)
    )
    return _head() + DIVIDED + _OPENED + made


def _one(asked: Asked, target: Callable[[Field], str]) -> dict[str, str]:
    lines = [f"{x} = pixels(picture, {spec.shape!r})" for x, spec in zip(asked.names, asked.inputs, strict=True)]
    return {"lines": "\n        ".join(lines), "one": returned(asked, target)}


def _head() -> str:
    suffixes = ", ".join(f'"{suffix}"' for suffix in sorted(SUFFIXES))
    folders = tuple(FOLDERS.items())
    return f"\nfrom PIL import Image, ImageOps\n\nSUFFIXES = {{{suffixes}}}\nFOLDERS = {folders!r}\n"
