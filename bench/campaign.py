"""`bench campaign`: slots of trading beside the fewest blocks that a slot can take."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from bench.figures import Comparison, Limit, Side
from bench.room import Room
from chain.rpc import HttpRpc, quantity
from errors import EnvironmentFault

_RATIO = 0.8
# The price in one block, purchases and trades in the next.
_FLOOR_BLOCKS = 2.0
_NAME = "c"


def measure(place: Room, engine: str, slots: int) -> Comparison:
    """A campaign on a 1 s chain; a slot counts only where every prosumer bought and traded."""
    place.report(f"{engine}: testbed up")
    place.up(_NAME, engine)
    place.report(f"{engine}: a campaign of {slots} slots")
    arguments = ["campaign", "run", "--name", _NAME, "--slots", str(slots)]
    seconds, output = place.timed(*arguments, "--json")
    summary = json.loads(output.stdout.splitlines()[-1])
    report = json.loads((Path(summary["report_dir"]) / "report.json").read_text())
    block_seconds = _block_seconds(place, report)
    place.destroy(_NAME)
    opened = [record["opened_at_block"] for record in report["slot_records"] if record["complete"]]
    if len(opened) < 2:
        raise EnvironmentFault(
            f"of {slots} slots {len(opened)} were complete: two at least are needed", where=f"engine {engine}"
        )
    ratio = float(summary["slots_per_two_blocks"])
    return Comparison(
        title=f"testbed campaign run ({engine}): slots per two blocks",
        sides=[
            Side("price, then purchase and trade", "blocks/slot", [_FLOOR_BLOCKS], ["(by definition)"]),
            Side(
                "testbed campaign run",
                "blocks/slot",
                [float(after - before) for before, after in itertools.pairwise(opened)],
                [
                    f"testbed up --name {_NAME} --engine {engine} --json",
                    f"testbed {' '.join(arguments)} --json",
                ],
            ),
        ],
        ratio=ratio,
        limits=[
            Limit("complete slots per two blocks", ratio, _RATIO, at_least=True),
            Limit("complete slots of those ordered", summary["slots_complete"], slots, at_least=True),
        ],
        figures={
            "engine": engine,
            "slots": slots,
            "slots_complete": summary["slots_complete"],
            "slots_per_two_blocks": summary["slots_per_two_blocks"],
            "opened_at_blocks": opened,
            "block_seconds": round(block_seconds, 3),
            "command_seconds": round(seconds, 2),
            "conservation_ok": summary["conservation"]["ok"],
        },
    )


def _block_seconds(place: Room, report: dict[str, Any]) -> float:
    """What a block of the campaign took on average, by the chain's own clock."""
    status = json.loads(place.testbed("status", "--name", _NAME, "--json").stdout.splitlines()[-1])
    first, last = report["start_block"], report["end_block"]
    with HttpRpc(status["nodes"][0]["rpc_url"]) as rpc:
        begun, ended = (
            int(rpc.request("eth_getBlockByNumber", quantity(number), False)["timestamp"], 16)
            for number in (first, last)
        )
    return float((ended - begun) / max(1, last - first))
