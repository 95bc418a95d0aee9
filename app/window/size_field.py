"""The size of an Input: numbers, and letters for those that may change: `3 x H x W`, `3, H=224, W=224`."""

from __future__ import annotations

import re

from app.design.values import SettingValue
from app.window.fields import TextField
from app.window.number_edit import FieldError, show_text
from blocks.card import Setting

_PART = re.compile(r"([A-Za-wyz][0-9]*)(?:\s*=\s*([0-9]+))?", re.ASCII)


class SizeField(TextField):
    """Announces the sizes; `letters` are those that were typed with them. A letter alone keeps the number that stands
    at its place."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.letters: tuple[str, ...] = ()

    @property
    def tip(self) -> str:
        return f"{super().tip}<br>A letter names a size that may change: 3 x H x W, or 3, H=224, W=224."

    def show_letters(self, letters: SettingValue) -> None:
        """Take the letters that belong to the value shown next."""
        self.letters = tuple(map(str, letters)) if isinstance(letters, tuple) else ()

    def written(self, value: SettingValue) -> str:
        if not isinstance(value, tuple) or len(value) != len(self.letters):
            return super().written(value)
        named = zip(self.letters, value, strict=True)
        return ", ".join(f"{letter}={show_text(size)}" if letter else show_text(size) for letter, size in named)

    def _read(self, text: str) -> SettingValue:
        # An x between two sizes is a sign, not a letter.
        split = re.split(r"[,;×]|(?<=[0-9A-Z ])x(?=[0-9A-Z ])", text.strip("()[] "))
        parts = [part.strip() for part in split if part.strip()]
        sizes: list[SettingValue] = []
        letters: list[str] = []
        for place, part in enumerate(parts):
            found = None if part.startswith("=") else _PART.fullmatch(part)
            if found is None or self.expressions:
                sizes.append(self._number(part))
                letters.append("")
                continue
            letter = found[1].upper()
            if letter[0] == "B":
                raise FieldError("B is the batch, which always may change: leave it out, as in 3 x H x W.")
            if letter in letters:
                raise FieldError(f"{letter} names two sizes: give each a letter of its own, such as H and W.")
            sizes.append(int(found[2]) if found[2] else self._kept(place, letter, len(parts)))
            letters.append(letter)
        self.letters = tuple(letters) if any(letters) else ()
        return tuple(sizes)

    def _kept(self, place: int, letter: str, count: int) -> SettingValue:
        """The number that the letter, or its place, has so far."""
        before = self.value if isinstance(self.value, tuple) else ()
        if letter in self.letters and len(self.letters) == len(before):
            return before[self.letters.index(letter)]
        if len(before) == count:
            return before[place]
        raise FieldError(f"{letter} has no number yet: type one as an example, as in {letter}=224.")
