"""Claims follow their data: with made-up curves each verdict, and each reason, comes out either way."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from experiments.catalogue import FIGURES
from experiments.experiment import Outcome
from experiments.fig4ab_claims import EQUAL
from experiments.figure import Claim, chosen

Curves = dict[str, list[float]]
"""The values of a policy's quantities, over N or Q."""
LEARNT: Curves = {"leader_gap": [0.0] * 3, "follower_gap": [0.0] * 3}


def _fig4(x: str, values: list[float], policies: dict[str, Curves], preset: str = "made up") -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for policy, curves in policies.items():
        for quantity, means in curves.items():
            for value, each in zip(values, means, strict=True):
                row = {"preset": preset, x: value, "policy": policy, "n": 1}
                spread = {"mean": each, "iqm": each, "low": each, "high": each}
                rows.append({**row, "quantity": quantity, **spread})
    return pd.DataFrame(rows)


def _of(figure: str, data: pd.DataFrame) -> dict[str, Claim]:
    """Claims by their sentence."""
    return {claim.says: claim for claim in FIGURES[figure].claims(data)}


FALLS = "The prosumers' utility falls with their number …"
SUM = "… also where it is read as their sum."
DEARER = "… while the price of an elecoin rises …"
COMPETE = "… because the prosumers compete for elecoins."
BALANCED = "DMA-UBRL reaches the equilibrium that balances the utilities."


def _fig4a(
    utilities: list[float], prices: list[float], preset: str = "made up", learnt: Curves | None = None
) -> dict[str, Claim]:
    """The same curves are learnt and exact, but for those of `learnt`."""
    curves = {"prosumer_utility": utilities, "price": prices, "demand": [5.0] * 3}
    policies = {"dma-ubrl": {**LEARNT, **curves, **(learnt or {})}, "equilibrium": curves}
    return _of("fig4a", _fig4("N", [2, 3, 4], policies, preset))


@pytest.mark.parametrize(("utilities", "holds"), [([3.0, 2.0, 1.0], True), ([1.0, 2.0, 3.0], False)])
def test_fig4a_follows_its_data(utilities: list[float], holds: bool) -> None:
    claims = _fig4a(utilities, [10.0, 11.0, 12.0])
    for says in (FALLS, DEARER):
        assert (claims[says].holds, claims[says].exact) == (holds, holds)
    assert claims[BALANCED].holds is True


def test_a_price_that_rises_while_utility_falls_is_said_to_be_by_who_joins() -> None:
    claims = _fig4a([3.0, 2.0, 1.0], [10.0, 11.0, 12.0])
    assert "by who joins, not by how many" in claims[DEARER].why
    assert "raises and the price with it" in claims[FALLS].why
    # Which is no competition: that is told by equal prosumers alone.
    assert COMPETE not in claims
    flat = _fig4a([3.0, 2.0, 1.0], [17.8] * 3)
    assert flat[DEARER].holds is flat[DEARER].exact is False
    assert "The cap p_max = 17.8 binds" in flat[DEARER].why
    assert "brings a smaller w" in flat[FALLS].why
    rising = _fig4a([1.0, 2.0, 3.0], [10.0, 11.0, 12.0])
    assert "but so does the utility" in rising[DEARER].why
    assert "cannot" not in rising[DEARER].why


def test_competition_is_told_by_prosumers_who_do_not_differ() -> None:
    claims = _fig4a([5.0] * 3, [10.0] * 3, EQUAL, {"price": [10.0, 11.0, 12.0]})
    compete = claims[COMPETE]
    assert (compete.holds, compete.exact) == (True, False)  # learnt, say by chance
    assert "N only through the harmonic mean of w" in compete.impossible
    assert claims[DEARER].why.startswith("With equal w")


def test_the_sum_of_the_utilities_is_a_reading_of_its_own() -> None:
    claims = _fig4a([3.0, 2.9, 2.8], [10.0] * 3)
    assert (claims[FALLS].exact, claims[SUM].exact) == (True, False)
    assert "every demand is within its bounds" in claims[SUM].impossible
    falling = _fig4a([9.0, 3.0, 1.0], [10.0] * 3)[SUM]
    assert (falling.exact, falling.impossible) == (True, "")


