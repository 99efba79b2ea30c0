"""`testbed campaign run`: the bots trade, the chain is audited, the report is written."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chain.depth import CONFIRMATIONS
from chain.rpc import FailoverRpc, Rpc, RpcError, RpcUnreachable, block_number
from contracts.audit import Audit
from contracts.etsc import Etsc
from errors import EnvironmentFault, TestbedError
from errors.files import write_atomic
from learning.policy_file import save
from orchestrator import store
from orchestrator.engine import ServiceState
from orchestrator.existing import Testbed, open_testbed
from orchestrator.manifest import Campaign, Order, new_campaign, write_bots
from orchestrator.mesh import Recollection
from orchestrator.plan import bot_service
from orchestrator.profiles import slot_games
from orchestrator.report import load_report, write_report
from orchestrator.results import assemble
from orchestrator.strategy import POLICY_FILE, strategy_of

_POLL_SECONDS = 0.25
_LOOK_EVERY_SECONDS = 1.0
# Without a new block for so long a chain stands still: clique seals every period, PoW by chance.
_STILL_SECONDS = {"clique": 45.0, "pow": 300.0}
_SETTLE_SECONDS = {"clique": 60.0, "pow": 600.0}

Progress = Callable[[int, int, str], None]
"""Takes slots opened, slots in all, and what is being done."""


@dataclass(frozen=True)
class Death:
    """A service that ended before it should: which, how, and in which slot of the campaign."""

    name: str
    what: str
    slot: int


@dataclass
class Course:
    """How a campaign went."""

    died: dict[str, Death] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    start_block: int = 0


@dataclass(frozen=True)
class Summary:
    """What is printed when a campaign is over."""

    id: str
    slots: int
    purchases: int
    trades: int
    audit: Audit
    report_dir: Path
    report: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "slots": self.slots,
            "purchases": self.purchases,
            "trades": self.trades,
            "conservation": {
                "ok": self.audit.ok,
                "checked": len(self.audit.checks),
                "failed": len(self.audit.failures),
            },
            "slots_complete": self.report["totals"]["slots_complete"],
            "slots_per_two_blocks": self.report["totals"]["slots_per_two_blocks"],
            "died": self.report["died"],
            "interrupted": self.report["interrupted"],
            "report_dir": str(self.report_dir),
        }


def order_from_report(path: Path, testbed: Testbed) -> Order:
    """What a report's campaign played. Raises TestbedError where this testbed plays another game."""
    report = load_report(path)
    here, there = asdict(testbed.game), report["parameters"]
    # How fast the nodes mine decides nobody's price and nobody's demand.
    different = [
        key for key in here if key != "alpha" and json.loads(json.dumps(here[key])) != there.get(key)
    ]
    retailers = sum(1 for each in report["participants"] if each["role"] == "retailer")
    if retailers != len(testbed.participants.retailers):
        different.append("retailers")
    profiles = testbed.config.market.profiles
    there_profiles = report["configuration"].get("market", {}).get("profiles")
    if (None if profiles is None else profiles.model_dump()) != there_profiles:
        different.append("profiles")
    if different:
        raise TestbedError(
            f"the report's game is not the one of {testbed.state.name!r}: {', '.join(different)} differ",
            where=str(path),
            fix=f"`testbed up --name NEW --config {path}` starts a testbed with the report's configuration.",
        )
    return Order(slots=report["slots"], policy=_policy_of(report, path), seed=report["seed"])


def _policy_of(report: dict[str, Any], path: Path) -> str:
    """Its name, or where what was learnt is kept: training it again could come out otherwise elsewhere."""
    if report.get("policy_file") is None:
        return str(report["policy"])
    kept = path.parent / str(report["policy_file"])
    if not kept.is_file():
        raise TestbedError(
            f"the policy that the report's agents played is not beside it: {kept.name}",
            where=str(path),
            fix="Copy it there from the campaign's folder, or give --slots, --policy and --seed instead.",
        )
    return str(kept)


