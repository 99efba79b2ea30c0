"""The contract's compiler, kept loaded for many mutants; what it makes is put where the tests look for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from errors import EnvironmentFault
from orchestrator.command import end
from orchestrator.foundry import Project

_SCRIPT = Path(__file__).with_name("compile.js")
_END_SECONDS = 10.0


@dataclass(frozen=True)
class Code:
    """In hex, what creates the contract and what stands afterwards."""

    creating: str
    deployed: str


class Compiler:
    """Compiles as the profile `mutation` of foundry.toml does. To be closed."""

    def __init__(self, made: Project) -> None:
        self._artifact = made.folder / "out" / "ETSC.sol" / "ETSC.json"
        shutil.copy(_SCRIPT, made.folder)
        self._process = subprocess.Popen(
            [made.tools.command("node"), _SCRIPT.name],
            cwd=made.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.plain = self.compile("ETSC.sol", (made.folder / "src" / "ETSC.sol").read_text())
        """The contract as it is."""

    def compile(self, file: str, text: str) -> Code | None:
        """The contract with another text of one file of src/; None where that does not compile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"file": file, "text": text}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EnvironmentFault("the compiler ended", where=_SCRIPT.name)
        answer = json.loads(line)
        return None if answer["code"] is None else Code(answer["code"], answer["deployed"])

    def install(self, code: Code) -> None:
        """From now on the tests deploy that; no source has changed, so forge compiles nothing again."""
        content = json.loads(self._artifact.read_text())
        content["bytecode"]["object"] = "0x" + code.creating
        content["deployedBytecode"]["object"] = "0x" + code.deployed
        self._artifact.write_text(json.dumps(content))

    def close(self) -> None:
        end(self._process, seconds=_END_SECONDS)
