"""The tools that build and test the contract, each at the version of a lock file, and a project for them.

Foundry, the compiler and OpenZeppelin come from npm (contracts/package-lock.json); Node, slither and halmos
from PyPI (contract-tools.lock). They are installed once a machine for each lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contracts
from errors import EnvironmentFault
from orchestrator.cache import cache_root, locked, scratch
from orchestrator.command import Output, run
from orchestrator.progress import Report

CONTRACTS = Path(contracts.__file__).parent
_PYTHON_TOOLS = Path(__file__).with_name("contract-tools.lock")
_NPM_FILES = ("package.json", "package-lock.json")
_PROJECT = (*_NPM_FILES, "foundry.toml", "solc", "src", "test")
# The profile of foundry.toml that compiles as for the chain, and no test.
FOR_THE_CHAIN = {"FOUNDRY_PROFILE": "chain"}
_INSTALL_SECONDS = 900.0
_BUILD_SECONDS = 600.0


@dataclass(frozen=True)
class Tools:
    """Where the tools are: the virtual environment's commands, and npm's packages."""

    root: Path

    @property
    def node_modules(self) -> Path:
        return self.root / "node_modules"

    def command(self, name: str) -> Path:
        """forge, anvil, node, slither or halmos. Raises EnvironmentFault where this machine has none."""
        own = self.root / "venv" / "bin" / name
        native = sorted(self.node_modules.glob(f"@foundry-rs/{name}-*/bin/{name}"))
        for path in (own, *native):
            if path.exists():
                return path
        raise EnvironmentFault(
            f"{name} is not there for this kind of machine",
            where=str(self.root),
            fix="npm has Foundry for Linux on x86-64 only; the chain and the market need none of it.",
        )

    @property
    def environment(self) -> dict[str, str]:
        """What the tools are to run in: they find each other and nothing else of their kind."""
        folders = [self.command("forge").parent, self.root / "venv" / "bin"]
        return {
            "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]),
            "SOLC_CACHE": str(self.root / "compiled"),
        }


def tools(report: Report) -> Tools:
    """The tools, installed first where they are not. Raises CommandFailed where that does not work."""
    locks = b"".join(path.read_bytes() for path in (_PYTHON_TOOLS, CONTRACTS / "package-lock.json"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(locks + version.encode()).hexdigest()[:16]
    root = cache_root() / f"contract-tools-{key}"
    complete = root / "complete"
    if not complete.exists():
        with locked(root.with_suffix(".lock"), report, "installing the contract's tools"):
            if not complete.exists():
                # Not made elsewhere and moved here: a virtual environment knows its own path.
                shutil.rmtree(root, ignore_errors=True)
                root.mkdir(parents=True)
                _install(root, report)
                complete.touch()
    return Tools(root)


def _install(root: Path, report: Report) -> None:
    run([sys.executable, "-m", "venv", root / "venv"], timeout_seconds=_INSTALL_SECONDS)
    run(
        [
            *(root / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"),
            *("--quiet", "--require-hashes", "-r", _PYTHON_TOOLS),
        ],
        timeout_seconds=_INSTALL_SECONDS,
        report=report,
        what="fetching slither, halmos and Node from PyPI, once a machine",
    )
    for name in _NPM_FILES:
        shutil.copy(CONTRACTS / name, root)
    commands = root / "venv" / "bin"
    run(
        [commands / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        timeout_seconds=_INSTALL_SECONDS,
        report=report,
        what="fetching Foundry and the compiler from npm, once a machine",
        cwd=root,
        env={"PATH": os.pathsep.join([str(commands), os.environ.get("PATH", os.defpath)])},
    )


@dataclass(frozen=True)
class Project:
    """The Foundry project in a folder of its own."""

    folder: Path
    tools: Tools

    def run(
        self,
        *argv: str | Path,
        timeout_seconds: float = _BUILD_SECONDS,
        report: Report | None = None,
        what: str = "",
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> Output:
        """Runs one of the tools in the project, as `orchestrator.command.run` does."""
        command, *rest = argv
        return run(
            [self.tools.command(str(command)), *rest],
            timeout_seconds=timeout_seconds,
            report=report,
            what=what,
            cwd=self.folder,
            env={**self.tools.environment, **(env or {})},
            check=check,
        )

    def artifact(self, contract: str, file: str | None = None) -> dict[str, Any]:
        """What the compiler makes of a contract of src/, in the form in which it is checked in."""
        self.run("forge", "build", env=FOR_THE_CHAIN)
        out = json.loads((self.folder / "out" / (file or f"{contract}.sol") / f"{contract}.json").read_text())
        settings = out["metadata"]["settings"]
        return {
            "contract": contract,
            "compiler": {
                "name": "solc",
                "version": out["metadata"]["compiler"]["version"],
                "settings": {key: settings[key] for key in ("evmVersion", "optimizer", "viaIR")},
            },
            # Of what it compiled: the bytes themselves, without the compiler's metadata, do not say.
            "sources": {
                path: source["keccak256"] for path, source in sorted(out["metadata"]["sources"].items())
            },
            "abi": out["abi"],
            "bytecode": out["bytecode"]["object"],
            "deployedBytecode": out["deployedBytecode"]["object"],
            "immutableReferences": sorted(
                [place["start"], place["length"]]
                for places in out["deployedBytecode"].get("immutableReferences", {}).values()
                for place in places
            ),
        }


@contextlib.contextmanager
def project(report: Report, sources: Path | None = None) -> Iterator[Project]:
    """A copy of the project that is gone after the block; `sources` takes the place of its src/."""
    found = tools(report)
    with scratch() as folder:
        for name in _PROJECT:
            origin = sources if name == "src" and sources is not None else CONTRACTS / name
            if origin.is_dir():
                shutil.copytree(origin, folder / name)
            else:
                shutil.copy(origin, folder / name)
        (folder / "node_modules").symlink_to(found.node_modules)
        yield Project(folder, found)


def artifact_text(artifact: Mapping[str, Any]) -> str:
    """The artifact as the file that is checked in."""
    return json.dumps(artifact, indent=1) + "\n"
