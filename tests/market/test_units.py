"""Conversions: what the chain stores is what was meant, and rounding never costs a buyer its trade."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market import units


def test_one_unit_of_money_an_elecoin_is_a_thousandth_of_an_ether_a_milli_elecoin() -> None:
    assert units.price_to_wei_per_mE(1.0) == 10**15
    assert units.price_to_wei_per_mE(27.187914387960426) == 27_187_914_387_960_426


def test_the_paper_s_Q_is_600_mE_per_kWh() -> None:
    assert units.Q_to_mE_per_kWh(0.6) == 600
    assert units.mE_to_Wh(6_000, 600) == 10_000


@given(mE=st.integers(0, 10**9), Q=st.integers(1, 10**6))
def test_what_elecoins_pay_for_never_costs_more_than_they_are(mE: int, Q: int) -> None:
    assert units.Wh_to_mE(units.mE_to_Wh(mE, Q), Q) <= mE


@given(mE=st.integers(0, 10**9), Q=st.integers(1, 10**6))
def test_one_Wh_more_would_cost_more_than_they_are(mE: int, Q: int) -> None:
    assert units.Wh_to_mE(units.mE_to_Wh(mE, Q) + 1, Q) > mE


@given(st.integers(0, 10**12))
def test_integers_survive_the_way_to_the_paper_s_units_and_back(whole: int) -> None:
    assert units.elecoins_to_mE(units.mE_to_elecoins(whole)) == whole
    assert units.kWh_to_Wh(units.Wh_to_kWh(whole)) == whole
    assert units.Q_to_mE_per_kWh(units.mE_per_kWh_to_Q(whole)) == whole


@given(st.floats(8, 1000))
def test_a_price_is_the_same_after_it_was_on_chain(price: float) -> None:
    assert abs(units.wei_per_mE_to_price(units.price_to_wei_per_mE(price)) - price) <= 1e-15 * price


@given(st.floats(0, 1000))
def test_elecoins_go_to_the_nearest_milli_elecoin(elecoins: float) -> None:
    assert abs(units.mE_to_elecoins(units.elecoins_to_mE(elecoins)) - elecoins) <= 0.0005 * (1 + 1e-9)