def run_campaign(name: str, order: Order, progress: Progress = lambda opened, slots, what: None) -> Summary:
    """Play the order on the testbed `name` from where its market stands, and write the report.

    Bots and nodes may die: the campaign goes on with the others. Ctrl-C ends it early, with a report of
    what was played. Raises TestbedError where it cannot begin.
    """
    with store.locked(name):
        testbed = open_testbed(name)
        _check_running(testbed)
        urls = [node.rpc_url for node in testbed.plan.nodes]
        with FailoverRpc(urls) as rpc:
            progress(0, order.slots, f"preparing {order.policy}")
            campaign = _begin(testbed, order, rpc)
            course = Course(start_block=rpc.fetch(block_number()) + 1)
            try:
                _play(testbed, campaign, course, rpc, progress)
            finally:
                progress(campaign.order.slots, campaign.order.slots, "collecting")
                _collect(testbed, campaign)
            end_block = _settled(testbed, course, rpc)
            progress(campaign.order.slots, campaign.order.slots, "auditing")
            report, audit = assemble(testbed, campaign, course, rpc, end_block)
        write_report(report, campaign.directory)
    return Summary(
        id=campaign.id,
        slots=report["slots_played"],
        purchases=report["totals"]["purchases"],
        trades=report["totals"]["trades"],
        audit=audit,
        report_dir=campaign.directory,
        report=report,
    )


def _check_running(testbed: Testbed) -> None:
    states = testbed.engine.states()
    nodes = [node.name for node in testbed.plan.nodes]
    dead = [name for name in nodes if states.get(name) != ServiceState("running")]
    if dead or testbed.state.contract is None:
        raise TestbedError(
            f"the testbed does not run: {', '.join(dead) or 'it was never ready'}",
            where=testbed.state.name,
            fix=f"`testbed up --name {testbed.state.name}` starts it.",
        )


def _begin(testbed: Testbed, order: Order, rpc: Rpc) -> Campaign:
    games = slot_games(testbed.game, testbed.config.market.loads)
    strategy = strategy_of(order.policy, games, order.seed)
    _end_leftovers(testbed, rpc)
    etsc = Etsc(testbed.registration.contract)
    retailers = [retailer.address for retailer in testbed.participants.retailers]
    slot, *records = rpc.fetch_all([etsc.slot(), *(etsc.user(retailer) for retailer in retailers)])
    generated = {retailer: record.generated for retailer, record in zip(retailers, records, strict=True)}
    campaign = new_campaign(testbed, order, games, strategy, slot.number, generated)
    if (stored := strategy.stored) is not None:
        save(campaign.directory / POLICY_FILE, stored.name, stored.strategies, stored.origin)
    return campaign


def _end_leftovers(testbed: Testbed, rpc: Rpc) -> None:
    """The bots of a campaign whose command was killed play on, and know nothing of this one."""
    states = testbed.engine.states()
    if leftovers := [bot.name for bot in testbed.participants.bots if bot.name in states]:
        testbed.engine.remove(leftovers)
        # What they sent last is mined before anybody looks at where the market stands.
        _wait_for_block(rpc, rpc.fetch(block_number()) + CONFIRMATIONS[testbed.plan.consensus], testbed)


def _wait_for_block(rpc: Rpc, height: int, testbed: Testbed) -> bool:
    """Whether the chain reached the height in a time that its consensus allows."""
    deadline = time.monotonic() + _SETTLE_SECONDS[testbed.plan.consensus]
    while rpc.fetch(block_number()) < height:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _play(testbed: Testbed, campaign: Campaign, course: Course, rpc: Rpc, progress: Progress) -> None:
    bots = write_bots(testbed, campaign)
    services = [bot_service(bot, testbed.plan.directory) for bot in bots]
    progress(0, campaign.order.slots, f"starting {len(bots)} bots")
    try:
        with Recollection(testbed.engine, testbed.plan, testbed.config.chain.period_seconds):
            testbed.engine.apply(testbed.plan.with_services(services))
            _watch(testbed, campaign, course, rpc, progress, set(bots))
    except KeyboardInterrupt:
        course.interrupted = True
        course.notes.append("interrupted before its end")


