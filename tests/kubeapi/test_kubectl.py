"""kubectl through this server prints what it prints against the API server itself, and ends alike."""

import http.server
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.testbed.control_plane import WHOLE, ControlPlane
from bench.testbed.product import Product, until
from tests.kubernetes.binaries import assets

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

PAGE = b"a page of a pod\n"
LOGS = [f"2026-01-31T10:00:{number:02d}.000000000Z stdout F line {number}" for number in range(20)]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1.27"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
"""
# What differs between two namespaces, and from one second to the next.
MASKS = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID"),
    (r"\bweb-[4-9bcdf]{6,10}-[a-z0-9]{5}\b", "POD"),
    # A restart is in the template with its time, which differs.
    (r"\bweb-[4-9bcdf]{6,10}\b", "REPLICASET"),
    (r"(pod-template-hash\W+)[4-9bcdf]+", r"\1HASH"),
    (r"\b(direct|through)\b", "NS"),
    (r"(resourceVersion\W+)\d+", r"\1VERSION"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b(\d+[smhd])+\b(\s+\(x\d+ over \w+\))?|<invalid>", "AGE"),
    (r"(LIVE|MERGED)-\d+", r"\1"),
    (r"node-[01]\b", "NODE"),
    (r"[ \t]+", " "),
]


def masked(text: str) -> list[str]:
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return sorted(text.splitlines())


class Pair:
    """kubectl against the API server, in namespace ``direct``, and through the product, in ``through``."""

    def __init__(self, folder: Path, plane: ControlPlane, product: Product) -> None:
        self.plane = plane
        self.product = product
        self.folder = folder
        through = folder / "through.kubeconfig"
        with urllib.request.urlopen(f"{product.url}/clusters/plane/kubeconfig") as answer:
            through.write_bytes(answer.read())
        self._kubeconfigs = {"direct": plane.kubeconfig(folder / "direct.kubeconfig"), "through": through}

    def command(self, side: str, *arguments: str, namespace: str | None = None) -> list[str]:
        return [
            str(self.plane.binaries / "kubectl"),
            f"--kubeconfig={self._kubeconfigs[side]}",
            f"--cache-dir={self.folder / side}",
            f"--namespace={namespace or side}",
            *arguments,
        ]

    def run(
        self, side: str, *arguments: str, stdin: str = "", namespace: str | None = None, **environment: str
    ) -> tuple[int, str, str]:
        done = subprocess.run(
            self.command(side, *arguments, namespace=namespace),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
            cwd=self.folder,
        )
        return done.returncode, done.stdout, done.stderr

    def reads(self, *arguments: str, namespace: str = "through", fails: bool = False) -> str:
        """The same objects, read in both ways."""
        direct = self.run("direct", *arguments, namespace=namespace)
        through = self.run("through", *arguments, namespace=namespace)
        return self._same(arguments, direct, through, fails=fails)

    def does(self, *arguments: str, stdin: str = "", fails: bool = False, **environment: str) -> str:
        """The same done in two namespaces, in two ways."""
        direct = self.run("direct", *arguments, stdin=stdin, **environment)
        through = self.run("through", *arguments, stdin=stdin, **environment)
        return self._same(arguments, direct, through, fails=fails)

    def _same(
        self,
        arguments: tuple[str, ...],
        direct: tuple[int, str, str],
        through: tuple[int, str, str],
        *,
        fails: bool,
    ) -> str:
        assert bool(direct[0]) is fails, (arguments, direct)
        assert through[0] == direct[0], (arguments, through, direct)
        assert masked(through[1]) == masked(direct[1]), arguments
        assert masked(through[2]) == masked(direct[2]), arguments
        return through[1]

    def rolls_out(self) -> None:
        """How far it has come is told in more or fewer lines; how it ends, in the last."""
        for side in ("direct", "through"):
            status, printed, _ = self.run(side, "rollout", "status", "deployment/web", "--timeout=60s")
            assert (status, printed.splitlines()[-1]) == (0, 'deployment "web" successfully rolled out')

    def pod(self, side: str) -> str:
        _, names, _ = self.run(side, "get", "pods", "-l", "app=web", "-o", "name")
        return names.split()[0].removeprefix("pod/")

    @contextmanager
    def running(self, side: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A command that does not end by itself."""
        with subprocess.Popen(
            self.command(side, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        ) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def page() -> Iterator[int]:
    """The port of what all pods serve."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def pair(page: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("kubectl")
    with ControlPlane(assets(*WHOLE), nodes=2, forwarded=page) as plane:
        kubeconfig = plane.kubeconfig(folder / "kubeconfig")
        with Product(folder, "--kubeconfig", str(kubeconfig)) as product:
            until(lambda: product.state("plane") == "synced", seconds=60)
            plane.container_log.write_text("".join(f"{line}\n" for line in LOGS))
            pair = Pair(folder, plane, product)
            for namespace in ("direct", "through"):
                plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
            pair.does("apply", "-f", "-", stdin=DEPLOYMENT)
            pair.rolls_out()
            settled(pair)
            yield pair


def settled(pair: Pair) -> None:
    """Until nothing moves any more."""

    def still() -> bool:
        before = pair.run("direct", "get", "pods,events,replicasets", "-A", "-o", "name")
        time.sleep(0.5)
        return pair.run("direct", "get", "pods,events,replicasets", "-A", "-o", "name") == before

    until(still, seconds=60)


@pytest.mark.parametrize(
    "arguments",
    [
        "get pods",
        "get pods -o wide",
        "get pods -o name",
        "get pods -o yaml",
        "get pods -o json",
        "get pods -A",
        "get pods -A --chunk-size=1",
        "get pods -l app=web --show-labels",
        "get pods -l app=nothing",
        "get pods -A --field-selector spec.nodeName=node-0",
        "get pods -A --field-selector status.phase!=Running",
        "get pods --sort-by=.metadata.name -o custom-columns=NAME:.metadata.name,ON:.spec.nodeName",
        "get pods -o jsonpath={.items[*].status.phase}",
        "get pods --no-headers",
        "get pods --watch --request-timeout=2s",
        "get deployments,replicasets,configmaps,services",
        "get deployment web -o yaml --show-managed-fields",
        "get deployment web -o wide",
        "get deployment nothing",
        "get events -A",
        "get nodes -o wide",
        "get namespaces",
        "get --raw /apis/apps/v1/namespaces/through/deployments/web",
        "get --raw /version",
        "get nonsense",
        "describe deployment web",
        "describe pods",
        "describe node node-0",
        "api-resources",
        "api-versions",
        "explain deployment.spec.strategy",
        "auth can-i list pods",
        "auth can-i --list",
        "auth whoami",
        "rollout history deployment/web",
        "rollout status deployment/web",
        "logs deployment/web --tail=3 --all-containers",
        "wait --for=condition=Available deployment/web --timeout=20s",
        "wait --for=condition=Nothing deployment/web --timeout=1s",
        "diff -f deployment.yaml",
        "cluster-info dump --output-directory=/dev/null/x",
    ],
)
def test_reading(pair: Pair, arguments: str) -> None:
    (pair.folder / "deployment.yaml").write_text(DEPLOYMENT.replace("replicas: 2", "replicas: 3"))
    direct = pair.run("direct", *arguments.split(), namespace="through")
    pair.reads(*arguments.split(), fails=bool(direct[0]))


def test_changing(pair: Pair) -> None:
    does = pair.does
    assert "configmap/settings unchanged" in does("apply", "-f", "-", stdin=DEPLOYMENT)
    changed = DEPLOYMENT.replace("hello", "good day")
    assert "configmap/settings configured" in does("apply", "-f", "-", stdin=changed)
    does("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    does(*other, stdin=changed, fails=True)
    does(*other, "--force-conflicts", stdin=changed)
    does("apply", "--dry-run=server", "-f", "-", stdin=changed)
    does("create", "configmap", "made", "--from-literal=a=b")
    does("create", "configmap", "made", "--from-literal=a=b", fails=True)
    does("create", "-f", "-", stdin="kind: Nonsense\napiVersion: v1\nmetadata: {name: x}", fails=True)
    does("get", "configmap", "made", "-o", "yaml")
    does("edit", "configmap", "made", KUBE_EDITOR="sed -i /^data/,/^kind/s/b$/c/")
    does("patch", "configmap", "made", "--type=merge", "-p", '{"data":{"d":"e"}}')
    does("patch", "configmap", "made", "--type=json", "-p", '[{"op":"remove","path":"/data/d"}]')
    does("patch", "deployment", "web", "-p", '{"spec":{"template":{"metadata":{"annotations":{"x":"y"}}}}}')
    assert "a: c" in does("get", "configmap", "made", "-o", "yaml")
    does("label", "configmap", "made", "color=red")
    does("label", "configmap", "made", "color=blue", fails=True)
    does("label", "configmap", "made", "color=blue", "--overwrite")
    assert "made" in does("get", "configmaps", "-l", "color=blue")
    does("annotate", "configmap", "made", "note=x")
    does("scale", "deployment/web", "--replicas=3")
    pair.rolls_out()
    does("wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/web", "--timeout=60s")
    does("rollout", "restart", "deployment/web")
    pair.rolls_out()
    does("set", "image", "deployment/web", "main=nginx:1.28")
    pair.rolls_out()
    does("rollout", "history", "deployment/web")
    does("rollout", "undo", "deployment/web")
    pair.rolls_out()
    assert "nginx:1.27" in does("get", "deployment", "web", "-o", "wide")
    does("delete", "configmap", "made")
    does("get", "configmap", "made", fails=True)
    assert "made" not in does("get", "configmaps")
    does("delete", "configmap", "made", fails=True)
    does("delete", "configmap", "made", "--ignore-not-found")
    does("auth", "can-i", "delete", "pods", "--as=alice", fails=True)
    does("get", "pods", "--as=alice", fails=True)


def test_watching(pair: Pair) -> None:
    seen: dict[str, list[str]] = {}
    for side in ("direct", "through"):
        watch = (
            "get",
            "configmaps",
            "--watch",
            "--output-watch-events",
            "--field-selector=metadata.name=seen",
        )
        with pair.running(side, *watch) as process:
            assert process.stdout is not None
            time.sleep(1)
            pair.run(side, "create", "configmap", "seen", "--from-literal=a=b")
            pair.run(side, "label", "configmap", "seen", "a=b")
            pair.run(side, "delete", "configmap", "seen")
            seen[side] = [process.stdout.readline() for _ in range(4)]
    assert [line.split()[0] for line in seen["through"]] == ["EVENT", "ADDED", "MODIFIED", "DELETED"]
    assert masked("".join(seen["through"])) == masked("".join(seen["direct"]))


# WebSockets are what kubectl uses today, SPDY what it used for years.
PROTOCOLS = pytest.mark.parametrize("websockets", ["true", "false"])


@contextmanager
def saying(log: Path, text: str) -> Iterator[None]:
    """Have the containers say this again and again."""
    ended = threading.Event()

    def say() -> None:
        while not ended.wait(0.1):
            with log.open("a") as file:
                file.write(f"2026-01-31T10:01:00.000000000Z stdout F {text}\n")

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@PROTOCOLS
def test_running_commands(pair: Pair, websockets: str) -> None:
    how = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": websockets}
    (pair.plane.folder / "greeting").write_text("hello from a pod\n" * 10_000)
    for arguments, stdin, status in (
        # Over SPDY kubectl itself may lose what a command says that ends at once, with input left over.
        (("-i", "{}", "--", "sh", "-c", "head -1; sleep 0.5"), "hello\nyou\n", 0),
        (("{}", "--", "sh", "-c", "echo out; echo err >&2"), "", 0),
        (("{}", "--", "sh", "-c", "exit 7"), "", 1),
        (("{}", "--", "cat", "greeting"), "", 0),
        (("{}", "-c", "nothing", "--", "true"), "", 1),
        (("nothing", "--", "true"), "", 1),
    ):
        told = [
            pair.run(side, "exec", *(part.format(pair.pod(side)) for part in arguments), stdin=stdin, **how)
            for side in ("direct", "through")
        ]
        assert [code for code, _, _ in told] == [status, status], told
        assert masked(told[0][1]) == masked(told[1][1])
        assert masked(told[0][2]) == masked(told[1][2])
    for side in ("direct", "through"):
        assert pair.run(side, "cp", f"{pair.pod(side)}:greeting", f"copied-{side}", **how)[0] == 0
        assert (pair.folder / f"copied-{side}").read_text() == "hello from a pod\n" * 10_000
    for side in ("direct", "through"):
        with pair.running(side, "attach", pair.pod(side), **how) as process:
            assert process.stdout is not None
            with saying(pair.plane.container_log, f"here, {side}"):
                while process.stdout.readline() != f"here, {side}\n":
                    pass


def test_following_logs(pair: Pair) -> None:
    for side in ("direct", "through"):
        with pair.running(side, "logs", "--follow", "--tail=1", pair.pod(side)) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            with pair.plane.container_log.open("a") as log:
                log.write(f"2026-01-31T10:01:00.000000000Z stdout F late, {side}\n")
            assert first
            assert process.stdout.readline() == f"late, {side}\n"


@PROTOCOLS
def test_forwarding_ports(pair: Pair, websockets: str) -> None:
    how = {"KUBECTL_PORT_FORWARD_WEBSOCKETS": websockets}
    for side in ("direct", "through"):
        with pair.running(side, "port-forward", pair.pod(side), ":80", **how) as process:
            assert process.stdout is not None
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> 80", process.stdout.readline())
            assert found
            for _ in range(3):
                with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=20) as answer:
                    assert answer.read() == PAGE


def test_what_was_read_can_still_be_read_when_the_server_is_gone(pair: Pair) -> None:
    commands: list[Callable[[], tuple[int, str, str]]] = [
        lambda: pair.run("through", "get", "pods", "-A"),
        lambda: pair.run("through", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"),
        lambda: pair.run("through", "get", "pods", "-l", "app=web", "-o", "name"),
    ]
    before = [run() for run in commands]
    pair.plane.kill_apiserver()
    try:
        until(lambda: pair.product.state("plane") == "unreachable", seconds=60)
        for run, (status, printed, _) in zip(commands, before, strict=True):
            after = run()
            assert (after[0], masked(after[1])) == (status, masked(printed))
            assert re.search(r"Warning: stale \d+s", after[2])
        status, _, told = pair.run("through", "delete", "pod", "nothing")
        assert status == 1
        assert "cluster 'plane'" in told
    finally:
        pair.plane.start_apiserver()
