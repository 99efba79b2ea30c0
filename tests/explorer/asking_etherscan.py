"""The Etherscan-compatible API asked over HTTP, without a client."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode

from tests.explorer.running import Explorer


def ask(explorer: Explorer, **parameters: Any) -> dict[str, Any]:
    page = explorer.get("/api?" + urlencode(parameters))
    assert page.status == 200
    assert page.headers["content-type"] == "application/json"
    answer: dict[str, Any] = json.loads(page.text)
    return answer


def post(explorer: Explorer, body: str, kind: str = "application/x-www-form-urlencoded") -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=20)
    connection.request("POST", "/api", body, {"Content-Type": kind})
    answer = connection.getresponse()
    assert answer.status == 200
    told: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return told
