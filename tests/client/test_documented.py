"""The examples of the documentation run as they stand."""

import os
import re
import subprocess
import sys

import pytest

from tests.client.test_scripts import demo
from tests.kubernetes.product import ROOT, Product

__all__ = ["demo"]
PAGE = (ROOT / "docs" / "client.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(demo: Product, example: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example],
        env={**os.environ, "K8S_MCP_URL": demo.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr
