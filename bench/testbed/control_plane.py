"""Real Kubernetes control planes, from a folder with the binaries.

with ControlPlane(folder) as plane:
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": "x"}})

with ControlPlane(folder, nodes=3) as plane:      # deployments become running pods
    plane.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=5")
"""

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.testbed.processes import Processes, free_port

BASIC = ("kube-apiserver", "etcd")
WHOLE = (*BASIC, "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")

# What kwok answers for its kubelets: logs and attach are a file, exec runs here, all ports are one here.
_STREAMS = """
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {{name: any}}
spec: {{logs: [{{logsFile: "{logs}", follow: true}}]}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterAttach
metadata: {{name: any}}
spec: {{attaches: [{{logsFile: "{logs}"}}]}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterExec
metadata: {{name: any}}
spec: {{execs: [{{local: {{workDir: "{folder}"}}}}]}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterPortForward
metadata: {{name: any}}
spec: {{forwards: [{{target: {{address: 127.0.0.1, port: {port}}}}}]}}
"""

# User and groups; each has the token "token-of-USER". RBAC grants nothing to the other two.
USERS: Mapping[str, str] = {"admin": "system:masters", "alice": "testers", "bob": "testers"}


class PlaneError(Exception):
    """A part of a control plane did not start; the end of its log is in the message."""


class Refused(Exception):
    """kube-apiserver answered with an error."""

    def __init__(self, status: int, answer: str) -> None:
        super().__init__(f"{status}: {answer}")
        self.status = status