def test_what_is_learnt_and_what_is_exact_are_told_apart() -> None:
    claim = _fig4a([3.0, 2.0, 1.0], [10.0] * 3, learnt={"prosumer_utility": [3.0, 2.0, 4.0]})[FALLS]
    assert (claim.holds, claim.exact) == (False, True)
    assert "The learnt curve differs" in claim.why


@pytest.mark.parametrize(
    ("learnt", "holds", "words"),
    [
        ({}, True, "show that it is no false pass"),
        ({"price": [10.0, 10.5, 10.0]}, False, "on the grid it is reached"),
        ({"leader_gap": [0.0, 0.02, 0.0]}, False, "it is not learnt, whatever the distances say"),
        ({"follower_gap": [0.0, 0.0, 0.006]}, False, "it is not learnt, whatever the distances say"),
    ],
)
def test_reaching_the_equilibrium_takes_gaps_and_distances(learnt: Curves, holds: bool, words: str) -> None:
    claim = _fig4a([3.0, 2.0, 1.0], [10.0] * 3, learnt=learnt)[BALANCED]
    assert claim.holds is holds
    assert words in claim.why
    leader = max(learnt.get("leader_gap", [0.0]))
    assert f"largest gap on the grid: leader {leader:.2%}" in claim.seen


def test_who_is_optimised_for_is_said_where_it_was_searched() -> None:
    says = "Who optimises the server's utility only, does badly by the other side."
    assert says not in _fig4a([3.0, 2.0, 1.0], [10.0] * 3)
    curves = {"prosumer_utility": [3.0, 2.0, 1.0], "price": [10.0] * 3, "demand": [5.0] * 3}
    for last, holds in ((0.5, True), (1.5, False)):
        searched = {"prosumer_utility": [0.0, 0.0, last]}
        policies = {"dma-ubrl": {**LEARNT, **curves}, "equilibrium": curves, "ga-server": searched}
        assert _of("fig4a", _fig4("N", [2, 3, 4], policies))[says].holds is holds


def test_random_play_that_brings_more_is_said_with_its_reason() -> None:
    solved = {
        "server_utility": [8.0] * 3,
        "trade_utility": [7.0] * 3,
        "price": [20.0] * 3,
        "demand": [5.0] * 3,
    }
    says = "Random play brings the server less than the equilibrium."

    def claims(*utilities: float) -> dict[str, Claim]:
        policies = {"dma-ubrl": solved, "equilibrium": solved}
        if utilities:
            chance = {"server_utility": list(utilities), "price": [15.0] * 3, "demand": [7.5] * 3}
            policies["random"] = chance
        return _of("fig4c", _fig4("Q", [0.4, 0.45, 0.5], policies))

    more = claims(1.0, 8.0, 9.5)[says]
    assert more.holds is False
    assert "at Q = 0.5 random play brings 9.5, the equilibrium 8.0" in more.seen
    assert "for 2 of 3, Q from 0.45 to 0.5" in more.seen
    assert "a mean price of 15.0 and buys 7.5 elecoins, the equilibrium 20.0 and 5.0" in more.why
    assert claims(1.0, 2.0, 7.9)[says].holds is True
    assert says not in claims()


def _fig4c(trade: list[float], demand: list[float], prices: list[float]) -> dict[str, Claim]:
    curves = {"trade_utility": trade, "demand": demand, "price": prices}
    return _of("fig4c", _fig4("Q", [0.4, 0.45, 0.5, 0.55], {"dma-ubrl": curves, "equilibrium": curves}))


@pytest.mark.parametrize(("at_half", "holds"), [(5.0, True), (-5.0, False)])
def test_the_break_even_of_fig4c_follows_its_data(at_half: float, holds: bool) -> None:
    claims = _fig4c([-9.0, 0.5, at_half, 20.0], [9.0, 8.0, 7.0, 6.0], [17.8] * 4)
    breaks_even = claims["At Q ≤ 0.45 the server's utility cannot offset its cost."]
    assert (breaks_even.holds, breaks_even.exact) == (holds, holds)


MORE = "… because prosumers buy more elecoins."


def test_buying_more_is_no_reason_where_both_only_end_higher() -> None:
    """Utility rises first, demand later: at no Q do both, though both end higher."""
    claim = _fig4c([1.0, 5.0, 5.0, 5.0], [6.0, 5.0, 7.0, 9.0], [17.8, 17.8, 16.0, 14.0])[MORE]
    assert (claim.holds, claim.exact) == (False, False)
    assert claim.impossible.startswith("At no Q do both rise under one price for all.")
    assert "U_e − U_m goes 584.5 → 692.5 and x 6.0 → 9.4" in claim.impossible


