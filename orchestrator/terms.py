"""The terms that a testbed's ETSC is constructed with, in the chain's units."""

from __future__ import annotations

import math

from contracts.etsc import Terms
from market.parameters import Parameters
from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_Wh, price_to_wei_per_mE
from orchestrator.config import Config
from orchestrator.participants import slot_generation_Wh


def terms_of(config: Config, game: Parameters) -> Terms:
    return Terms(
        slot_deadline_blocks=config.campaign.slot_deadline_blocks,
        min_unit_price=price_to_wei_per_mE(game.p_min),
        max_unit_price=price_to_wei_per_mE(game.p_max),
        meter_limit=meter_limit_Wh(game, config.market.retailers, max(config.market.generation)),
    )


def meter_limit_Wh(game: Parameters, retailers: int, peak: float = 1.0) -> int:
    """What a reading may rise by for each block since the meter's last: one slot's worth, of the meter that
    counts most.

    An honest reading adds a retailer's generation of one slot, or what a prosumer received in one. A slot
    takes two blocks at least, so a meter is allowed two slots' worth in the time of each. A reading that is
    mined a block late therefore leaves room for the next one, the reading before the first slot has the
    blocks since the meter was bound, and what a meter missed while it was down fits into one reading, since
    the allowance grew meanwhile. More than this a stolen key cannot claim.

    Where generation follows a day, a slot's worth is that of the brightest slot. `peak`, its part of the
    mean, is rounded up, so that a chain's terms do not hang on the last digits of some version of pvlib.
    """
    generated_Wh = slot_generation_Wh(game, retailers, math.ceil(peak))
    received_Wh = mE_to_Wh(elecoins_to_mE(game.x_max), Q_to_mE_per_kWh(game.Q))
    return max(generated_Wh, received_Wh, 1)  # ETSC takes no limit of zero
