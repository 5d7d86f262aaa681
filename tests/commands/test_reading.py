"""``describe``, ``logs`` and ``clusters``, and watching without a terminal."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from bench.testbed.served_fleet import Server, write_config
from tests.builders import running_pod
from tests.commands.conftest import OPTIONS, Clusters
from tests.commands.running import SECONDS, Command


async def test_describe_shows_the_fields_the_conditions_and_the_events(
    command: Command, clusters: Clusters
) -> None:
    storage = clusters["prod"].storage
    found = running_pod("sick", team="a")
    found["metadata"]["annotations"] = {"note": "two\nlines \x1b[31m"}
    found["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "Sick", "message": "not well"}
    ]
    storage.create(found)
    storage.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "sick.1", "namespace": "default"},
            "involvedObject": {"kind": "Pod", "name": "sick", "namespace": "default"},
            "type": "Warning",
            "reason": "BackOff",
            "message": "again and again",
            "source": {"component": "kubelet"},
            "count": 3,
        }
    )
    done = await command("describe", "pod", "sick")

    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[:4] == [
        "name:         sick",
        "cluster:      prod",
        "namespace:    default",
        "kind:         Pod (v1)",
    ]
    assert "labels:       team=a" in lines
    assert "annotations:  note: two\\nlines \\x1b[31m" in lines
    assert lines[lines.index("spec:") + 1 :][:2] == ["  containers:", "  - name: main"]
    table = [line.split() for line in lines[lines.index("conditions:") + 1 :]]
    assert table[:2] == [
        ["TYPE", "STATUS", "AGE", "REASON", "MESSAGE"],
        ["Ready", "False", "Sick", "not", "well"],
    ]
    assert lines[-3:-1] == ["events:", "  TYPE      REASON    AGE   FROM      MESSAGE"]
    assert lines[-1].split() == ["Warning", "BackOff", "kubelet", "again", "and", "again"]


async def test_describe_of_a_name_in_two_clusters_shows_both(command: Command) -> None:
    done = await command("describe", "deploy/web")
    assert [line for line in done.out.splitlines() if line.startswith("cluster:")] == [
        "cluster:      prod",
        "cluster:      staging",
    ]
    assert (await command("describe", "deploy", "nope")).status == 1


async def test_logs_of_one_pod_are_as_they_are(command: Command) -> None:
    done = await command("logs", "db-1", "--tail", "3")
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 3
    assert not done.out.startswith("[")


async def test_logs_of_several_clusters_say_whose_a_line_is(command: Command) -> None:
    done = await command("logs", "pod/web-1", "--tail=2", "--since", "1h")
    assert done.status == 0, done.err
    assert {line.partition("] ")[0] for line in done.out.splitlines()} == {
        "[prod/web-1/main",
        "[staging/web-1/main",
    }


async def test_more_logs_than_are_read_at_once_are_told(
    command: Command, clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.log_endpoints.MOST", 1)
    refused = await command("logs", "pod/web-1")
    assert refused.status == 1
    assert "there are 2 containers" in refused.err
    monkeypatch.undo()
    monkeypatch.setattr("app.podlogs.pod_logs.MOST", 2)
    process = await command.start("logs", "-f", "deploy/web", "--tail", "1")
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        out = await process.stdout.readline() + await process.stdout.readline()
        clusters["prod"].storage.create(running_pod("web-2", app="web"))
        while b"[prod/web-2/main] " not in out:
            out += await process.stdout.readline()
        for cluster in clusters.values():
            for resource in ("deployments.apps", "pods"):
                for stored in [*cluster.storage.collection(resource).values()]:
                    if stored.obj["metadata"]["namespace"] == "default":
                        cluster.storage.remove(stored.obj)
        # With the deployment it ends.
        out += (await process.communicate())[0]
    assert process.returncode == 0
    note = "[prod/web-2/main] (no log yet: 2 are read already; container= or cluster= choose fewer)"
    assert out.decode().splitlines().count(note) == 1


async def test_logs_of_what_is_in_several_namespaces_or_nowhere(command: Command, clusters: Clusters) -> None:
    clusters["prod"].storage.create(running_pod("web-1", "shop"))
    several = await command("logs", "web-1")
    assert several.status == 2
    assert several.err == "k8s-mcp: pods 'web-1' is in the namespaces default, shop; -n chooses one\n"
    nowhere = await command("logs", "nope")
    assert (nowhere.status, nowhere.err) == (1, "k8s-mcp: pod 'nope' not found\n")
    wrong = await command("logs", "web-1", "--since", "yesterday")
    assert (wrong.status, wrong.err.count("--since")) == (2, 1)


async def test_clusters_is_a_table_where_there_is_no_terminal(command: Command) -> None:
    done = await command("clusters")
    rows = [line.split() for line in done.out.splitlines()]
    assert done.status == 0
    assert rows[0] == [
        "CLUSTER",
        "STATE",
        "AGE",
        "VERSION",
        "NODES",
        "PODS",
        "DEPLOYMENTS",
        "OBJECTS",
        "ERROR",
    ]
    assert [row[:2] for row in rows[1:]] == [["prod", "synced"], ["staging", "synced"]]
    only = json.loads((await command("clusters", "-o", "json", "--cluster", "prod")).out)
    assert [each["name"] for each in only["clusters"]] == ["prod"]
    wrong = await command("clusters", "--cluster", "nope")
    assert (wrong.status, wrong.err) == (
        1,
        "k8s-mcp: no cluster 'nope'; there is prod, staging\n",
    )


async def test_a_watch_prints_each_change_and_resumes_by_itself(clusters: Clusters, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config", [(each.name, each.url) for each in clusters.values()])
    server = Server(config, options=OPTIONS)
    await server.start()
    command = Command(server.url)
    try:
        process = await command.start("get", "pods", "-w", "--output-watch-events", "-o", "name")
        assert process.stdout is not None

        async def line() -> str:
            assert process.stdout is not None
            async with asyncio.timeout(SECONDS):
                return (await process.stdout.readline()).decode().rstrip("\n")

        assert sorted([await line() for _ in range(3)]) == [
            "ADDED prod pod/db-1",
            "ADDED prod pod/web-1",
            "ADDED staging pod/web-1",
        ]
        prod = clusters["prod"].storage
        prod.create(running_pod("web-2"))
        assert await line() == "ADDED prod pod/web-2"

        port = server.port
        await server.stop()
        prod.create(running_pod("web-3"))
        prod.remove(prod.collection("pods")["shop", "db-1"].obj)
        server = Server(config, options=OPTIONS)
        await server.start(port)
        assert {await line(), await line()} == {"ADDED prod pod/web-3", "DELETED prod pod/db-1"}

        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert "Traceback" not in err.decode()
    finally:
        await server.stop()


async def test_a_watch_in_columns_begins_with_what_there_is(command: Command, clusters: Clusters) -> None:
    process = await command.start("get", "pods", "-w", "--cluster", "prod")
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        first = [(await process.stdout.readline()).decode() for _ in range(3)]
        clusters["prod"].storage.create(running_pod("web-2"))
        later = (await process.stdout.readline()).decode()
    assert [text.split()[2] for text in (*first, later)] == ["NAME", "web-1", "db-1", "web-2"]
    assert later.index("Running") == first[0].index("STATUS")
    process.kill()
    await process.communicate()
