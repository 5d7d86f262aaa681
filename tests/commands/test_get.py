"""What ``k8s-mcp get`` prints."""

import json

import pytest
import yaml

from tests.commands.conftest import Clusters
from tests.commands.running import Command


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


async def test_pods_of_all_clusters_and_namespaces_are_a_plain_table(command: Command) -> None:
    done = await command("get", "pods")

    assert done.status == 0, done.err
    assert cells(done.out)[0] == ["CLUSTER", "NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[:6] for row in cells(done.out)[1:]] == [
        ["prod", "default", "web-1", "1/1", "Running", "0"],
        ["prod", "shop", "db-1", "1/1", "Running", "0"],
        ["staging", "default", "web-1", "1/1", "Running", "0"],
    ]
    assert "\x1b" not in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("pods -n shop", ["db-1"]),
        ("pods -n=shop,default --cluster prod", ["web-1", "db-1"]),
        ("pods -A -n shop --cluster=staging", ["web-1"]),
        ("po -l app=web", ["web-1", "web-1"]),
        ("pods --field-selector metadata.namespace!=default", ["db-1"]),
        ("pod web-1 db-1 --cluster prod", ["web-1", "db-1"]),
        ("pod/db-1", ["db-1"]),
        ("deploy web --cluster prod --cluster staging", ["web", "web"]),
    ],
)
async def test_forms_of_arguments(command: Command, arguments: str, names: list[str]) -> None:
    done = await command("get", *arguments.split())

    assert done.status == 0, done.err
    assert [row[2] for row in cells(done.out)[1:]] == names


async def test_several_resources_are_several_tables_of_whole_names(command: Command) -> None:
    done = await command("get", "pods,deploy", "-n", "default", "--cluster", "prod")

    tables = done.out.split("\n\n")
    assert [[row[2] for row in cells(table)[1:]] for table in tables] == [
        ["pod/web-1"],
        ["deployment.apps/web"],
    ]


async def test_wide(command: Command) -> None:
    done = await command("get", "pods", "-o", "wide")
    assert cells(done.out)[0][-4:] == ["NOMINATED", "NODE", "READINESS", "GATES"]


async def test_names(command: Command) -> None:
    done = await command("get", "pods,deploy", "-n", "default", "-oname")
    assert done.out.splitlines() == [
        "prod pod/web-1",
        "staging pod/web-1",
        "prod deployment.apps/web",
        "staging deployment.apps/web",
    ]


async def test_json_and_yaml_say_the_same(command: Command) -> None:
    as_json = json.loads((await command("get", "pods", "-o=json")).out)
    as_yaml = yaml.safe_load((await command("get", "pods", "-o", "yaml")).out)

    assert as_json == as_yaml
    assert [(each["cluster"], each["metadata"]["name"]) for each in as_json["items"]] == [
        ("prod", "web-1"),
        ("prod", "db-1"),
        ("staging", "web-1"),
    ]
    assert [each["state"] for each in as_json["clusters"]] == ["synced", "synced"]


async def test_one_object_by_its_name_is_itself(command: Command) -> None:
    alone = json.loads((await command("get", "pod", "db-1", "-o", "json")).out)
    in_two = json.loads((await command("get", "pod", "web-1", "-o", "json")).out)

    assert (alone["kind"], alone["cluster"]) == ("Pod", "prod")
    assert (in_two["kind"], len(in_two["items"])) == ("List", 2)


async def test_nothing_is_no_error_and_a_name_that_is_nowhere_is(command: Command) -> None:
    nothing = await command("get", "pods", "-n", "nowhere")
    assert (nothing.status, nothing.out, nothing.err) == (
        0,
        "",
        "k8s-mcp: No resources found in nowhere namespace.\n",
    )
    as_names = await command("get", "pods", "-n", "nowhere,none", "-o", "yaml")
    assert as_names.err == "k8s-mcp: No resources found in nowhere, none namespaces.\n"

    missing = await command("get", "pod", "web-1", "nope")
    assert missing.status == 1
    assert [row[2] for row in cells(missing.out)[1:]] == ["web-1", "web-1"]
    assert missing.err == "k8s-mcp: pod 'nope' not found\n"


async def test_a_cluster_that_is_not_synced_is_told_on_stderr_and_is_status_3(
    command: Command, clusters: Clusters
) -> None:
    assert (await command("get", "pods")).status == 0
    await clusters["staging"].stop()

    done = await command("get", "pods")
    # What the cluster had when it was last seen is shown, until the watch is known to be broken it is right.
    while done.status == 0:
        done = await command("get", "pods")
    assert done.status == 3
    assert [row[0] for row in cells(done.out)[1:]] == ["prod", "prod", "staging"]
    assert done.err.startswith("k8s-mcp: warning: staging is ")
    assert done.err.count("\n") == 1
    unknown = await command("get", "pod", "nope")
    assert unknown.status == 1
    assert "pod 'nope' not found, but 1 of 2 clusters is not synced" in unknown.err
    elsewhere = await command("get", "pods", "--cluster", "prod")
    assert (elsewhere.status, elsewhere.err) == (0, "")
