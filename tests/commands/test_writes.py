"""Changes from the command line: in which clusters, what is told of each, and the exit status."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from app.simulator.apiserver.faults import Fault
from tests.builders import deployment
from tests.commands.conftest import Clusters
from tests.commands.running import Command

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting, namespace: default}
data: {answer: "on"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: homeless}
"""


def replicas(clusters: Clusters) -> dict[str, int]:
    return {
        name: cluster.storage.collection("deployments.apps")["default", "web"].obj["spec"]["replicas"]
        for name, cluster in clusters.items()
    }


async def test_scale_in_all_clusters(command: Command, clusters: Clusters) -> None:
    done = await command("scale", "deploy/web", "-n", "default", "--replicas=5", "--cluster", "*")

    assert done.status == 0, done.err
    assert sorted(done.out.splitlines()) == ["prod deploy/web scaled", "staging deploy/web scaled"]
    assert replicas(clusters) == {"prod": 5, "staging": 5}


async def test_a_change_needs_to_be_told_where(command: Command, clusters: Clusters) -> None:
    done = await command("scale", "deploy/web", "-n", "default", "--replicas=5")

    assert done.status == 2
    assert (
        done.err == "k8s-mcp: --cluster must say where; accepted is '*' for all, or some of prod, staging\n"
    )
    no_namespace = await command("scale", "deploy/web", "--replicas=5", "--cluster", "prod")
    assert no_namespace.status == 1
    assert "--namespace" in no_namespace.err
    assert replicas(clusters) == {"prod": 2, "staging": 2}


async def test_what_goes_wrong_in_one_cluster_is_status_3(command: Command, clusters: Clusters) -> None:
    clusters["prod"].storage.create(deployment("only-here"))

    done = await command("restart", "deploy", "only-here", "-n", "default", "--cluster", "prod,staging")
    assert done.status == 3
    assert done.out == "prod deployment.apps/only-here restarted\n"
    assert done.err.startswith("k8s-mcp: staging: deploy/only-here: NotFound: ")
    assert done.err.count("\n") == 1

    nowhere = await command("restart", "deploy", "nope", "-n", "default", "--cluster", "prod,staging")
    assert (nowhere.status, nowhere.out, nowhere.err.count("\n")) == (1, "", 2)


async def test_a_dry_run_changes_nothing(command: Command, clusters: Clusters) -> None:
    done = await command(
        "scale", "deploy/web", "-n", "default", "--replicas=5", "--cluster", "prod", "--dry-run"
    )
    assert (done.status, done.out) == (0, "prod deploy/web scaled (server dry run)\n")
    assert replicas(clusters)["prod"] == 2
    client = await command("restart", "deploy/web", "-n", "default", "--cluster", "prod", "--dry-run=client")
    assert (client.status, client.err) == (
        2,
        "k8s-mcp: --dry-run: 'client' is not accepted; accepted is server, or none\n",
    )


async def test_apply_tells_of_each_document_in_each_cluster(command: Command) -> None:
    done = await command("apply", "-f", "-", "--cluster", "*", stdin=MANIFEST)

    assert done.status == 3
    assert sorted(done.out.splitlines()) == [
        "prod configmap/greeting created",
        "staging configmap/greeting created",
    ]
    assert sorted(done.err.splitlines()) == [
        f"k8s-mcp: {cluster}: configmap/homeless: BadRequest: ConfigMap 'homeless' needs a namespace: "
        "metadata.namespace, or --namespace"
        for cluster in ("prod", "staging")
    ]
    again = await command("apply", "-f", "-", "--cluster", "*", "-n", "shop", stdin=MANIFEST)
    assert again.status == 0, again.err
    assert sorted(again.out.splitlines())[:2] == [
        "prod configmap/greeting applied",
        "prod configmap/homeless created",
    ]