def _watch(
    testbed: Testbed, campaign: Campaign, course: Course, rpc: Rpc, progress: Progress, bots: set[str]
) -> None:
    """Until edge server and prosumers have done their part, or nobody is left who can go on.

    They end when the last slot is deep enough, by when its meters have long reported.
    """
    people = testbed.participants
    players = [people.seller.name, *(prosumer.name for prosumer in people.prosumers)]
    etsc = Etsc(testbed.registration.contract)
    still_seconds = _STILL_SECONDS[testbed.plan.consensus]
    height, changed_at, looked_at = -1, time.monotonic(), 0.0
    slot = 0
    while True:
        try:
            number, open_slot = rpc.fetch_all([block_number(), etsc.slot()])
            slot = max(0, open_slot.number - campaign.first_slot + 1)
            if number != height:
                height, changed_at = number, time.monotonic()
        except (RpcUnreachable, RpcError):
            pass  # a node may be dying; the clock of the standstill runs
        progress(min(slot, campaign.order.slots), campaign.order.slots, f"block {height}")
        if time.monotonic() - changed_at > still_seconds:
            course.notes.append(f"the chain stood still at block {height} for {still_seconds:.0f} s")
            return
        if time.monotonic() - looked_at > _LOOK_EVERY_SECONDS:
            looked_at = time.monotonic()
            states = testbed.engine.states()
            _note_deaths(testbed, course, states, bots, slot)
            if not any(states.get(player) == ServiceState("running") for player in players):
                if slot < campaign.order.slots:
                    course.notes.append(f"nobody was left to play after slot {slot}")
                return
        time.sleep(_POLL_SECONDS)


def _note_deaths(
    testbed: Testbed, course: Course, states: dict[str, ServiceState], bots: set[str], slot: int
) -> None:
    for name in (*(node.name for node in testbed.plan.nodes), *sorted(bots)):
        state = states.get(name, ServiceState("absent"))
        done = name in bots and state == ServiceState("exited", 0)
        if state.status != "running" and not done and name not in course.died:
            course.died[name] = Death(name, str(state), slot)


def _collect(testbed: Testbed, campaign: Campaign) -> None:
    """Keep the bots' journals and logs with the campaign, and end the bots."""
    bots = [bot.name for bot in testbed.participants.bots]
    for bot in bots:
        journal = testbed.plan.directory / "bots" / bot / "journal.jsonl"
        if journal.exists():
            target = campaign.directory / "journals" / f"{bot}.jsonl"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(journal, target)
        with suppress(TestbedError):  # a bot that never started has no log
            lines = "\n".join(testbed.engine.logs(bot, follow=False))
            write_atomic(campaign.directory / "logs" / f"{bot}.log", lines + "\n")
    # A node that died during the campaign stays dead: `testbed up` is what starts nodes.
    testbed.engine.remove(bots)


def _settled(testbed: Testbed, course: Course, rpc: Rpc) -> int:
    """A block after the last action, with enough blocks on top of it not to be replaced."""
    try:
        end = rpc.fetch(block_number())
        if not _wait_for_block(rpc, end + CONFIRMATIONS[testbed.plan.consensus], testbed):
            course.notes.append("the audited block has fewer blocks on top of it than it should")
    except RpcUnreachable as error:
        raise EnvironmentFault(
            "no node answers, so nothing can be audited",
            where=testbed.state.name,
            fix=f"`testbed up --name {testbed.state.name}` starts the nodes; the chain is kept.",
        ) from error
    return end
