"""The explorer as a real process, and its index compared with the chain row by row."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.rpc import HttpRpc
from explorer.check import compare
from tests.explorer.gethnode import SEALER, GethNode, free_ports, wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Page:
    status: int
    headers: dict[str, str]
    text: str

    def csv_rows(self) -> list[dict[str, str]]:
        """Of a file to keep, which must be CSV to the letter (RFC 4180)."""
        assert self.status == 200, self.text
        assert self.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(r'attachment; filename="[\w.-]+\.csv"', self.headers["content-disposition"])
        assert self.text.endswith("\r\n")
        assert "\n" not in self.text.replace("\r\n", "")
        header, *rows = csv.reader(io.StringIO(self.text, newline=""), strict=True)
        assert len(set(header)) == len(header)
        return [dict(zip(header, row, strict=True)) for row in rows]


@dataclass
class Explorer:
    """One explorer and its directory."""

    directory: Path
    config: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.directory / "explorer.log"
        self.write_config()

    @property
    def index(self) -> Path:
        """The database of the chain; there is one where nothing else was done."""
        files = sorted(Path(self.config["index"]).glob("*.sqlite"))
        assert len(files) < 2, files
        return files[0] if files else Path(self.config["index"]) / "none.sqlite"

    def write_config(self, **changes: Any) -> None:
        self.config.update(changes)
        path = self.directory / "explorer.json"
        path.with_suffix(".new").write_text(json.dumps(self.config))
        path.with_suffix(".new").rename(path)

    def options(self) -> list[str]:
        """What `serve` is called with."""
        return ["--config", str(self.directory / "explorer.json")]

    def start(self) -> None:
        self.launch()
        wait_until(self._answers, "the explorer to answer")

    def launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "explorer", "serve", *self.options()],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        return self.process

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/health").status == 200
        except OSError:
            return False

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(20)
        self.process = None
        return code

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def get(self, path: str, host: str | None = None) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.config["port"], timeout=20)
        with closing(connection):
            connection.request("GET", path, headers={} if host is None else {"Host": host})
            answer = connection.getresponse()
            headers = {key.lower(): value for key, value in answer.getheaders()}
            return Page(answer.status, headers, answer.read().decode())

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.get("/health").text)
        return answer

    def wait_for(self, node: GethNode) -> None:
        """Until the index stands at the node's head, by hash."""
        wait_until(lambda: self.tip() == node.head_hash(), "the index to reach the head")
        wait_until(lambda: self._shows(node.head_hash()), "the pages to show the head")

    def _shows(self, head_hash: str) -> bool:
        """Whether the pages are as new as the index: they are told of each change a moment later."""
        health = self.health()
        shown = self.get("/block/" + head_hash)
        return health["lag"] == 0 and shown.status == 200 and "was replaced by a" not in shown.text

    def tip(self) -> str | None:
        """The hash of the newest canonical block; None while there is no index, or an empty one."""
        try:
            rows = self.rows("SELECT hash FROM blocks WHERE canonical ORDER BY number DESC LIMIT 1")
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return None
            raise
        return "0x" + rows[0]["hash"].hex() if rows else None

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        try:
            return _rows(f"{self.index}?mode=ro", sql, values)
        except sqlite3.OperationalError as error:
            if "readonly database" not in str(error):
                raise
        # A writer that was killed may leave a log that only a writer takes up: done to a copy, so that the
        # next one finds it as it was left.
        with tempfile.TemporaryDirectory(dir=self.directory) as folder:
            for part in self.index.parent.glob(f"{self.index.name}*"):
                if not part.name.endswith("-shm"):
                    shutil.copy(part, folder)
            return _rows(f"{folder}/{self.index.name}?mode=rw", sql, values)


def _rows(file: str, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(f"file:{file}", timeout=20, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql, values).fetchall()


def configuration(directory: Path, *nodes: GethNode, **changes: Any) -> dict[str, Any]:
    return {
        "name": "tests",
        "listen": "127.0.0.1",
        "port": free_ports(1)[0],
        "index": str(directory / "index"),
        "contract": None,
        "genesis_hash": None,
        "consensus": "clique",
        "nodes": [
            {
                "name": f"node-{number}",
                "device": f"device of node-{number}",
                "rpc_url": node.rpc_url,
                "ws_url": f"ws://127.0.0.1:{node.ws}",
                "ipc_path": node.ipc_path,
                "address": f"127.0.0.1:{node.p2p}",
                "sealer": SEALER.address if number == 1 else None,
            }
            for number, node in enumerate(nodes, 1)
        ],
        "accounts": [],
        "allowed_hosts": [],
        **changes,
    }


def octets(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text[2:])


def differences(explorer: Explorer, node: GethNode) -> list[str]:
    """What the index says otherwise than the node; both must stand still."""
    with HttpRpc(node.rpc_url, 30) as rpc:
        compared = compare(explorer.index, rpc)
    assert compared.unchecked == ()
    behind = [f"the index ends at block {compared.number} of {compared.head}"] if compared.behind else []
    return [*behind, *compared.differences]
