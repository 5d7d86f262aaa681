"""What README and docs print to be typed into a shell works as printed, on the simulated clusters."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
import yaml

from bench.testbed.product import ROOT, Product, demo_product
from tests.client.test_scripts import kubeconfig

__all__ = ["kubeconfig"]

FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|console)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What never ends by itself is ended; what it has said by then is what counts.
SECONDS = 8
# Where the clusters are simulated, others listen, and nothing may be left running.
PREAMBLE = f"""
set -eo pipefail
limited() {{ timeout {SECONDS} "$@" || {{ code=$?; [[ $code == 124 ]]; }}; }}
curl() {{ limited "$(type -P curl)" --show-error "$@"; }}
kubectl() {{ limited "$(type -P kubectl)" "$@"; }}
k8s-mcp() {{ limited "$(type -P k8s-mcp)" "$@"; }}
"""
# These are made by the commands that stand here.
INSTALLS = ("python3 -m venv", "scripts/install")


class Block(NamedTuple):
    """The commands of one block, and what it prints behind each (nothing for ``sh``)."""

    place: str
    commands: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def script(self) -> str:
        return "\n".join(self.commands)


def blocks() -> Iterator[Block]:
    for path in FILES:
        text = path.read_text()
        for match in BLOCK.finditer(text):
            language, info, body = match.groups()
            if "no-run" in info or any(command in body for command in INSTALLS):
                continue
            line = text.count("\n", 0, match.start()) + 1
            commands, outputs = console(body) if language == "console" else ([body], [""])
            yield Block(f"{path.relative_to(ROOT)}:{line}", tuple(commands), tuple(outputs))


def console(body: str) -> tuple[list[str], list[str]]:
    commands, outputs = list[str](), list[str]()
    goes_on = False
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
            outputs.append("")
        elif goes_on:
            commands[-1] += "\n" + line
        else:
            outputs[-1] += line + "\n"
            continue
        goes_on = line.endswith("\\")
    return commands, outputs


BLOCKS = [*blocks()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with demo_product(tmp_path_factory.mktemp("demo")) as product:
        yield product


@pytest.fixture
def shell(demo: Product, kubeconfig: Path, tmp_path: Path) -> "Shell":
    return Shell(demo.url, kubeconfig, tmp_path)


class Shell:
    """Where a reader would type: in a checkout, with the server of the simulated clusters running."""

    def __init__(self, url: str, kubeconfig: Path, folder: Path) -> None:
        self._host = url.partition("://")[2].rstrip("/")
        self._folder = folder
        for name in ("docs", "config"):
            (folder / name).symlink_to(ROOT / name)
        for name, context in (("a", "prod"), ("b", "staging")):
            config = yaml.safe_load(kubeconfig.read_text())
            config["contexts"][0]["name"] = config["current-context"] = context
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
        assets = os.environ.get("KUBEBUILDER_ASSETS", "")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), assets, os.environ["PATH"]]),
            "K8S_MCP_URL": url,
            "K8S_MCP_PORT": "0",
            "KUBECONFIG": str(kubeconfig),
        }

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        typed = script.replace("localhost:8000", self._host)
        return subprocess.run(
            ["bash", "-c", PREAMBLE + typed],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


def test_there_are_blocks() -> None:
    assert len(BLOCKS) > 20


def missing(script: str) -> str:
    words = {word for word in ("curl", "jq", "kubectl") if re.search(rf"\b{word} ", script)}
    return ", ".join(sorted(word for word in words if not available(word)))


def available(word: str) -> bool:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return bool(shutil.which(word) or (assets and shutil.which(word, path=assets)))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_runs_as_printed(shell: Shell, block: Block) -> None:
    if lacking := missing(block.script):
        pytest.skip(f"no {lacking} on this machine")
    marked = "\n".join(f"{command}\nprintf '\\n--- end\\n'" for command in block.commands)
    done = shell.run(marked)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    answers = done.stdout.split("\n--- end\n")[: len(block.commands)]
    for command, documented, answer in zip(block.commands, block.outputs, answers, strict=True):
        if not documented:
            assert "--data" in command or ">" in command or answer.strip() or done.stderr.strip(), command
            refused = re.search(r'^\{"type":"about:blank".*', answer, re.MULTILINE)
            assert refused is None, refused
        else:
            assert shape(answer or done.stderr) == shape(documented), f"{command}\n{answer}"


def shape(text: str) -> object:
    """What stays the same of an output when ages, names and counts are others."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.startswith("{"):
        return sorted(orjson.loads(re.sub("{…}", "{}", first)))
    words = first.split()
    return words if first.isupper() else len(words) > 0
