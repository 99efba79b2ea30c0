"""The parameters of the game (Section II of the paper), each within its bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, get_args

from errors import TestbedError

Pricing = Literal["unified", "discriminated"]
PRICINGS: tuple[Pricing, ...] = get_args(Pricing)

# No quantity of a market is beyond these. Within them nothing that is computed from several overflows, and no
# divisor becomes 0.
_SMALLEST, _LARGEST = 1e-20, 1e20
_SHOWN_BITS = 1024  # of the largest whole number that a message has


def demand_whole(quantity: str, value: object) -> None:
    """Raises TestbedError for what is no whole number; True is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(quantity, value, "a whole number")


def refused(quantity: str, value: object, bound: str) -> TestbedError:
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        # Nobody reads hundreds of digits, and beyond some thousands Python refuses to write them.
        shown = f"a whole number of {value.bit_length()} bits"
    else:
        shown = repr(value)
    return TestbedError(f"{quantity} = {shown} is not allowed: it must be {bound}")


def evenly_spaced_intentions(prosumers: int) -> tuple[float, ...]:
    """w of the preset `interior` for any N: 0.1·linspace(1.07, 0.93, N), descending.

    Raises TestbedError for what is no whole number, and below one prosumer.
    """
    demand_whole("number of prosumers", prosumers)
    if prosumers < 1:
        raise refused("number of prosumers", prosumers, ">= 1")
    step = (0.93 - 1.07) / max(1, prosumers - 1)
    # Rounded, so that 0.107 is not shown as 0.10700000000000001.
    return tuple(round(0.1 * (1.07 + i * step), 12) for i in range(prosumers))


@dataclass(frozen=True)
class Parameters:
    """Symbols of the paper; the defaults are its own where it states them, else preset `interior`.

    Money is in units of 1 ether, elecoins in units, electricity in kWh. Raises TestbedError for a value out
    of its bounds. No number may be beyond 1e20, and none that must be above 0 below 1e-20.
    """

    theta: float = 100.0
    """Conversion factor of a prosumer's services revenue, eq. (3)."""
    eta: float = 0.3
    """Conversion factor of a prosumer's payment, eq. (3)."""
    k: float = 8.0
    """The server's cost per kWh that it stands for, eq. (2)."""
    Q: float = 0.6
    """Price of electricity between prosumers, elecoins per kWh."""
    w: tuple[float, ...] = evenly_spaced_intentions(8)
    """Each prosumer's intention to use electricity, eq. (3); its length is N."""
    p_min: float = 10.0
    p_max: float = 45.0
    """Bounds of the price of one elecoin."""
    x_min: float = 0.0
    x_max: float = 15.0
    """Bounds of one prosumer's demand in one slot, elecoins."""
    e_c: float = 0.0
    """Electricity that the edge server itself consumes in a slot, kWh, eq. (2)."""
    R_f: float = 200.0
    """Fixed reward of a block, eq. (1)."""
    r: float = 3.0
    """Variable reward per unit of block size, eq. (1)."""
    s: float = 200.0
    """Size of a block, eq. (1)."""
    lam: float = 0.01
    """Propagation factor λ, eq. (1)."""
    l: float = 1.0  # noqa: E741 - the paper's symbol
    """Evaluation metric of the puzzle, eq. (1)."""
    alpha: tuple[float, ...] = (1.0,)
    """Computing power of each edge server, any unit; its length is M."""
    seller: int = 0
    """Which edge server sells the elecoins: an index into alpha."""
    pricing: Pricing = "unified"
    """One price for all prosumers, or a price for each (the paper's two pricing mechanisms)."""

    def __post_init__(self) -> None:
        if self.pricing not in PRICINGS:
            raise refused("pricing", self.pricing, "one of " + ", ".join(PRICINGS))
        self._demand_numbers()
        for name in ("theta", "eta", "k", "Q", "p_min"):
            _demand_positive(name, getattr(self, name))
        for name in ("x_min", "e_c", "R_f", "r", "s", "lam", "l"):
            _demand(name, getattr(self, name), getattr(self, name) >= 0, ">= 0")
        _demand("p_max", self.p_max, self.p_max >= self.p_min, f">= p_min = {self.p_min}")
        _demand("x_max", self.x_max, self.x_max >= self.x_min, f">= x_min = {self.x_min}")
        for name, values in (("w", self.w), ("alpha", self.alpha)):
            _demand(f"length of {name}", len(values), len(values) >= 1, ">= 1")
            for index, value in enumerate(values):
                _demand_positive(f"{name}[{index}]", value)
        in_range = isinstance(self.seller, int) and 0 <= self.seller < len(self.alpha)
        _demand("seller", self.seller, in_range, f"a whole number in 0..{len(self.alpha) - 1}")
        buyers = f"> k = {self.k}: otherwise no price above the cost finds a buyer"
        _demand("c = √(kθH/η)", self.c, self.c > self.k, buyers)

    def _demand_numbers(self) -> None:
        for name in ("w", "alpha"):
            if not isinstance(value := getattr(self, name), Iterable):
                raise refused(name, value, "a list of numbers")
            object.__setattr__(self, name, tuple(value))
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "pricing":
                continue
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, bool) or not isinstance(number, (int, float)):
                    raise refused(field.name, number, "a number")
                if not _is_finite(number):
                    raise refused(field.name, number, "finite")
                _demand(field.name, number, number <= _LARGEST, f"<= {_LARGEST:g}")

    @property
    def prosumers(self) -> int:
        """N."""
        return len(self.w)

    @property
    def H(self) -> float:
        """The harmonic mean of w."""
        return len(self.w) / math.fsum(1 / w for w in self.w)

    @property
    def c(self) -> float:
        """√(kθH/η): the optimal price of a kWh's worth of elecoins, p*·Q, where no bound binds."""
        return math.sqrt(self.k * self.theta * self.H / self.eta)


def _demand(quantity: str, value: float, holds: bool, bound: str) -> None:
    if not holds:
        raise refused(quantity, value, bound)


def _demand_positive(quantity: str, value: float) -> None:
    _demand(quantity, value, value > 0, "> 0")
    _demand(quantity, value, value >= _SMALLEST, f">= {_SMALLEST:g}")


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond all floats
        return False