async def test_manifests_from_files_and_directories(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    (folder / "deeper").mkdir(parents=True)
    one = '{"apiVersion":"v1","kind":"ConfigMap",\n\t"metadata":{"name":"%s","namespace":"default"}}'
    (folder / "a.json").write_text(one % "a")
    (folder / "b.yaml").write_text("\ufeff" + one.replace("\t", "") % "b")
    (folder / "notes.txt").write_text("not: [a manifest")
    (folder / "deeper" / "c.yml").write_text(one.replace("\t", "") % "c")

    flat = await command("apply", "-f", str(folder), "--cluster=prod")
    assert (flat.status, flat.out.split()[1::3]) == (0, ["configmap/a", "configmap/b"]), flat.err
    deep = await command("apply", "-R", "-f", str(folder), "--cluster=prod", "--dry-run=server")
    assert deep.out.splitlines()[-1] == "prod configmap/c created (server dry run)"

    gone = await command("delete", "-f", str(folder), "--cluster=prod")
    assert (gone.status, sorted(gone.out.split()[1::3])) == (0, ["configmap/a", "configmap/b"]), gone.err
    again = await command("delete", "-f", str(folder), "--cluster=prod")
    assert (again.status, again.out, again.err.count("NotFound")) == (1, "", 2)
    ignored = await command("delete", "-f", str(folder), "--cluster=prod", "--ignore-not-found")
    assert (ignored.status, ignored.out, ignored.err) == (0, "", "")


ODD = """\
\ufeff# a template
base: &base
  labels: {app: odd}
apiVersion: v1
kind: ConfigMap
metadata: {<<: *base, name: merged, namespace: null}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: listed, namespace: default}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: quoting}
data:
  text: |
    ---
    apiVersion: v1
"""


async def test_delete_takes_what_apply_took(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(ODD.replace("base: &base", "metadata2: &base"))
    on = ("-n", "default", "--cluster=prod")

    made = await command("apply", "-f", str(path), *on)
    names = ["configmap/merged", "configmap/listed", "configmap/quoting"]
    assert (made.status, made.out.split()[1::3]) == (0, names), made.err
    gone = await command("delete", "-f", str(path), *on)
    assert (gone.status, sorted(gone.out.split()[1::3])) == (0, sorted(names)), gone.err


async def test_a_file_does_not_change_what_another_says(command: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.json"
    first.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: default}\n"
        "data:\n  text: |+\n    end\n"
    )
    second.write_text(
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"emoji","namespace":"default"},'
        '"data":{"escaped":"\\ud83d\\ude00","raw":"\U0001f600"}}'
    )
    done = await command("apply", "-f", str(first), "-f", str(second), "--cluster=prod")
    assert done.status == 0, done.err
    shown = await command(
        "get", "configmap", "kept", "emoji", "-n", "default", "--cluster=prod", "-o", "json"
    )
    data = {each["metadata"]["name"]: each["data"] for each in json.loads(shown.out)["items"]}
    assert data == {"kept": {"text": "end\n"}, "emoji": {"escaped": "\U0001f600", "raw": "\U0001f600"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "-f manifest.yaml: cannot be read as YAML or JSON"),
        ("", "there is no object in it"),
        ("just words", "not an object"),
    ],
)
async def test_manifests_that_are_none(command: Command, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    done = await command("apply", "-f", str(path), "--cluster", "prod")
    assert done.status == 1
    assert told in done.err.replace(str(path), path.name)
    assert done.err.count("\n") == 1


async def test_a_file_that_is_not_there(command: Command) -> None:
    done = await command("apply", "-f", "/nowhere.yaml", "--cluster", "prod")
    assert (done.status, done.err) == (1, "k8s-mcp: -f /nowhere.yaml: No such file or directory\n")


async def test_delete_by_names_and_by_labels(command: Command, clusters: Clusters) -> None:
    done = await command("delete", "pod", "web-1", "-n", "default", "--cluster", "prod")
    assert (done.status, done.out) == (0, "prod pod/web-1 deleted\n"), done.err

    unsaid = await command("delete", "pods", "-l", "app in (web,db)", "--cluster", "*")
    assert (unsaid.status, unsaid.err.count("say which")) == (2, 1)
    rest = await command("delete", "pods", "-l", "app in (web,db)", "-A", "--cluster", "*")
    assert (rest.status, sorted(rest.out.splitlines())) == (
        0,
        ["prod pod/db-1 deleted", "staging pod/web-1 deleted"],
    )
    none = await command("delete", "pods", "-l", "app=web", "-A", "--cluster", "*")
    assert (none.status, none.err) == (0, "k8s-mcp: No resources found\n")


async def test_a_cluster_that_hangs_keeps_nobody_from_reading_of_the_others(
    command: Command, clusters: Clusters
) -> None:
    clusters["staging"].faults.add(Fault.HANG)
    process = await command.start("restart", "deploy/web", "-n", "default", "--cluster", "*")
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"prod deployment.apps/web restarted\n"
        assert process.returncode is None
    finally:
        process.kill()
        await process.communicate()


async def test_manifests_from_a_url(
    command: Command, aiohttp_server: Callable[..., Awaitable[TestServer]]
) -> None:
    async def manifest(request: web.Request) -> web.Response:
        return web.Response(text=MANIFEST.partition("---")[0])

    application = web.Application()
    application.router.add_get("/m.yaml", manifest)
    elsewhere = await aiohttp_server(application)

    done = await command("apply", "-f", str(elsewhere.make_url("/m.yaml")), "--cluster", "prod")
    assert (done.status, done.out) == (0, "prod configmap/greeting created\n"), done.err
    missing = str(elsewhere.make_url("/nope.yaml"))
    refused = await command("apply", "-f", missing, "--cluster", "prod")
    assert (refused.status, refused.err) == (1, f"k8s-mcp: -f {missing}: Not Found\n")
