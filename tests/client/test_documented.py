"""The examples of the documentation run as they stand."""

import os
import re
import subprocess
import sys

import pytest

from bench.testbed.product import ROOT, Product
from tests.client.test_scripts import demo

__all__ = ["demo"]
PAGES = [ROOT / "README.md", ROOT / "docs" / "client.md", ROOT / "docs" / "streams.md"]
EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
]
# What follows changes for ever is ended, and has said something by then.
SECONDS = 5


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(demo: Product, example: str) -> None:
    done = subprocess.run(
        [
            *("timeout", str(SECONDS), sys.executable, "-u", "-c"),
            example.replace("http://127.0.0.1:8000", demo.url.rstrip("/")),
        ],
        env={**os.environ, "K8S_MCP_URL": demo.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 124 if is_endless(example) else 0), done.stderr
    assert done.stdout
    assert not done.stderr


def is_endless(example: str) -> bool:
    return "for ever" in example or "while True" in example
