"""The part of a training script that trains: optimizer, rate, steps, validation."""

from __future__ import annotations

from app.design.schedule import decays_all, eps_of, momentum_of
from app.design.values import Design, Recipe

_BATCHES = '''

def chosen_for(split: Split, epoch: int | None) -> list[np.ndarray]:
    """The samples of each batch of an epoch: shuffled by the seed and the epoch; in order where there is none."""
    size = len(split) if isinstance(split, Dataset) else len(split[0])  # type: ignore[arg-type]
    order = np.arange(size) if epoch is None else np.random.default_rng([SEED, epoch]).permutation(size)
    found = [order[begin : begin + BATCH_SIZE] for begin in range(0, size, BATCH_SIZE)]
    if len(found) > 1 and len(found[-1]) < LEAST and epoch is not None:
        found.pop()  # a batch norm has nothing to measure in a single sample
    return found


def batches(split: Split, epoch: int | None) -> Iterator[tuple[torch.Tensor, ...]]:
    """The batches of an epoch, as the network takes them."""
    for chosen in chosen_for(split, epoch):
        if isinstance(split, Dataset):
            samples = [split[int(k)] for k in chosen]
            yield tuple(torch.stack(column) for column in zip(*samples, strict=True))
        else:
            yield tuple(column[chosen] for column in split)
'''
_MEASURE = '''

@torch.no_grad()
def measure(model: nn.Module, split: Split, device: str) -> dict[str, float]:
    """The mean of each loss and metric over a split."""
    model.eval()
    sums: dict[str, float] = {}
    count = 0
    for batch in batches(split, None):
        values = model(*(column.to(device) for column in batch))
        values["loss"] = sum(values[name] for name in LOSSES)
        count += len(batch[0])
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value.item() * len(batch[0])
    return {name: value / count for name, value in sums.items()}
'''


def loop(design: Design, name: str, losses: list[str], frozen: list[str], least: int, normalises: bool) -> str:
    """The code behind `load`: constants, the rate, the loop, `main`. The modules `frozen` are not trained; `least` is
    the smallest last batch that counts; `normalises` says whether there is a function `normalised`."""
    recipe = design.recipe
    parts = (_constants(recipe, losses, frozen, least), _BATCHES, _rate(recipe), _groups(design), _MEASURE)
    return "".join(parts) + _train(recipe, name, bool(frozen), normalises)


def _constants(recipe: Recipe, losses: list[str], frozen: list[str], least: int) -> str:
    lines = [
        "", f"SEED = {recipe.seed}", f"EPOCHS = {recipe.epochs}", f"BATCH_SIZE = {recipe.batch_size or 64}",
        f"RATE = {recipe.learning_rate!r}", f"LOSSES = {tuple(losses)!r}", f"LEAST = {least}",
    ]  # fmt: skip
    if frozen:
        lines.append(f"FROZEN = {tuple(frozen)!r}")
    return "\n".join(lines) + "\n"


def _rate(recipe: Recipe) -> str:
    head = (
        "\n\ndef rate_at(step: int, steps: int) -> float:\n"
        '    """The learning rate of a step of the optimizer, from 0 on."""\n'
    )
    final = recipe.final
    share = ["    t = step / steps"]
    if recipe.schedule == "one-cycle":
        lines = [
            "    top = 0.3 * steps - 1",
            "    if step <= top:",
            "        low, high, t = 1 / 25, 1.0, step / top",
            "    else:",
            "        low, high, t = 1.0, 1 / 25e4, (step - top) / max(steps - 1 - top, 1e-9)",
            "    return RATE * (high + (low - high) / 2 * (1 + math.cos(math.pi * min(t, 1.0))))",
        ]
        return head + "\n".join(lines) + "\n"
    if recipe.schedule == "cosine" and recipe.warm_up is None:
        lines = [
            *share,
            "    if t < 0.05:  # the rate rises first",
            "        return RATE * min(1.0, 0.01 + t / 0.05)",
            f"    return RATE * ({final} + {1 - final} * (0.5 + 0.5 * math.cos(math.pi * (t - 0.05) / 0.95)))",
        ]
        return head + "\n".join(lines) + "\n"
    lines = list(share)
    if recipe.warm_up:
        lines = [
            f"    warm = round({recipe.warm_up!r} * steps / EPOCHS)",
            "    if step < warm:",
            "        return RATE * (step + 1) / warm",
        ]
        after = recipe.schedule in ("cosine", "linear")
        lines.append("    t = (step - warm) / max(steps - warm, 1)" if after else "    t = step / steps")
    falls = f"t * EPOCHS / {recipe.every!r}" if recipe.every else "3 * t"
    marks = tuple(sorted(recipe.milestones))
    forms = {
        "cosine": f"{final} + {1 - final} * (0.5 + 0.5 * math.cos(math.pi * t))",
        "linear": f"{final} + {1 - final} * (1.0 - t)",
        "step": f"{recipe.gamma!r} ** int({falls} + 1e-9)",
        "exponential": f"{recipe.gamma!r} ** ({falls})",
        "multi-step": f"{recipe.gamma!r} ** sum(t * EPOCHS + 1e-9 >= m for m in {marks!r})" if marks else
                      f"{recipe.gamma!r} ** sum(t + 1e-9 >= m for m in (0.5, 0.75))",
    }  # fmt: skip
    form = forms.get(recipe.schedule)
    if form is None:  # constant, plateau
        return head + ("\n".join(lines[:-1]) + "\n" if recipe.warm_up else "") + "    return RATE\n"
    return head + "\n".join(lines) + f"\n    return RATE * ({form})\n"


