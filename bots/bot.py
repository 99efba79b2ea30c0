"""The loop that all roles share: see a head, read once, decide, sign, write down, send."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bots.decision import Action, Role
from bots.journal import Journal
from bots.reverts import Reverts
from bots.settings import Settings, load
from chain.heads import Head, heads
from chain.rpc import FailoverRpc, RpcError, RpcUnreachable, nonce_of
from chain.sender import Sender
from chain.wallet import Fees, Signed, Wallet
from contracts.etsc import Etsc

log = logging.getLogger("bots")

_RESEND_AFTER_HEADS = 2
_SILENCE_SECONDS = 15.0


class Bot:
    """One account's process. What it knows between heads is only when it last sent something."""

    def __init__(self, settings: Settings, role: Role, wallet: Wallet, journal: Journal) -> None:
        self._settings = settings
        self._role = role
        self._wallet = wallet
        self._journal = journal
        self._rpc = FailoverRpc(settings.rpc_urls)
        self._sender = Sender(wallet, settings.rpc_urls, settings.chain_id)
        etsc = Etsc(settings.contract)
        self._paused = etsc.paused()
        self._reverts = Reverts(self._rpc, etsc, wallet.address)
        self._sent_at: int | None = None
        """The head at which something left last; None before anything did."""
        self._busy_at: int | None = None
        """The last head at which something of ours was not yet mined."""

    def run(self, stop: threading.Event) -> None:
        """Until the role is done or `stop` is set. Raises TestbedError where it cannot go on."""
        last_heard = time.monotonic()
        for head in heads(self._settings.ws_urls, stop):
            if head is None:
                if time.monotonic() - last_heard > _SILENCE_SECONDS:
                    last_heard = time.monotonic()
                    log.warning("no new block for %.0f s from %s", _SILENCE_SECONDS, self._settings.ws_urls)
                continue
            last_heard = time.monotonic()
            try:
                answers = self._read(head)
            except (RpcError, RpcUnreachable) as error:
                log.warning("%s; waiting for the next block", error)
                continue
            done = self.at(head, *answers)
            self._tell_reverts(answers[0])
            if done:
                return

    def _read(self, head: Head) -> list[Any]:
        # The nonce comes first: a block that arrives meanwhile can only make it look as if our
        # transactions were still on their way, never as if they had been mined without effect.
        return self._rpc.fetch_all([nonce_of(self._wallet.address), self._paused, *self._role.reads()])

    def at(self, head: Head, nonce: int, paused: bool, *answers: Any) -> bool:
        """Plays one head; True when the role's part is done and deep enough. While the market is paused
        nothing new is sent: ETSC would refuse it."""
        decision = self._role.play(head.number, answers)
        self._journal.append(decision.results)
        for result in decision.results:
            log.info("%s", _words(result))
        if unmined := self._journal.unmined(nonce):
            self._busy_at = head.number
            if self._sent_at is None or head.number - self._sent_at >= _RESEND_AFTER_HEADS:
                self._sent_at = head.number
                log.info("sending again: %s", ", ".join(signed.hash for signed in unmined))
                self._hand_over(unmined)
            return False
        if decision.actions and paused:
            log.info("the market is paused")
            return False
        if decision.actions:
            self._busy_at = self._sent_at = head.number
            self._send(decision.actions, nonce, head)
            return False
        return decision.done and self._deep(head.number)

    def _tell_reverts(self, nonce: int) -> None:
        """After the head was played, so that nothing waits for it."""
        try:
            for line in self._reverts.told(nonce):
                log.warning("%s", line)
        except (RpcError, RpcUnreachable) as error:
            log.warning("%s; asking again at the next block", error)

    def _deep(self, head: int) -> bool:
        return self._busy_at is None or head - self._busy_at >= self._settings.confirmations

    def _send(self, actions: Sequence[Action], nonce: int, head: Head) -> None:
        transactions = self._sender.sign(
            [action.call for action in actions], nonce, Fees.above(head.base_fee_wei)
        )
        lines: list[dict[str, Any]] = [
            {
                "type": "signed",
                "slot": action.slot,
                "action": action.name,
                "at_block": head.number,
                **action.note,
                "nonce": signed.nonce,
                "hash": signed.hash,
                "raw": signed.raw,
            }
            for action, signed in zip(actions, transactions, strict=True)
        ]
        self._journal.append(lines)
        for action, signed in zip(actions, transactions, strict=True):
            self._reverts.follow(signed, action)
        self._hand_over(transactions)
        for line in lines:
            log.info("%s", _words({key: value for key, value in line.items() if key not in ("type", "raw")}))

    def _hand_over(self, transactions: Sequence[Signed]) -> None:
        """Silent nodes are no failure: what is written down is sent again. Raises RpcError on refusal."""
        try:
            self._sender.send(transactions)
        except RpcUnreachable as error:
            log.warning("%s; sending again later", error)

    def close(self) -> None:
        self._rpc.close()
        self._sender.close()
        self._journal.close()


def make_role(settings: Settings, wallet: Wallet, journal: Journal) -> Role:
    """The role that the settings name; its module is imported here, as two of four need no numpy."""
    etsc = Etsc(settings.contract)
    if settings.role == "edge-server":
        from bots.edge_server import EdgeServer

        return EdgeServer(settings, etsc, journal, wallet.address)
    if settings.role == "prosumer":
        from bots.prosumer import Prosumer

        return Prosumer(settings, etsc, journal, wallet.address)
    if settings.role == "retailer":
        from bots.retailer import Retailer

        return Retailer(settings, etsc, journal, wallet.address)
    from bots.meter import Meter

    return Meter(settings, etsc, wallet.address)


def run(folder: Path) -> None:
    """Runs the bot of a folder until its part is done, SIGTERM or SIGINT. Raises TestbedError."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load(folder)
    _log_to_stderr(settings.name)
    wallet = Wallet.from_keystore(folder / "keystore.json", folder / "password")
    journal = Journal(folder / "journal.jsonl", settings.contract)
    bot = Bot(settings, make_role(settings, wallet, journal), wallet, journal)
    log.info(
        "%s %s plays slots %d to %d", settings.role, wallet.address, settings.first_slot, settings.last_slot
    )
    try:
        bot.run(stop)
    finally:
        bot.close()
    log.info("stopped" if stop.is_set() else "done")


def _log_to_stderr(name: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(f"%(asctime)s.%(msecs)03dZ {name} %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def _words(values: Any) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
