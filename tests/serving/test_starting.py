"""What stops the start, in one line, and what read_only covers once it runs."""

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.serving.process import ROOT, started

KUBECONFIG = """
clusters: [{name: down, cluster: {server: "http://127.0.0.1:1"}}]
contexts:
- {name: team/prod, context: {cluster: down}}
- {name: team-prod, context: {cluster: down}}
- {name: staging, context: {cluster: down}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return str(path)


def stopped(*arguments: str, **environment: str) -> str:
    """The one line that the start is stopped with."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("K8S_MCP_READ_ONLY", "team/prod,prdo", ["read_only: 'prdo'", "team/prod"]),
        ("K8S_MCP_CLUSTERS", '{"stagin": {"namespaces": ["a"]}}', ["clusters: 'stagin'", "staging"]),
        ("K8S_MCP_CONTEXT", "stagin", ["context: 'stagin'", "staging"]),
        ("K8S_MCP_TLS_CERT", "/x", ["tls_cert needs tls_key"]),
        ("K8S_MCP_TLS_KEY", "/x", ["tls_key needs tls_cert"]),
        ("K8S_MCP_READONLY", "true", ["K8S_MCP_READ_ONLY"]),
    ],
)
def test_a_wrong_setting_stops_the_start(
    kubeconfig: str, variable: str, value: str, parts: list[str]
) -> None:
    line = stopped("--kubeconfig", kubeconfig, **{variable: value})
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("", "is empty"),
        ("[1, 2]", "is a list"),
        (json.dumps({"kind": "Secret", "apiVersion": "v1"}), "is of kind 'Secret'"),
        ("contexts: null", "has no contexts"),
        ("{", "is no YAML"),
    ],
)
def test_a_file_that_is_no_kubeconfig_stops_the_start(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    line = stopped("--kubeconfig", str(path))
    assert line.startswith("k8s-mcp: kubeconfig: ")
    assert str(path) in line
    assert said in line
    assert "accepted is a kubeconfig with contexts" in line


@pytest.mark.parametrize(
    ("flags", "environment", "closed"),
    [
        ([], {"K8S_MCP_READ_ONLY": "team-prod"}, {"team/prod", "team-prod"}),
        ([], {"K8S_MCP_READ_ONLY": "team/prod"}, {"team/prod"}),
        ([], {"K8S_MCP_READ_ONLY": "True "}, {"team/prod", "team-prod", "staging"}),
        (["--read-only"], {"K8S_MCP_READ_ONLY": "staging"}, {"team/prod", "team-prod", "staging"}),
        ([], {}, set()),
    ],
)
async def test_read_only_refuses_writes_in_all_that_it_may_mean(
    kubeconfig: str, flags: list[str], environment: dict[str, str], closed: set[str]
) -> None:
    with started("serve", "--port", "0", "--kubeconfig", kubeconfig, *flags, **environment) as running:
        url = running.read_until(r"http://\S+")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}clusters") as answer:
                clusters = (await answer.json())["clusters"]
            assert {cluster["context"] for cluster in clusters if cluster["readOnly"]} == closed
            for cluster in clusters:
                where = {"cluster": cluster["name"], "namespace": "default"}
                async with session.delete(f"{url}pods/a", params=where) as answer:
                    assert (answer.status == 403) == (cluster["context"] in closed)
                path = f"clusters/{cluster['name']}/api/v1/namespaces/default/pods/a"
                async with session.delete(f"{url}{path}") as answer:
                    assert (answer.status == 403) == (cluster["context"] in closed)