def _groups(design: Design) -> str:
    recipe = design.recipe
    rules = {rule.node.replace("/", "."): rule.rate for rule in recipe.nodes}
    if all(rate == 1.0 for rate in rules.values()):
        rules = {}
    lines = [
        "", "", "def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:",
        '    """The optimizer; what has another share of the rate says so in its group as `factor`."""',
    ]  # fmt: skip
    spared = not decays_all(recipe)
    betas = f"betas=({recipe.beta1!r}, {recipe.beta2!r}), eps={eps_of(recipe)!r}"
    options = {
        "adamw": f"torch.optim.AdamW(groups, lr=RATE, {betas})",
        "adam": f"torch.optim.Adam(groups, lr=RATE, {betas})",
        "sgd": f"torch.optim.SGD(groups, lr=RATE, momentum={momentum_of(recipe)!r}, nesterov={recipe.nesterov})",
        "rmsprop": f"torch.optim.RMSprop(groups, lr=RATE, alpha={recipe.alpha!r}, eps={eps_of(recipe)!r}, "
                   f"momentum={momentum_of(recipe)!r})",
        "adagrad": f"torch.optim.Adagrad(groups, lr=RATE, eps={eps_of(recipe)!r})",
    }  # fmt: skip
    lines += [
        "    found: dict[tuple[float, float], list[nn.Parameter]] = {}",
        "    for name, weight in model.named_parameters():"
        if spared or rules
        else "    for weight in model.parameters():",
        "        if weight.requires_grad:",
    ]
    if spared:
        lines += [
            "            # decay spares norms and biases",
            '            spared = weight.ndim < 2 or name.split(".")[-1] == "bias"',
            f"            decay = 0.0 if spared else {recipe.weight_decay!r}",
        ]
    else:
        lines += [f"            decay = {recipe.weight_decay!r}"]
    if rules:
        lines += [
            f"            rules = {rules!r}",
            "            # numbers of repetitions are passed over",
            '            place = ".".join(p for p in name.split(".") if not p.isdecimal())',
            '            path = max((r for r in rules if f"{place}.".startswith(f"{r}.")), key=len, default="")',
            "            factor = rules.get(path, 1.0)",
        ]
    else:
        lines += ["            factor = 1.0"]
    lines += [
        "            found.setdefault((factor, decay), []).append(weight)",
        '    groups = [{"params": held, "factor": f, "weight_decay": decay} for (f, decay), held in found.items()]',
        f"    return {options[recipe.optimizer]}",
    ]
    return "\n".join(lines) + "\n"


