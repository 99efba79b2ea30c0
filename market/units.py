"""The only place where the paper's real numbers meet the chain's integers.

On chain: Wh, milli-elecoins (mE), wei. One unit of electricity is 1 kWh, one unit of money is 1 ether.
Products are taken exactly (as fractions), so that a conversion depends on no rounding but its own.
"""

from __future__ import annotations

from fractions import Fraction

WEI_PER_ETHER = 10**18
MILLI = 1000
_WEI_PER_mE_PER_PRICE = WEI_PER_ETHER // MILLI


def price_to_wei_per_mE(price: float) -> int:
    """Ether per elecoin to the nearest wei per milli-elecoin."""
    return round(Fraction(price) * _WEI_PER_mE_PER_PRICE)


def wei_per_mE_to_price(wei_per_mE: int) -> float:
    return wei_per_mE / _WEI_PER_mE_PER_PRICE


def elecoins_to_mE(elecoins: float) -> int:
    """To the nearest milli-elecoin."""
    return round(Fraction(elecoins) * MILLI)


def mE_to_elecoins(mE: int) -> float:
    return mE / MILLI


def Q_to_mE_per_kWh(Q: float) -> int:
    """Elecoins per kWh to the nearest milli-elecoin per kWh."""
    return round(Fraction(Q) * MILLI)


def mE_per_kWh_to_Q(mE_per_kWh: int) -> float:
    return mE_per_kWh / MILLI


def mE_to_Wh(mE: int, Q_mE_per_kWh: int) -> int:
    """The most electricity that so many elecoins pay for, in whole Wh.

    Rounded down: trade() rounds the cost up, and the cost of one Wh more could exceed what was bought.
    """
    return mE * MILLI // Q_mE_per_kWh


def Wh_to_mE(Wh: int, Q_mE_per_kWh: int) -> int:
    """What so much electricity costs, rounded up as trade() does."""
    return -(-Wh * Q_mE_per_kWh // MILLI)


def kWh_to_Wh(kWh: float) -> int:
    """To the nearest Wh."""
    return round(Fraction(kWh) * MILLI)


def Wh_to_kWh(Wh: int) -> float:
    return Wh / MILLI


def wei_to_ether(wei: int) -> float:
    return wei / WEI_PER_ETHER
