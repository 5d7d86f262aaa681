"""What a client is put through that it was not made for works, or is a clear error; nothing hangs."""

import asyncio
import gc
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.client import AsyncFleet, Event, Fleet
from bench.testbed.product import ROOT, Product
from tests.client.test_scripts import demo, kubeconfig

__all__ = ["demo", "kubeconfig"]


def in_a_fork(work: Callable[[], object]) -> str:
    """What a forked process gets from ``work``, or raises there."""
    reader, writer = multiprocessing.Pipe()

    def child() -> None:
        try:
            writer.send(str(work()))
        except Exception as error:
            writer.send(f"{type(error).__name__}: {error}")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    try:
        assert reader.poll(20), "the forked process hangs"
        return str(reader.recv())
    finally:
        process.kill()
        process.join()


def outputs_of(script: str) -> tuple[str, str]:
    """What a program writes to stdout and to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout, done.stderr


def test_it_works_on_both_sides_of_a_fork(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        names = [cluster.name for cluster in fleet.clusters()]
        assert in_a_fork(lambda: [cluster.name for cluster in fleet.clusters()]) == str(names)
        assert [cluster.name for cluster in fleet.clusters()] == names


def test_the_end_of_a_forked_process_leaves_the_connections_of_its_parent_alone(demo: Product) -> None:
    script = (
        "import os, sys\n"
        "from app.client import Fleet\n"
        f"fleet = Fleet({demo.url!r})\n"
        "events = fleet.watch('configmaps')\n"
        "next(events)\n"
        "fleet.clusters()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    sys.exit()\n"  # with all finalizers
        "os.waitpid(pid, 0)\n"
        "fleet.clusters()\n"
        "assert next(event for event in events if event.type == 'SYNCED')\n"
        "fleet.close()\n"
        "print('well')\n"
    )
    assert outputs_of(script) == ("well\n", "")


def test_an_iterator_from_before_a_fork_says_so(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        events = fleet.watch("services")
        next(events)
        assert "RuntimeError: this was begun before the process forked" in in_a_fork(lambda: next(events))
        assert next(events).type == "ADDED"


def test_a_server_of_ones_own_serves_both_sides_of_a_fork_and_ends_with_the_parent(kubeconfig: Path) -> None:
    script = (
        "import os, sys\n"
        "from app.client import list_pods, load_kube_config\n"
        f"load_kube_config({str(kubeconfig)!r})\n"
        "count = len(list_pods())\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    assert len(list_pods()) == count\n"
        "    sys.exit()\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "print(len(list_pods()) == count)\n"
    )
    assert outputs_of(script) == ("True\n", "")


def test_a_handler_may_use_the_client(demo: Product) -> None:
    pods: list[int] = []
    done = threading.Event()

    def handle(event: Event) -> None:
        pods.append(len(fleet.list("pods", namespace="payments")))
        if event.type == "SYNCED":
            done.set()

    with Fleet(demo.url) as fleet:
        with fleet.informer("services", namespace="payments", handler=handle) as known:
            assert done.wait(20)
            known.synced()
            events = len(pods)
        assert events > 2
        assert set(pods) == {len(fleet.list("pods", namespace="payments"))}


def test_a_handler_that_waits_for_itself_is_told(demo: Product) -> None:
    ready = threading.Event()

    def handle(_event: Event) -> None:
        ready.wait(20)
        known.synced()

    with Fleet(demo.url) as fleet:
        informer = fleet.informer("services", handler=handle)
        known = informer.__enter__()
        ready.set()
        with pytest.raises(RuntimeError, match="handler cannot wait for synced"):
            known.synced()
        with pytest.raises(RuntimeError, match="handler cannot wait for synced"):
            informer.__exit__(None, None, None)


async def test_a_handler_may_be_a_coroutine_function(demo: Product) -> None:
    types: list[str] = []

    async def handle(event: Event) -> None:
        await fleet.clusters()
        types.append(event.type)

    async with AsyncFleet(demo.url) as fleet, fleet.informer("services", handler=handle) as known:
        await known.synced()
        await fleet.clusters()
    assert types[0] == "RESET"
    assert types.count("ADDED") > 2


async def test_a_coroutine_that_waits_for_itself_is_told(demo: Product) -> None:
    async def handle(_event: Event) -> None:
        await known.synced()

    async with AsyncFleet(demo.url) as fleet:
        known = await fleet.informer("services", handler=handle).__aenter__()
        with pytest.raises(RuntimeError, match="handler cannot wait for synced"):
            await known.synced()


def test_a_coroutine_function_is_no_handler_where_nobody_awaits(demo: Product) -> None:
    async def handle(_event: Event) -> None: ...

    with Fleet(demo.url) as fleet:
        informer = fleet.informer("services", handler=handle)
        known = informer.__enter__()
        with pytest.raises(TypeError, match="coroutine functions are for AsyncFleet"):
            known.synced()
        with pytest.raises(TypeError, match="coroutine functions are for AsyncFleet"):
            informer.__exit__(None, None, None)


def test_use_after_close_says_so(demo: Product) -> None:
    fleet = Fleet(demo.url)
    events = fleet.watch("services")
    next(events)
    fleet.close()
    fleet.close()
    for use in (fleet.clusters, lambda: next(events), lambda: next(fleet.watch("pods"))):
        with pytest.raises(RuntimeError, match="this client is closed; make another one"):
            use()


def test_an_informer_may_be_left_after_close(demo: Product) -> None:
    with Fleet(demo.url) as fleet, fleet.informer("services") as known:
        known.synced()
        fleet.close()
        assert len(known)


async def test_use_after_close_with_await_says_so(demo: Product) -> None:
    fleet = AsyncFleet(demo.url)
    await fleet.clusters()
    await fleet.close()
    await fleet.close()
    with pytest.raises(RuntimeError, match="this client is closed; make another one"):
        await fleet.clusters()


def test_a_second_event_loop_is_told(demo: Product) -> None:
    async def use(method: Callable[[], Awaitable[object]]) -> None:
        await method()

    fleet = AsyncFleet(demo.url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(fleet.clusters())
    for method in (fleet.clusters, fleet.close):
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            asyncio.run(use(method))
    loop.run_until_complete(fleet.close())
    loop.close()


def test_an_iterator_collected_in_the_thread_of_the_client_does_not_stop_it(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        events = fleet.watch("services")
        next(events)
        cycle: list[object] = [events]
        cycle.append(cycle)
        del events, cycle

        async def collect() -> int:
            return gc.collect()

        gc.disable()
        try:
            fleet._running().run(collect())
        finally:
            gc.enable()
        assert len(fleet.clusters()) == 2


def test_threads_may_begin_to_use_it_at_once(demo: Product) -> None:
    for _ in range(5):
        with Fleet(demo.url) as fleet, ThreadPoolExecutor(8) as threads:
            assert {len(each.result()) for each in [threads.submit(fleet.clusters) for _ in range(8)]} == {2}


def test_a_close_ends_what_other_threads_wait_for(demo: Product) -> None:
    fleet = Fleet(demo.url)

    def follow() -> None:
        try:
            for _event in fleet.watch("services"):
                pass
        except RuntimeError as error:
            told.append(str(error))

    told: list[str] = []
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    fleet.clusters()
    fleet.close()
    thread.join(20)
    assert told == ["this client is closed; make another one"]


def test_a_program_ends_whatever_it_left_open(demo: Product) -> None:
    script = (
        "from app.client import Fleet\n"
        f"fleet = Fleet({demo.url!r})\n"
        "events = fleet.watch('services')\n"
        "next(events)\n"
        "informer = fleet.informer('services', handler=print)\n"
        "informer.__enter__().synced()\n"
    )
    _, errors = outputs_of(script)
    assert errors == ""


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt()])
def test_a_handler_that_wants_to_end_the_program_is_told(demo: Product, ending: BaseException) -> None:
    def leave(event: Event) -> None:
        raise ending

    with Fleet(demo.url) as fleet:
        informer = fleet.informer("services", handler=leave)
        known = informer.__enter__()
        with pytest.raises(RuntimeError, match=r"the handler ended with (SystemExit|KeyboardInterrupt)"):
            known.synced()
        with pytest.raises(RuntimeError, match="the handler ended with"):
            informer.__exit__(None, None, None)
        assert len(fleet.clusters()) == 2


def test_an_informer_that_has_ended_says_so(demo: Product) -> None:
    with Fleet(demo.url) as fleet:
        with fleet.informer("services") as known:
            known.synced()
        with pytest.raises(RuntimeError, match="this informer has ended"):
            known.synced()
        assert len(known)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_leads_nowhere_else(demo: Product, name: str) -> None:
    with Fleet(demo.url) as fleet:
        with pytest.raises(ValueError, match="is no resource and no name"):
            fleet.get("services", name)
        with pytest.raises(ValueError, match="is no resource and no name"):
            fleet.delete(name, "x", cluster="*")
