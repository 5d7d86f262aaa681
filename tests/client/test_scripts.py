"""The client without await, and the functions for scripts: against servers in processes of their own."""

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.client import (
    AsyncFleet,
    Fleet,
    FleetError,
    create_service,
    list_pods,
    list_services,
    load_kube_config,
    script_functions,
)
from bench.testbed.product import Product, demo_product

SERVICE = {"metadata": {"name": "made"}, "spec": {"ports": [{"port": 80}]}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with demo_product(tmp_path_factory.mktemp("demo"), clusters=2) as product:
        yield product


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    """Of a simulated cluster that is a process of its own."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "app", "demo", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert demo.stderr is not None
    assert demo.stdout is not None
    line = demo.stderr.readline().decode()
    yield Path(line.rpartition(" ")[2].strip())
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=20)


def test_it_has_the_methods_of_the_other() -> None:
    public = {name for name in dir(AsyncFleet) if not name.startswith("_")}
    assert public | {"written"} == {name for name in dir(Fleet) if not name.startswith("_")}
    for name in public - {"url", "close"}:
        assert inspect.signature(getattr(Fleet, name)) == inspect.signature(getattr(AsyncFleet, name))
        assert getattr(Fleet, name).__doc__ == getattr(AsyncFleet, name).__doc__


def test_lists_writes_and_logs(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        pods = fleet.list("pods", namespace="payments")
        assert {each.metadata.namespace for each in pods} == {"payments"}
        names = [each.name for each in fleet.clusters()]
        results = fleet.restart("deployments", "ledger", cluster=names, namespace="payments")
        assert [each.cluster for each in results] == names
        pod = pods[0]
        lines = fleet.logs("pods", pod.metadata.name, cluster=pod.cluster, namespace="payments", tail_lines=3)
        assert all(isinstance(line, str) for line in lines)
        with pytest.raises(FleetError, match="nothing"):
            fleet.get("pods", "nothing")


def test_watch_is_an_iterator_and_an_informer_a_mapping(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        events = fleet.watch("services", namespace="payments")
        assert next(events).type == "RESET"
        assert next(events).type == "ADDED"
        happened = threading.Event()
        with fleet.informer("configmaps", handler=lambda event: happened.set()) as known:
            known.synced()
            assert happened.is_set()
            assert set(known.clusters.values()) == {"synced"}
            assert len(known) == len(fleet.list("configmaps"))
            key = next(iter(known))
            assert known[key].metadata.name == key[2]


def test_functions_talk_to_the_server_of_the_environment(
    demo: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_MCP_URL", demo.url)
    try:
        assert {pod.metadata.namespace for pod in list_pods(namespace="payments")} == {"payments"}
        (cluster, *_) = (each["name"] for each in demo.get("/clusters")["clusters"])
        made = create_service(namespace="payments", manifest=SERVICE, cluster=cluster)
        assert made.metadata.name == "made"
        with pytest.raises(FleetError, match="cluster"):
            create_service(namespace="payments", manifest=SERVICE)
    finally:
        script_functions._default.end()


def test_a_server_of_ones_own(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_MCP_URL", "http://127.0.0.1:1")
    load_kube_config(kubeconfig)
    try:
        server = script_functions._default._server
        assert server is not None
        assert len(list_pods()) > 5
        create_service(namespace="default", manifest=SERVICE)
        assert "made" in [service.metadata.name for service in list_services(namespace="default")]
        with Fleet(server.url, "a guess") as stranger, pytest.raises(FleetError, match="token is wrong"):
            stranger.clusters()
    finally:
        script_functions._default.end()
    assert server._process.returncode == 0


def test_a_context_of_a_kubeconfig_may_be_chosen_and_must_exist(kubeconfig: Path) -> None:
    (name,) = (each["name"] for each in yaml.safe_load(kubeconfig.read_text())["contexts"])
    try:
        load_kube_config(str(kubeconfig), context=name)
        assert {pod.cluster for pod in list_pods()} == {name}
        with pytest.raises(FleetError, match="nowhere"):
            load_kube_config(str(kubeconfig), context="nowhere")
    finally:
        script_functions._default.end()


def test_its_server_ends_with_a_process_that_is_killed(kubeconfig: Path) -> None:
    script = (
        "from app.client import load_kube_config, script_functions\n"
        f"load_kube_config({str(kubeconfig)!r})\n"
        "print(script_functions._default._server._process.pid, flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert _runs(pid)
        process.kill()
        deadline = time.monotonic() + 20
        while _runs(pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    except ProcessLookupError:
        return False
    finally:
        os.sched_yield()