class ControlPlane:
    """One Kubernetes control plane on 127.0.0.1, in a temporary folder of its own.

    With ``nodes`` it is a whole one: controller-manager, scheduler, and kwok with that many nodes. With
    None it is kube-apiserver and etcd alone. ``flags`` are further flags of kube-apiserver. Where
    ``forwarded`` is a port of 127.0.0.1, port-forward leads there, exec runs programs of this machine in
    ``folder``, and logs and attach show what is in ``container_log``.
    """

    def __init__(
        self,
        binaries: Path,
        *,
        nodes: int | None = None,
        flags: Sequence[str] = (),
        forwarded: int | None = None,
    ) -> None:
        self.binaries = binaries
        self.nodes = nodes
        self._flags = tuple(flags)
        self._forwarded = forwarded
        self._port = free_port()
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._folder: Path | None = None
        self._processes: Processes | None = None
        self._ssl: ssl.SSLContext | None = None

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise PlaneError("the control plane has not been started")
        return self._folder

    @property
    def container_log(self) -> Path:
        """What all containers say: lines as the CRI has them, ``TIME stdout F text``."""
        return self.folder / "container.log"

    @property
    def processes(self) -> Processes:
        if self._processes is None:
            raise PlaneError("the control plane has not been started")
        return self._processes

    @property
    def etcd_url(self) -> str:
        return f"http://127.0.0.1:{self._etcd_port}"

    @property
    def token(self) -> str:
        return self.token_of("admin")

    @staticmethod
    def token_of(user: str) -> str:
        return f"token-of-{user}"

    @property
    def ca_file(self) -> Path:
        """Certificates that vouch for kube-apiserver's, which it makes for itself."""
        return self.folder / "certs" / "apiserver.crt"

    @property
    def ca_data(self) -> str:
        """The same in base64, as kubeconfigs carry it."""
        return base64.b64encode(self.ca_file.read_bytes()).decode()

    @property
    def ssl_context(self) -> ssl.SSLContext:
        if self._ssl is None:
            self._ssl = ssl.create_default_context(cafile=str(self.ca_file))
        return self._ssl

    def pid(self, name: str = "kube-apiserver") -> int:
        return self.processes.pid(name)

    # -- asking it -----------------------------------------------------------------------------------

    def kubeconfig(self, path: Path, *, user: str = "admin", context: str = "plane") -> Path:
        """Write a kubeconfig whose one context is this plane; returns ``path``."""
        write_kubeconfig(path, {context: self}, user=user)
        return path

    def kubectl(
        self, *arguments: str, stdin: str | None = None, user: str = "admin", timeout: float = 60
    ) -> str:
        """Run kubectl as ``user``; returns what it printed. A failure raises with its stderr."""
        command = [str(self.binaries / "kubectl"), f"--kubeconfig={self._kubeconfig_of(user)}", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise PlaneError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str = "admin",
        content_type: str = "application/json",
        timeout: float = 20,
    ) -> Any:
        """One request to kube-apiserver; returns the decoded answer, raises Refused or URLError."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token_of(user)}", "Content-Type": content_type},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.ssl_context) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")) from None
        return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()

    # -- its life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all of it; returns when it is ready and its nodes are."""
        self._folder = Path(tempfile.mkdtemp(prefix="plane-"))
        self._processes = Processes(self._folder)
        try:
            self._write_secrets()
            self._start_etcd()
            self.start_apiserver()
            self._start_controllers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process and remove the folder."""
        self.processes.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill_apiserver(self) -> None:
        """``kill -9``; returns when it is gone."""
        self.processes.kill("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start kube-apiserver, again on the same port; returns when it is ready."""
        self.processes.start(
            "kube-apiserver",
            [
                self.binaries / "kube-apiserver",
                f"--etcd-servers={self.etcd_url}",
                f"--cert-dir={self.folder / 'certs'}",
                f"--secure-port={self._port}",
                "--bind-address=127.0.0.1",
                # Else it looks for the address of a default route, which an isolated machine has not.
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                f"--service-account-key-file={self.folder / 'sa.key'}",
                f"--service-account-signing-key-file={self.folder / 'sa.key'}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
                "--allow-privileged=true",
                *self._flags,
            ],
        )
        self._wait_for("kube-apiserver", "/readyz to say ok", self._is_ready)

    def wipe_etcd(self) -> None:
        """Stop kube-apiserver and etcd, empty etcd, and start both: versions begin anew.

        The controllers are started anew as well, and the nodes made again.
        """
        for name in ("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            self.processes.kill(name)
        shutil.rmtree(self.folder / "etcd")
        self._start_etcd()
        self.start_apiserver()
        self._start_controllers()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    # -- within --------------------------------------------------------------------------------------

    def _write_secrets(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "sa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        lines = (f'{self.token_of(user)},{user},{user},"{groups}"\n' for user, groups in USERS.items())
        (self.folder / "tokens.csv").write_text("".join(lines))

    def _start_etcd(self) -> None:
        self.processes.start(
            "etcd",
            [
                self.binaries / "etcd",
                f"--data-dir={self.folder / 'etcd'}",
                "--unsafe-no-fsync",
                f"--listen-client-urls={self.etcd_url}",
                f"--advertise-client-urls={self.etcd_url}",
                f"--listen-peer-urls=http://127.0.0.1:{self._peer_port}",
            ],
        )

        def healthy() -> bool:
            with urllib.request.urlopen(f"{self.etcd_url}/health", timeout=5) as answer:
                return b"true" in answer.read()

        self._wait_for("etcd", "/health to say true", healthy)

    def _start_controllers(self) -> None:
        if self.nodes is None:
            return
        kubeconfig = f"--kubeconfig={self._kubeconfig_of('admin')}"
        quiet = ("--leader-elect=false", "--secure-port=0")
        self.processes.start(
            "kube-controller-manager",
            [
                self.binaries / "kube-controller-manager",
                kubeconfig,
                f"--service-account-private-key-file={self.folder / 'sa.key'}",
                f"--root-ca-file={self.ca_file}",
                *quiet,
            ],
        )
        self.processes.start("kube-scheduler", [self.binaries / "kube-scheduler", kubeconfig, *quiet])
        self.processes.start(
            "kwok",
            [
                self.binaries / "kwok",
                kubeconfig,
                f"--config={self._kwok_config()}",
                "--manage-all-nodes=true",
                "--node-ip=127.0.0.1",
                "--node-lease-duration-seconds=40",
                *self._kubelet_flags(),
            ],
        )
        for number in range(self.nodes):
            self.request("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{number}"}})
        self._wait_for("kwok", f"{self.nodes} nodes to be ready", self._nodes_are_ready)

    def _kwok_config(self) -> Path:
        stages = Path(__file__).with_name("kwok.yaml")
        if self._forwarded is None:
            return stages
        self.container_log.touch()
        path = self.folder / "kwok.yaml"
        streams = _STREAMS.format(logs=self.container_log, folder=self.folder, port=self._forwarded)
        path.write_text(stages.read_text() + streams)
        return path

    def _kubelet_flags(self) -> list[str]:
        if self._forwarded is None:
            return []
        port = free_port()
        return [
            f"--node-port={port}",
            f"--server-address=127.0.0.1:{port}",
            f"--tls-cert-file={self.ca_file}",
            f"--tls-private-key-file={self.ca_file.with_suffix('.key')}",
        ]

    def _is_ready(self) -> bool:
        if not self.ca_file.exists():
            return False
        self.request("GET", "/api/v1/namespaces/default")
        return bool(self.request("GET", "/readyz") == "ok")

    def _nodes_are_ready(self) -> bool:
        nodes = self.request("GET", "/api/v1/nodes")["items"]
        conditions = [condition for node in nodes for condition in node["status"].get("conditions", [])]
        ready = [c for c in conditions if c["type"] == "Ready" and c["status"] == "True"]
        # The node lifecycle controller takes the taint of a new node off some moments later.
        return len(ready) == self.nodes and not any(node["spec"].get("taints") for node in nodes)

    def _wait_for(self, name: str, what: str, check: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        failure: Exception | None = None
        while time.monotonic() < deadline:
            if (status := self.processes.exit_status(name)) is not None:
                raise PlaneError(f"{name} ended with {status}\n{self.processes.log_tail(name)}")
            try:
                if check():
                    return
            except (OSError, Refused, json.JSONDecodeError) as error:
                failure = error
            time.sleep(0.1)
        raise PlaneError(f"waited {seconds:.0f} s for {what}; {failure!r}\n{self.processes.log_tail(name)}")

    def _kubeconfig_of(self, user: str) -> Path:
        path = self.folder / f"{user}.kubeconfig"
        return path if path.exists() else self.kubeconfig(path, user=user)


def write_kubeconfig(path: Path, contexts: Mapping[str, ControlPlane], *, user: str = "admin") -> None:
    """Write one kubeconfig with a context for each plane; the first is the current one."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(contexts)),
        "clusters": [
            {
                "name": name,
                "cluster": {"server": plane.url, "certificate-authority-data": plane.ca_data},
            }
            for name, plane in contexts.items()
        ],
        "users": [
            {"name": name, "user": {"token": plane.token_of(user)}} for name, plane in contexts.items()
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
