"""The utilities of both sides in the paper's units: equations (2) and (3).

Each takes plain numbers, since an agent knows only its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def prosumer_utility(elecoins: float, price: float, *, theta: float, eta: float, Q: float, w: float) -> float:
    """U_p = θ·ln(x·w/Q + 1) − η·x·p, equation (3): all elecoins bought become electricity."""
    return delivered_utility(elecoins / Q, elecoins, price, theta=theta, eta=eta, w=w)


def delivered_utility(
    delivered_kWh: float, elecoins: float, price: float, *, theta: float, eta: float, w: float
) -> float:
    """Equation (3) with the electricity that really arrived in place of x/Q, for where supply binds."""
    return theta * math.log1p(delivered_kWh * w) - eta * elecoins * price


def server_utility(
    demands: Sequence[float],
    prices: Sequence[float],
    *,
    k: float,
    Q: float,
    e_c: float,
    mining_utility: float,
) -> float:
    """U_e = U_m + Σp·x − k·(Σx/Q + e_c), equation (2), with the price that each demand pays, shape (N,).

    Raises ValueError where there is not one price for each demand.
    """
    income = math.fsum(x * p for x, p in zip(demands, prices, strict=True))
    return mining_utility + income - k * (math.fsum(demands) / Q + e_c)