def _train(recipe: Recipe, name: str, frozen: bool, normalises: bool) -> str:
    a = recipe.accumulate
    plateau, ema = recipe.schedule == "plateau", recipe.ema
    lines = [
        "", "", "def train(device: str, weights: Path | None, epochs: int, most: int | None) -> None:",
        '    """Train, and keep the weights of the epoch with the best validation loss in weights.pt."""',
        "    torch.manual_seed(SEED)", "    random.seed(SEED)", "    np.random.seed(SEED)",
        f"    model = {name}().to(device)",
        "    if weights is not None:",
        "        model.load_state_dict(torch.load(weights, weights_only=True))",
    ]  # fmt: skip
    lines += ["    splits = normalised(load())" if normalises else "    splits = load()"]
    run = "torch.compile(model)" if recipe.compile else "model"
    lines += [
        *(["    for path in FROZEN:", "        model.get_submodule(path).requires_grad_(False)"] if frozen else []),
        "    optimizer = make_optimizer(model)",
        '    sizes = [len(chosen) for chosen in chosen_for(splits["train"], 1)]',
        f"    steps = EPOCHS * -(-len(sizes) // {a})" if a > 1 else "    steps = EPOCHS * len(sizes)",
        "    step, best = 0, math.inf",
    ]  # fmt: skip
    if run != "model":
        lines.append(f"    run = {run}")
    if ema:
        lines += ["    average = {name: value.clone() for name, value in model.state_dict().items()}"]
    if plateau:
        lines += ["    lowered, waited, least = 1.0, 0, math.inf"]
    if recipe.early_stop:
        lines += ["    since = 0"]
    called = "run" if run != "model" else "model"
    lines += [
        "    for epoch in range(1, epochs + 1):",
        "        model.train()",
        *(["        for path in FROZEN:", "            model.get_submodule(path).eval()"] if frozen else []),
        '        for k, batch in enumerate(batches(splits["train"], epoch)):'
        if a > 1
        else '        for batch in batches(splits["train"], epoch):',
    ]
    forward = f"values = {called}(*(column.to(device) for column in batch))"
    if recipe.precision == "bf16":
        lines += [
            '            with torch.autocast(device.partition(":")[0], torch.bfloat16):',
            f"                {forward}",
        ]
    else:
        lines.append(f"            {forward}")
    lines.append("            loss = sum(values[name] for name in LOSSES)")
    if a > 1:
        lines += [
            f"            together = sizes[k // {a} * {a} : k // {a} * {a} + {a}]",
            "            (loss * len(batch[0]) / sum(together)).backward()",
            f"            if (k + 1) % {a} and k + 1 < len(sizes):",
            "                continue",
        ]
    else:
        lines.append("            loss.backward()")
    low = " * lowered" if plateau else ""
    lines += [
        "            for group in optimizer.param_groups:",
        f'                group["lr"] = rate_at(step, steps){low} * group["factor"]',
    ]
    if recipe.l1 or recipe.l2:
        spared = not decays_all(recipe)
        test = 'w.grad is not None and w.ndim > 1 and n.split(".")[-1] != "bias"' if spared else "w.grad is not None"
        terms = " + ".join(
            filter(None, (f"{recipe.l1!r} * w.sign()" if recipe.l1 else "", f"{recipe.l2!r} * w" if recipe.l2 else ""))
        )
        names = "for n, w in model.named_parameters()" if spared else "for w in model.parameters()"
        lines += [
            "            with torch.no_grad():",
            f"                {names}:",
            f"                    if {test}:",
            f"                        w.grad += {terms}",
        ]
    if recipe.clip_value:
        lines.append(f"            nn.utils.clip_grad_value_(model.parameters(), {recipe.clip_value!r})")
    if recipe.clip_norm:
        lines.append(f"            nn.utils.clip_grad_norm_(model.parameters(), {recipe.clip_norm!r})")
    lines += ["            optimizer.step()", "            optimizer.zero_grad()", "            step += 1"]
    if ema:
        lines += [
            "            # the average forgets faster in its first steps",
            f"            share = 1 - min({ema!r}, (1 + step) / (10 + step))",
            "            for name, value in model.state_dict().items():",
            "                if value.is_floating_point():",
            "                    average[name].lerp_(value, share)",
            "                else:",
            "                    average[name].copy_(value)",
        ]
    lines += [
        '            print(f"epoch {epoch}, step {step}: loss {loss.item():.6f}")',
        "            if step == most:",
        "                return",
    ]
    if ema:
        lines += [
            "        kept = {name: value.clone() for name, value in model.state_dict().items()}",
            "        model.load_state_dict(average)",
        ]
    lines += [
        '        found = measure(model, splits.get("validation", splits["train"]), device)',
        '        print(f"epoch {epoch}, validation: " + ", ".join(f"{n} {v:.4f}" for n, v in found.items()))',
        '        if epoch == 1 or found["loss"] < best:',
        '            best = found["loss"]',
        '            torch.save(model.state_dict(), "weights.pt")',
    ]
    if recipe.early_stop:
        lines += ["            since = 0", "        else:", "            since += 1"]
    if ema:
        lines.append("        model.load_state_dict(kept)")
    if plateau:
        lines += [
            '        waited, least = (0, found["loss"]) if found["loss"] < least * (1 - 1e-4) else (waited + 1, least)',
            f"        if waited > {recipe.plateau}:",
            f"            lowered, waited = lowered * {recipe.gamma!r}, 0",
        ]
    if recipe.early_stop:
        lines += [f"        if since >= {recipe.early_stop}:", "            break"]
    lines += [
        '    if "test" in splits:',
        '        model.load_state_dict(torch.load("weights.pt", weights_only=True))',
        '        found = measure(model, splits["test"], device)',
        '        print("test: " + ", ".join(f"{n} {v:.4f}" for n, v in found.items()))',
        "", "", "def main() -> None:",
        "    parser = argparse.ArgumentParser()",
        '    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")',
        '    parser.add_argument("--weights", type=Path, help="begin with the weights of this .pt file")',
        '    parser.add_argument("--epochs", type=int, default=EPOCHS)',
        '    parser.add_argument("--steps", type=int, help="end after so many steps of the optimizer")',
        "    told = parser.parse_args()",
        "    train(told.device, told.weights, told.epochs, told.steps)",
        "", "", 'if __name__ == "__main__":',
        "    main()",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
