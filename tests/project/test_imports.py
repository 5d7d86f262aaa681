"""That no module needs another to be imported first, or what only the tests install."""

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import app
import bench

MODULES = [
    module.name for module in pkgutil.walk_packages(app.__path__, "app.") if "__main__" not in module.name
]
MEASURING = [module.name for module in pkgutil.walk_packages(bench.__path__, "bench.")]

LIBRARIES = (
    "import aiohttp.web, h11, kubernetes_asyncio, msgspec, orjson, prometheus_client, pydantic_settings, re2,"
    " rich.console, rich.table, typer, yaml, zstandard"
)

# Imports each module in a fork of an interpreter that has loaded the libraries, but nothing of ours.
ALONE = f"""
import importlib, json, os, sys, traceback
{LIBRARIES}
failed = []
for name in json.loads(sys.argv[1]):
    if (child := os.fork()) == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(f"cannot be imported alone: {{failed}}" if failed else 0)
"""


# It takes half a minute of CPU time, which may be much more where others have the cores.
@pytest.mark.timeout(600)
def test_every_module_can_be_imported_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(MODULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", ["cryptography", "hypothesis", "pytest"])
def test_the_command_needs_nothing_that_only_the_tests_install(library: str) -> None:
    script = f"import sys; sys.modules[{library!r}] = None; import app.cli, app.server"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_module_reads_yaml_and_one_writes_it() -> None:
    root = Path(app.__path__[0])
    importing = re.compile(r"^\s*(?:import|from) yaml\b", re.MULTILINE)
    files = {str(file.relative_to(root)) for file in root.rglob("*.py") if importing.search(file.read_text())}
    assert files == {"yaml_reader.py", "yamltext.py"}


def test_measurements_need_no_tests_and_no_pytest() -> None:
    script = (
        "import importlib, sys; sys.modules['tests'] = sys.modules['pytest'] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *MEASURING], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
