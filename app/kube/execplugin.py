"""Credentials from a program (client.authentication.k8s.io, v1 and v1beta1)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from app.kube.credentials import Renewed
from app.kube.errors import AccessError

TIMEOUT_SECONDS = 30.0
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class _Status(msgspec.Struct):
    token: str = ""
    expirationTimestamp: datetime | None = None
    clientCertificateData: str = ""
    clientKeyData: str = ""


class _Credential(msgspec.Struct):
    apiVersion: str
    status: _Status


class ExecPlugin(Renewed):
    """Runs the program when there is no credential yet, and before it expires or when it is refused.

    It gets no terminal and may not hang: it is ended with all that it started.
    """

    def __init__(self, plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
        super().__init__()
        self._command = str(plugin.get("command") or "")
        self._arguments = [str(argument) for argument in plugin.get("args") or ()]
        self._version = plugin.get("apiVersion")
        if not self._command or self._version not in _VERSIONS:
            raise AccessError(
                f"exec: command {self._command!r} with apiVersion {self._version!r} is not accepted; "
                f"accepted is a command with {' or '.join(_VERSIONS)}"
            )
        spec: dict[str, Any] = {"interactive": False}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = {
                name: cluster[name]
                for name in (
                    "server",
                    "tls-server-name",
                    "insecure-skip-tls-verify",
                    "certificate-authority-data",
                    "proxy-url",
                )
                if name in cluster
            }
        info = {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}
        extra = {str(entry["name"]): str(entry["value"]) for entry in plugin.get("env") or ()}
        self._environment = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode(), **extra}

    async def _fetch(self) -> None:
        output = await self._run()
        try:
            found = msgspec.json.decode(output, type=_Credential)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AccessError(f"exec: {self._command} answers no ExecCredential: {error}") from None
        status = found.status
        if found.apiVersion != self._version:
            raise AccessError(f"exec: {self._command} answers {found.apiVersion} and not {self._version}")
        if not status.token and not (status.clientCertificateData and status.clientKeyData):
            raise AccessError(f"exec: {self._command} answers neither a token nor a certificate with its key")
        self._token = status.token
        self.certificate = None
        if status.clientCertificateData:
            self.certificate = (status.clientCertificateData.encode(), status.clientKeyData.encode())
        expires = status.expirationTimestamp
        self._expires = expires.timestamp() if expires is not None else float("inf")

    async def _run(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                self._command,
                *self._arguments,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise AccessError(f"exec: cannot run {self._command}: {error.strerror}") from None
        try:
            output, complaint = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
        except TimeoutError:
            raise AccessError(
                f"exec: {self._command} gave no answer within {TIMEOUT_SECONDS:.0f} s"
            ) from None
        finally:
            if process.returncode is None:
                # What it started may hold its pipes open.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            lines = complaint.decode(errors="replace").strip().splitlines() or ["it says nothing"]
            raise AccessError(f"exec: {self._command} ended with {process.returncode}: {lines[0][:200]}")
        return output