def test_an_equilibrium_in_which_both_rise_at_one_Q_would_contradict_the_report() -> None:
    with pytest.raises(ValueError, match="is called impossible, and the equilibrium is so"):
        _fig4c([1.0, 5.0, 9.0, 9.0], [5.0, 6.0, 6.0, 6.0], [17.8, 16.0, 15.0, 14.0])


def test_demand_that_falls_with_price_and_the_break_even_are_not_of_one_preset(outcome: Outcome) -> None:
    joint = [
        claim for claim in outcome.claims["fig3b"] if claim.says.startswith("… and with the same values")
    ]
    assert [claim.preset for claim in joint] == ["discriminated", "trend"]
    for claim in joint:
        assert claim.exact is False
        assert "Only an e_c that costs all that the trade earns" in claim.impossible
        assert "57.9 kWh" in claim.impossible
    falls, breaks_even = joint
    assert "demand falls with price" in falls.seen
    assert "U_e − U_m is 454.8 at Q = 0.40" in falls.seen
    assert "demand does not fall with price" in breaks_even.seen
    assert "U_e − U_m is -" in breaks_even.seen


def test_the_series_of_fig4a_show_both_directions_and_the_control(outcome: Outcome) -> None:
    """Exact curves: the same for any number of seeds and steps."""
    exact = {
        (claim.preset, claim.says): claim.exact
        for claim in outcome.claims["fig4a"]
        if claim.exact is not None
    }
    expected = {
        "trend": (True, False),
        "interior": (True, False),
        "interior, w ascending": (False, False),
        "interior, extremes first": (True, True),
        EQUAL: (False, False),
    }
    for preset, (falls, dearer) in expected.items():
        assert exact[preset, FALLS] is falls
        assert exact[preset, DEARER] is dearer
        assert exact[preset, SUM] is False
    assert exact[EQUAL, COMPETE] is False
    assert {preset for preset, says in exact if says == COMPETE} == {EQUAL}


def test_what_cannot_follow_is_marked_in_every_report(outcome: Outcome) -> None:
    marked = {
        (name, claim.says) for name, claims in outcome.claims.items() for claim in claims if claim.impossible
    }
    assert marked == {
        ("fig3b", "… and with the same values Q ≤ 0.45 cannot offset the server's cost, as in Fig. 4(c)."),
        ("fig4a", SUM),
        ("fig4a", COMPETE),
        ("fig4c", MORE),
    }
    assert outcome.report is not None
    text = outcome.report.read_text()
    # Why, once in a table; that it cannot, in every row.
    assert text.count("| **Cannot follow from the model.** ") == 4
    assert text.count("| **Cannot follow from the model") == sum(
        bool(claim.impossible) for claims in outcome.claims.values() for claim in claims
    )
    assert "cannot follow from the model**" in text[: text.index('<a id="fig3a">')]


def test_gaps_are_in_the_data_of_what_is_learnt_over_N_and_Q(outcome: Outcome) -> None:
    for name in ("fig4a", "fig4b", "fig4c", "fig4d"):
        data = pd.read_csv(outcome.folder / f"{name}.csv")
        for gap in ("leader_gap", "follower_gap"):
            assert set(chosen(data, quantity=gap)["policy"]) == {"dma-ubrl", "random"}


def test_a_simulation_that_assumes_what_the_formula_does_says_so(outcome: Outcome) -> None:
    first, second, *_ = outcome.claims["fig4e"]
    for claim in (first, second):
        assert "assumes what equation (1) assumes" in claim.why


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_kind_of_line_in_a_picture_is_in_its_legend(outcome: Outcome, name: str) -> None:
    picture = FIGURES[name].draw(pd.read_csv(outcome.folder / f"{name}.csv"))
    (legend,) = picture.legends
    lines = [line for axes in picture.axes for line in axes.get_lines()]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]  # matplotlib's own do
    explained = {text.get_text() for text in legend.get_texts()}
    assert {str(line.get_label()) for line in named} <= explained
    assert {line.get_linestyle() for line in lines} == {line.get_linestyle() for line in named}
    if name.startswith("fig3"):
        assert "equilibrium on the grid" in explained
