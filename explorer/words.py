"""Values as people read them: hashes, addresses, amounts, times, names that somebody else chose."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

from Crypto.Hash import keccak

from market.units import MILLI, WEI_PER_ETHER

_NAME_LENGTH = 64
_ETHER_PLACES = 5
_WEI_PER_GWEI = 10**9


@lru_cache(maxsize=4096)
def checksummed(address: bytes) -> str:
    """EIP-55: a letter is upper case where the hash of the lower-case address has a nibble of 8 or more."""
    digits = address.hex()
    nibbles = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, nibbles, strict=False)
    )


def hexed(octets: bytes | None) -> str:
    return "" if octets is None else "0x" + octets.hex()


def shortened(text: str, head: int = 10, tail: int = 6) -> str:
    """The ends of a long hash; its full value belongs in a title beside it."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def cleaned(name: str, length: int = _NAME_LENGTH) -> str:
    """A name without control and direction characters, of bounded length. Escaping is the template's."""
    letters = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in name[: 4 * length]
        if unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn")
    )
    kept = " ".join("".join(letters).split())
    return kept if len(kept) <= length else kept[: length - 1] + "…"


def cleaned_long(message: str) -> str:
    """A message of a node or of the system."""
    return cleaned(message, 400)


def client(version: str) -> str:
    """Geth/v1.11.6-stable-ea9e62ca/linux-amd64/go1.20 as Geth v1.11.6; the node's own name is left out."""
    parts = cleaned(version, 200).split("/")
    number = next((part for part in parts[1:] if part[:1] == "v" and part[1:2].isdigit()), "")
    return f"{parts[0]} {number.split('-')[0]}".strip()


def decimal(amount: int, per: int, places: int | None = None) -> str:
    """amount / per, exactly, or cut after so many places; no trailing zeros; per is a power of ten."""
    whole, rest = divmod(abs(amount), per)
    digits = str(rest).rjust(len(str(per)) - 1, "0") if rest else ""
    if places is not None:
        digits = digits[:places]
    digits = digits.rstrip("0")
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}" + (f".{digits}" if digits else "")


def elecoins(mE: int) -> str:
    return f"{decimal(mE, MILLI)} elecoins"


def energy(Wh: int) -> str:
    return f"{decimal(Wh, MILLI)} kWh"


def thousandths(amount: int) -> str:
    """mE as elecoins or Wh as kWh, always with three places, so that a column of them aligns."""
    return f"{amount // MILLI:,}.{amount % MILLI:03d}"


def ether(wei: int | str) -> str:
    """Exactly, in ether."""
    return f"{decimal(int(wei), WEI_PER_ETHER)} ether"


def ether_brief(wei: int | str) -> str:
    """To five places; what is smaller than that in Gwei or wei."""
    amount = int(wei)
    if 0 < amount < _WEI_PER_GWEI // 1000:
        return f"{amount:,} wei"
    if 0 < amount < WEI_PER_ETHER // 10**_ETHER_PLACES:
        return f"{decimal(amount, _WEI_PER_GWEI, 3)} Gwei"
    return f"{decimal(amount, WEI_PER_ETHER, _ETHER_PLACES)} ether"


def gwei(wei: int | str) -> str:
    return f"{decimal(int(wei), _WEI_PER_GWEI)} Gwei"


def price(wei_per_mE: int) -> str:
    """Exactly, in ether an elecoin."""
    return f"{decimal(wei_per_mE * MILLI, WEI_PER_ETHER)} ether/elecoin"


def price_brief(wei_per_mE: int) -> str:
    return f"{decimal(wei_per_mE * MILLI, WEI_PER_ETHER, 4)} ether/elecoin"


def unit_power_price(mE_per_kWh: int) -> str:
    return f"{decimal(mE_per_kWh, MILLI)} elecoins/kWh"


def moment(seconds: int) -> str:
    """A time of the chain, in full."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(seconds: int) -> str:
    return _utc(seconds).strftime("%H:%M:%S")


def iso(seconds: int) -> str:
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(seconds: int) -> datetime:
    latest = 253402300799  # the last second of the year 9999; a node may claim any number
    return datetime.fromtimestamp(min(seconds, latest), UTC)
