"""The contract's terms follow from the configuration, and no honest meter ever meets its limit."""

from __future__ import annotations

import pytest

from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_Wh
from orchestrator.config import CampaignConfig, Config, MarketConfig
from orchestrator.participants import slot_generation_Wh
from orchestrator.terms import meter_limit_Wh, terms_of

_MARKETS = [
    MarketConfig(),
    MarketConfig(prosumers=1, retailers=50),
    MarketConfig(prosumers=200, retailers=1, x_max=3.3333, Q=0.7),
    MarketConfig(prosumers=3, retailers=7, x_max=0.0014, Q=0.001),
]


def test_prices_are_bounded_as_in_the_game_and_the_deadline_is_the_campaigns() -> None:
    config = Config(
        market=MarketConfig(p_min=0.5, p_max=1.25), campaign=CampaignConfig(slot_deadline_blocks=9)
    )
    terms = terms_of(config, config.market.game)
    assert (terms.min_unit_price, terms.max_unit_price) == (5 * 10**14, 125 * 10**13)
    assert terms.slot_deadline_blocks == 9


@pytest.mark.parametrize("market", _MARKETS)
def test_a_blocks_allowance_is_one_slots_worth_of_the_meter_that_counts_most(market: MarketConfig) -> None:
    game, retailers = market.game, market.retailers
    most_received_Wh = mE_to_Wh(elecoins_to_mE(game.x_max), Q_to_mE_per_kWh(game.Q))
    assert meter_limit_Wh(game, retailers) == max(slot_generation_Wh(game, retailers), most_received_Wh)


def test_a_market_too_small_for_one_Wh_has_a_limit_that_the_contract_takes() -> None:
    assert meter_limit_Wh(MarketConfig(prosumers=1, x_max=0.001, Q=1e6).game, 1) == 1
