"""The pages of optimizers and schedules: there is one for each, and their numbers are those of the code."""

from __future__ import annotations

import re

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from app.design.values import Recipe
from app.engine.optim import OPTIMIZERS, SCHEDULES, make_optimizer, rate_at
from app.engine.optim_pages import OPTIMIZER_PAGES, SCHEDULE_PAGES
from blocks.card import Page

PAGES = (*OPTIMIZER_PAGES, *SCHEDULE_PAGES)
BY_ID = {page.id: page for page in PAGES}


def test_every_optimizer_and_every_schedule_has_its_page() -> None:
    assert [page.id for page in OPTIMIZER_PAGES] == list(OPTIMIZERS)
    assert [page.id for page in SCHEDULE_PAGES] == list(SCHEDULES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_a_page_explains(page: Page) -> None:
    assert page.title.lower() == page.id and len(page.text) >= 60 and "`" in page.text, "with its rule"
    for said in (page.helps, page.hurts):
        assert 40 <= len(said) <= 300 and said.endswith("."), said
    assert re.search(r"\b(19|20)\d\d\b.*arXiv:\d{4}\.\d{4,5}", page.paper)


def test_no_two_pages_say_the_same() -> None:
    said = [text for page in PAGES for text in (page.text, page.helps, page.hurts, page.paper)]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizers_page_names_its_numbers(name: str) -> None:
    used = make_optimizer([nn.Parameter(torch.ones(1))], Recipe(optimizer=name)).defaults
    text = BY_ID[name].text
    numbers = [n for key in ("momentum", "alpha", "eps") if (n := used.get(key))] + list(used.get("betas", ()))
    assert numbers
    for number in numbers:
        assert f"{number:g}".replace("e-0", "e-") in text, number
    assert ("no momentum" in text) == (not used.get("momentum") and "betas" not in used)
    assert ("is added to the gradient" in text) == (not used.get("decoupled_weight_decay", False))
    assert not used.get("nesterov") and not used.get("amsgrad") and not used.get("centered")


def test_a_first_step_of_rmsprop_is_ten_times_the_rate_as_its_page_says() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer([weight], Recipe(optimizer="rmsprop", learning_rate=0.01, weight_decay=0.0))
    weight.grad = torch.full((1,), 3.0)
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 10 * 0.01, abs=1e-4)
    assert "ten times the rate" in BY_ID["rmsprop"].hurts


def test_adam_is_adamw_where_nothing_decays_and_another_where_it_does() -> None:
    def trained(recipe: Recipe) -> float:
        weight = nn.Parameter(torch.ones(1))
        optimizer = make_optimizer([weight], recipe)
        for grad in (3.0, -1.0, 0.5):
            weight.grad = torch.full((1,), grad)
            optimizer.step()
        return weight.item()

    for decay in (0.0, 0.1):
        adam = Recipe(optimizer="adam", weight_decay=decay)
        assert (trained(adam) == trained(replace(adam, optimizer="adamw"))) == (decay == 0.0)


def test_a_schedules_page_names_its_numbers() -> None:
    recipes = {name: Recipe(learning_rate=1.0, schedule=name) for name in SCHEDULES}
    rates = {name: [rate_at(recipe, step, 100) for step in range(100)] for name, recipe in recipes.items()}
    cosine = rates["cosine"]
    assert "from 1 % of what is set to all of it over the first 5 %" in BY_ID["cosine"].text
    assert cosine[0] == pytest.approx(0.01) and cosine.index(max(cosine)) == 5 and max(cosine) == 1.0
    near = {name: sum(rate > 0.8 for rate in told) for name, told in rates.items()}
    assert near["linear"] < near["cosine"], "less of the run is spent near the full rate"
    for name in ("constant", "linear", "step"):
        assert rates[name][0] == 1.0, "none of these warms up"
        assert "warm" in BY_ID[name].text
