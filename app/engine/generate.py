"""Text from a trained network, token after token, from a start to the token that ends it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from app.engine.data.text import UNKNOWN, words_of
from app.engine.runs import Run, RunError

END = {"characters": "\n", "words": "."}
"""What ends a text where nothing else is named: the line, or the sentence."""


class GenerateError(ValueError):
    """A wish that cannot be met; one sentence for the user."""


def generate(
    run: Run, start: str = "", *, length: int = 200, temperature: float = 1.0, end: str | None = None, seed: int = 0
) -> Iterator[str]:
    """Tokens that follow `start`, up to `length` of them or until the token `end` is drawn, which is given too.

    Each is drawn by the network's scores divided by `temperature`; at 0 the likeliest is taken. Without a start the
    text begins as after an end. The same seed gives the same text. `end` is "\\n" (characters) or "." (words) where it
    is None; with "" nothing but the length ends the text. Raises RunError for a run that does not tell tokens,
    GenerateError for a start, an end, a length or a temperature that cannot be.
    """
    kind, names = run.data.kind, run.data.classes
    network = run.network
    if kind not in END:
        raise RunError(f"{run.path} was trained on {kind}: only networks trained on characters or words write text.")
    if network is None:
        raise RunError(f"The design of {run.path} has no Output, so there is no text: wire its head to an Output.")
    if len(network.inputs) != 1 or len(network.inputs[0].shape) != 1:
        raise RunError(f"The design of {run.path} needs one Input of tokens to write text.")
    if length < 1:
        raise GenerateError(f"The length is {length}, but a text has at least 1 token.")
    if not (math.isfinite(temperature) and temperature >= 0):
        raise GenerateError(f"The temperature is {temperature}, but it needs 0 (always the likeliest) or more.")
    end = END[kind] if end is None else end
    place = {name: i for i, name in enumerate(names)}
    if end and end not in place:
        raise GenerateError(f"{end!r} does not occur in the text of {run.path}: name another end, or none.")
    tokens = _tokens(start, kind, place, run)
    begin = place[end] if end else 0
    return _drawn(run, tokens or [begin], begin, place.get(end, -1), length, temperature, seed)


def joined(kind: str, tokens: list[str]) -> str:
    """The tokens as a text: characters as they are, words with spaces between, none before punctuation."""
    if kind == "characters":
        return "".join(tokens)
    return "".join(word if i == 0 or not (word[0].isalnum() or word[0] in "_<(") else f" {word}"
                   for i, word in enumerate(tokens))  # fmt: skip


def _tokens(start: str, kind: str, place: dict[str, int], run: Run) -> list[int]:
    if kind == "words":
        return [place.get(word, place[UNKNOWN]) for words in words_of(iter([start])) for word in words]
    strange = next((each for each in start if each not in place), None)
    if strange is not None:
        raise GenerateError(f"{strange!r} does not occur in the text of {run.path}: begin with what does.")
    return [place[each] for each in start]


def _drawn(
    run: Run, tokens: list[int], begin: int, end: int, length: int, temperature: float, seed: int
) -> Iterator[str]:
    names, network = run.data.classes, run.network
    assert network is not None
    window = network.inputs[0].shape[0]
    random = torch.Generator().manual_seed(seed)
    network.module.eval()
    for _ in range(length):
        seen = tokens[-window:]
        with torch.no_grad():
            scores = _scores(run, seen, begin, window)
        if temperature:
            share = torch.softmax(scores / temperature, 0)
            token = int(torch.multinomial(share, 1, generator=random))
        else:
            token = int(scores.argmax())
        tokens.append(token)
        yield names[token]
        if token == end:
            return


def _scores(run: Run, seen: list[int], begin: int, window: int) -> torch.Tensor:
    """A score for each token of the vocabulary to come after `seen`, which is at most as long as the window."""
    network, count = run.network, len(run.data.classes)
    assert network is not None
    fill = [begin] * (window - len(seen))
    given = network.module(torch.tensor([seen + fill]))  # a causal network does not look at what comes after
    first = given[0] if isinstance(given, tuple) else given
    if isinstance(first, torch.Tensor):
        match first.shape:
            case (1, classes, places) if classes >= count and places == window:
                return _finite(first[0, :count, len(seen) - 1])
            case (1, places, classes) if classes >= count and places == window:
                return _finite(first[0, len(seen) - 1, :count])
            case (1, classes) if classes >= count:  # it tells the one token after the window
                given = network.module(torch.tensor([fill + seen]))
                return _finite((given[0] if isinstance(given, tuple) else given)[0, :count])
    shape = "×".join(map(str, first.shape[1:])) if isinstance(first, torch.Tensor) else "a pyramid"
    raise RunError(
        f"`{network.outputs[0]}` gives {shape}, but to write text it needs scores of {count} tokens, or those for each "
        f"of {window} places: wire the head to it."
    )


def _finite(scores: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(scores).all():
        raise RunError("The network's answer is not a number: train it with a lower learning rate.")
    return scores.float()
