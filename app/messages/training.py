"""What is said of a run besides its progress: to hold it, and what became of the weights that it began with."""

from __future__ import annotations

import msgspec


class Pause(msgspec.Struct, frozen=True, tag=True):
    """Hold a run between two steps, or with `on` false let it go on. It writes its checkpoint first; Cancel ends it
    as ever. A Progress with `paused` says that it holds."""

    job: str
    on: bool = True


class Note(msgspec.Struct, frozen=True, tag=True):
    """A sentence on a run for whoever started it: what its weights were taken from, what batch was chosen."""

    job: str
    line: str


class Carried(msgspec.Struct, frozen=True, tag=True):
    """What became of the weights of the run `of`, with which another one begins: names of the state_dict."""

    job: str
    of: str
    kept: tuple[str, ...]
    """Taken as they are."""
    sliced: tuple[str, ...]
    """Taken in part, with sizes: "head.weight: 10×64 of 12×64"."""
    fresh: tuple[str, ...]
    """Made new."""
    dropped: tuple[str, ...] = ()
    """Weights of the run that the design has no place for."""

    @property
    def summary(self) -> str:
        """"12 weights are kept, 2 are kept in part, 1 is new"; the whole is one sentence without its end."""
        parts = [(len(self.kept), "kept"), (len(self.sliced), "kept in part"), (len(self.fresh), "new")]
        if self.dropped:
            parts.append((len(self.dropped), "not needed any more"))
        said = [f"{count} {'is' if count == 1 else 'are'} {what}" for count, what in parts if count]
        if not said:
            return "there are no weights"
        count, _, rest = said[0].partition(" ")
        return ", ".join([f"{count} weight{'s' * (count != '1')} {rest}", *said[1:]])
