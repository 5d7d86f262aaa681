"""What goes wrong is one line that names it, and a status that scripts can use."""

import asyncio
import signal
import sys

import pytest

from tests.commands.conftest import Clusters
from tests.commands.running import ROOT, SECONDS, Command, environment
from tests.connecting.certificates import Authority
from tests.serving.process import started


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("get", "say what: a resource such as pods"),
        ("get pods -o jsonpath={}", "--output: 'jsonpath={}' is not accepted; accepted is table, wide, json"),
        ("get pods deploy/web", "'pods' is not accepted next to TYPE/NAME"),
        ("get pods,svc -w", "--watch is for one resource at a time"),
        ("get pods --output-watch-events", "--output-watch-events is for --watch"),
        ("get pods --namesapce x", "--namesapce"),
        ("describe", "say what"),
        ("logs", "POD | TYPE/NAME"),
        ("logs a b -c d", "two containers are named: 'b', and 'd' with -c"),
        ("logs a -f -p", "what has ended cannot be followed"),
        ("scale deploy/web", "--replicas"),
        ("scale deploy/web --replicas=-1", "--replicas: '-1' is not accepted; accepted is a whole number"),
        ("scale deploy/web --replicas=1e3", "--replicas: '1e3' is not accepted"),
        ("logs a --tail ten", "--tail: 'ten' is not accepted; accepted is a whole number from -1 on"),
        ("delete pods x --grace-period=1s", "--grace-period: '1s' is not accepted"),
        ("scale deploy --replicas=1", "say which of the deploy"),
        ("restart", "say what"),
        ("delete pods", "say which of the pods"),
        ("delete pods x -A", "-A is for -l"),
        ("delete pods x -l a=b -n y", "no name can be given next to it"),
        ("delete pods x -f y", "-f says what to delete"),
        ("delete pods x --cascade=none", "--cascade: 'none' is not accepted"),
        ("apply", "say what: -f FILE"),
        ("apply -f - -f -", "stdin can be read once only"),
        ("clusters -o yaml", "--output: 'yaml' is not accepted"),
    ],
)
async def test_wrong_arguments(arguments: str, told: str) -> None:
    """Nobody is asked for it: there is no server here."""
    done = await Command("http://127.0.0.1:1")(*arguments.split())
    assert (done.status, done.out) == (2, ""), done.err
    assert told in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    ["get pods", "get pods -w", "describe pods", "logs x", "clusters", "restart deploy/x --cluster a -n b"],
)
async def test_a_server_that_is_not_there(arguments: str) -> None:
    done = await Command("http://127.0.0.1:1")(*arguments.split())
    assert (done.status, done.out) == (1, "")
    advice = "Start one with `k8s-mcp serve`, or name one with --server"
    assert done.err == f"k8s-mcp: No server at http://127.0.0.1:1. {advice}\n"
    assert done.err.count("\n") == 1


async def test_the_flag_wins_over_the_environment(command: Command) -> None:
    elsewhere = Command("http://127.0.0.1:1")
    assert (await elsewhere("get", "pods", "--server", command.url)).status == 0


@pytest.mark.parametrize(
    "server", ["nonsense", "localhost:8000", "ftp://localhost", "http://localhost:99999"]
)
async def test_a_server_that_is_no_url(command: Command, server: str) -> None:
    wrong = await command("get", "pods", "--server", server)
    told = f"the server '{server}' is not accepted; accepted is a URL such as http://127.0.0.1:8000"
    assert (wrong.status, wrong.err) == (1, f"k8s-mcp: {told}\n")


async def test_a_server_that_speaks_no_tls(command: Command) -> None:
    wrong = await command("get", "pods", "--server", command.url.replace("http:", "https:"))
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)
    assert f"does not speak TLS; is it {command.url}?" in wrong.err


async def test_a_server_whose_certificate_nobody_knows() -> None:
    server = await asyncio.start_server(print, "127.0.0.1", 0, ssl=Authority().server("127.0.0.1"))
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wrong = await Command(url)("get", "pods")
    server.close()
    assert wrong.status == 1
    assert wrong.err.startswith(f"k8s-mcp: the certificate of {url} is not trusted: ")
    assert wrong.err.count("\n") == 1


async def test_what_the_server_refuses(command: Command) -> None:
    done = await command("get", "podz")
    assert (done.status, done.err) == (
        1,
        "k8s-mcp: no cluster has a resource 'podz'; near to it are pods\n",
    )
    watched = await command("get", "podz", "-w")
    assert (watched.status, watched.err) == (done.status, done.err)
    selector = await command("get", "pods", "-l", "a in")
    assert (selector.status, selector.err.count("\n")) == (1, 1)
    cluster = await command("get", "pods", "--cluster", "nope")
    assert (cluster.status, "'nope'" in cluster.err) == (1, True)


async def test_a_token_that_is_missing_or_wrong() -> None:
    with started("serve", "--demo", "1", "--port", "0", "--token", "secret") as server:
        found = await asyncio.to_thread(server.read_until, r"http://127\.0\.0\.1:\d+")
        command = Command(found)
        none = await command("get", "pods")
        assert (none.status, none.err) == (1, "k8s-mcp: a token is needed: --token, or K8S_MCP_TOKEN\n")
        wrong = await command("get", "pods", "--token", "guess")
        assert (wrong.status, wrong.err) == (1, "k8s-mcp: the token is wrong\n")
        assert (await command("get", "nodes", env={"K8S_MCP_TOKEN": "secret"})).status == 0


async def test_a_full_disk_is_one_line(command: Command) -> None:
    shell = f"{sys.executable} -m app get pods > /dev/full"
    process = await asyncio.create_subprocess_shell(
        shell, cwd=ROOT, env=environment(command.url), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"k8s-mcp: stdout: No space left on device\n")


@pytest.mark.parametrize("arguments", ["get pods -o yaml", "logs -f web-1", "get pods -w"])
async def test_a_closed_pipe_ends_it_quietly(command: Command, clusters: Clusters, arguments: str) -> None:
    process = await command.start(*arguments.split())
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    # What is followed learns of it with the next line.
    for number in range(1000):
        if process.returncode is not None:
            break
        clusters["prod"].storage.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}", "namespace": "default"}}
        )
        await asyncio.sleep(0.05)
    async with asyncio.timeout(SECONDS):
        status = await process.wait()
        err = (await process.stderr.read()).decode()
    assert err == ""
    assert status in (0, 141)


async def test_ctrl_c_ends_it_quietly(command: Command) -> None:
    process = await command.start("logs", "-f", "web-1")
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("get dep", "deployments"),
        ("get pods we", "web-1"),
        ("get pod/d", "pod/db-1"),
        ("get pods --cluster st", "staging"),
        ("get pods -n sh", "shop"),
        ("get pods,dep", "pods,deployments"),
    ],
)
async def test_completion_knows_what_the_server_knows(command: Command, line: str, words: str) -> None:
    asked = {"_K8S_MCP_COMPLETE": "complete_bash", "COMP_WORDS": f"k8s-mcp {line}"}
    asked["COMP_CWORD"] = str(len(line.split()))
    done = await command(env=asked)
    assert done.out.split() == [words], done.err
    away = await Command("http://127.0.0.1:1")(env=asked)
    assert (away.out.strip(), away.err) == ("", "")
