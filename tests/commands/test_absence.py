"""What is said of names that are not there, and of lists that are empty."""

import asyncio
from collections.abc import Sequence

import pytest

from app.simulator.apiserver.faults import Fault
from tests.builders import crd
from tests.commands.conftest import Clusters
from tests.commands.running import SECONDS, Command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("get pod web", "pod 'web' not found; deployment 'web' exists"),
        ("get pods web -o wide", "pod 'web' not found; deployment 'web' exists"),
        ("get po web -w", "pod 'web' not found; deployment 'web' exists"),
        ("describe pod/web", "pod 'web' not found; deployment 'web' exists"),
        ("logs web", "pod 'web' not found; deployment 'web' exists"),
        ("get deploy web-1", "deployment 'web-1' not found; pod 'web-1' exists"),
        ("get configmap nope", "configmap 'nope' not found"),
        ("get pod wbe-1", "pod 'wbe-1' not found; did you mean web-1, db-1?"),
        ("get pod web-", "pod 'web-' not found; did you mean web-1?"),
        ("get pod db-1 -n default", "pod 'db-1' not found; pod 'db-1' exists in prod, namespace shop"),
        ("get pod db-1 --cluster staging", "pod 'db-1' not found; pod 'db-1' exists in prod, namespace shop"),
        (
            "get pod web-1 -n shop",
            "pod 'web-1' not found; pod 'web-1' exists in prod, namespace default and 1 more place",
        ),
        ("get pod web-1 -l app=db", "pod 'web-1' is there, but the selector does not match it"),
        ("get pod db-1 -l app=web", "pod 'db-1' is there, but the selector does not match it"),
    ],
)
async def test_a_name_that_is_not_there(command: Command, arguments: str, said: str) -> None:
    done = await command(*arguments.split())
    assert (done.status, done.out, done.err) == (1, "", f"k8s-mcp: {said}\n")


@pytest.mark.parametrize(
    "arguments",
    ["delete pod web", "delete po/web", "restart deploy web-1", "scale deploy/web-1 --replicas=2"],
)
async def test_a_name_that_is_not_there_to_be_changed(command: Command, arguments: str) -> None:
    done = await command(*arguments.split(), "-n", "default", "--cluster", "prod")
    missing, there = ("pod", "web"), ("deployment", "web")
    if "deploy" in arguments:
        missing, there = ("deployment", "web-1"), ("pod", "web-1")
    assert (done.status, done.out) == (1, "")
    assert done.err.endswith(
        f": NotFound: {missing[0]} {missing[1]!r} not found; {there[0]} {there[1]!r} exists\n"
    )
    assert done.err.count("\n") == 1


async def nothing(command: Command, *arguments: str) -> str:
    """What is said on stderr by what finds nothing; a watch is ended once it has said it."""
    process = await command.start(*arguments)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            lines: list[str] = []
            while not any("No resources" in line for line in lines):
                line = (await process.stderr.readline()).decode()
                assert line, lines
                lines.append(line)
        return lines[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


LISTING: Sequence[Sequence[str]] = [
    ("get", "pods"),
    ("get", "pods", "-o", "json"),
    ("get", "pods", "-w"),
    ("describe", "pods"),
    ("delete", "pods", "-A", "--cluster", "*"),
]


@pytest.mark.parametrize("listing", LISTING)
async def test_nothing_matches_the_selector(command: Command, listing: Sequence[str]) -> None:
    said = await nothing(command, *listing, "-l", "app=nope")
    assert said == "k8s-mcp: No resources found. Nothing matches the selector\n"


@pytest.mark.parametrize("listing", LISTING)
async def test_clusters_without_the_resource_are_named(
    command: Command, clusters: Clusters, listing: Sequence[str]
) -> None:
    clusters["prod"].storage.create(crd("gadgets", "Gadget"))
    for _ in range(50):
        if (await command("get", "gadgets")).status == 0:
            break

    words = ["gadgets" if word == "pods" else word for word in listing]
    selector = ["-l", "app=nope"] if "delete" in words else []
    said = await nothing(command, *words, *selector)
    assert said == "k8s-mcp: No resources found. No such resource in cluster staging\n"


@pytest.mark.parametrize("listing", LISTING[:-1])
async def test_clusters_that_cannot_tell_are_named(
    command: Command, clusters: Clusters, listing: Sequence[str]
) -> None:
    for cluster in clusters.values():
        cluster.faults.add(Fault.FORBIDDEN, resource="secrets")
    said = await nothing(command, *[word.replace("pods", "secrets") for word in listing])
    assert said == "k8s-mcp: No resources found. Forbidden in prod, staging\n"
