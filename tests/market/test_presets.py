"""Presets are what the facts define, and refuse what they do not."""

from __future__ import annotations

import pytest

from errors import TestbedError
from market.presets import PRESETS, preset


def test_every_preset_tells_what_is_the_papers_and_what_is_not() -> None:
    assert set(PRESETS) == {"interior", "trend", "discriminated"}
    for name, each in PRESETS.items():
        assert preset(name) == each.parameters
        assert "The paper states" in each.origin
        assert "reconstructed" in each.origin
        assert each.shows.endswith(".")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_its_own_w_for_its_own_n(name: str) -> None:
    assert preset(name, preset(name).prosumers) == preset(name)


def test_fewer_prosumers_are_the_first_ones() -> None:
    assert preset("trend", 3).w == (0.177, 0.149, 0.146)
    assert preset("discriminated", 2).w == (0.20, 0.165)


@pytest.mark.parametrize(("name", "prosumers"), [("trend", 9), ("trend", 0), ("discriminated", 5)])
def test_more_prosumers_than_it_has_are_refused(name: str, prosumers: int) -> None:
    with pytest.raises(TestbedError, match=f"number of prosumers of preset '{name}' = {prosumers}"):
        preset(name, prosumers)
