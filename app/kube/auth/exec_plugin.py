"""Credentials from a program (client.authentication.k8s.io, v1 and v1beta1)."""

import asyncio
import base64
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from app.kube.answer_limits import PLUGIN_BYTES
from app.kube.api_errors import AccessError
from app.kube.auth.credentials import Issued, Renewed, Slots
from app.kube.auth.kubeconfig_schema import ClusterSection, ExecSection

TIMEOUT_SECONDS = 30.0
END_SECONDS = 2.0
COMPLAINT = 200
_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")


class _Status(msgspec.Struct):
    token: str | None = None
    expirationTimestamp: datetime | None = None
    clientCertificateData: str | None = None
    clientKeyData: str | None = None


class _Credential(msgspec.Struct):
    apiVersion: str
    status: _Status


class ExecPlugin(Renewed):
    """Runs the program when there is no credential yet, before it expires and when it is refused.

    The program gets no terminal and may not hang: it is ended with all that it started.
    """

    def __init__(self, plugin: ExecSection, cluster_info: Mapping[str, Any], slots: Slots) -> None:
        """``cluster_info`` is that of `cluster_info`. Raises AccessError."""
        super().__init__(slots)
        if not plugin.command or plugin.api_version not in _VERSIONS:
            raise AccessError(
                f"exec: command {plugin.command!r} with apiVersion {plugin.api_version!r} is not accepted; "
                f"accepted is a command with {' or '.join(_VERSIONS)}"
            )
        if plugin.interactive_mode == "Always":
            raise AccessError(
                f"exec: interactiveMode 'Always' of {plugin.command} is not accepted, there is no terminal; "
                "accepted is 'IfAvailable' or 'Never'"
            )
        self._plugin = plugin
        spec: dict[str, Any] = {"interactive": False}
        if plugin.provide_cluster_info:
            spec["cluster"] = cluster_info
        info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
        self._variables = {variable.name: variable.value for variable in plugin.env}
        self._variables["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(info).decode()

    async def _fetch(self) -> Issued:
        command = self._plugin.command
        try:
            credential = msgspec.json.decode(await self._run(), type=_Credential)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AccessError(f"exec: {command} answers no ExecCredential: {error}") from None
        status = credential.status
        if credential.apiVersion != self._plugin.api_version:
            raise AccessError(
                f"exec: {command} answers {credential.apiVersion} and not {self._plugin.api_version}"
            )
        certificate, key = status.clientCertificateData, status.clientKeyData
        if bool(certificate) != bool(key) or not (status.token or certificate):
            raise AccessError(f"exec: {command} answers neither a token nor a certificate with its key")
        expires = status.expirationTimestamp
        return Issued(
            status.token or "",
            (certificate.encode(), key.encode()) if certificate and key else None,
            expires.timestamp() if expires is not None else float("inf"),
        )

    async def _run(self) -> bytes:
        """What the program writes. Raises AccessError."""
        command = self._plugin.command
        try:
            process = await asyncio.create_subprocess_exec(
                command,
                *self._plugin.args,
                env={**os.environ, **self._variables},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = (
                error.strerror if isinstance(error, OSError) else None
            ) or "it cannot be the name of a program"
            hint = _first_line(self._plugin.install_hint)
            raise AccessError(f"exec: cannot run {command}: {why}{hint and f' ({hint})'}") from None
        answered = False
        reading = [asyncio.create_task(_written(stream)) for stream in (process.stdout, process.stderr)]
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                output, complaint = await asyncio.gather(*reading)
                await process.wait()
            answered = True
        except ValueError:
            raise AccessError(f"exec: {command} writes more than {PLUGIN_BYTES // 1024:,} KiB") from None
        except TimeoutError:
            raise AccessError(f"exec: {command} gave no answer within {TIMEOUT_SECONDS:g} s") from None
        finally:
            if not answered:
                # All of it: what the program started may hold its pipes open when it has gone itself.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                for task in reading:
                    task.cancel()
                await asyncio.gather(*reading, return_exceptions=True)
                await _end(process)
        if process.returncode:
            said = _first_line(complaint.decode(errors="replace")) or "it says nothing"
            raise AccessError(f"exec: {command} ended with {process.returncode}: {said}")
        return output


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for the end, which asyncio does not notice before what is left in the pipes has been read."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(PLUGIN_BYTES):
                    pass
            await process.wait()


async def _written(stream: asyncio.StreamReader | None) -> bytes:
    """All that a program writes there. Raises ValueError where that is too much."""
    assert stream is not None
    written = bytearray()
    while piece := await stream.read(PLUGIN_BYTES):
        written += piece
        if len(written) > PLUGIN_BYTES:
            raise ValueError
    return bytes(written)


def cluster_info(plugin: ExecSection, cluster: ClusterSection, ca: bytes) -> dict[str, Any]:
    """What ``provideClusterInfo`` tells the program; nothing where it is not set. ``ca`` is what
    the cluster names as its CA, in PEM.

    As client-go's ``rest.ConfigToExecCluster`` has it.
    """
    if not plugin.provide_cluster_info:
        return {}
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(ca).decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
        "config": next(
            (item.extension for item in cluster.extensions if item.name == f"{_GROUP}/exec"), None
        ),
    }
    return {name: value for name, value in info.items() if value}


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip()[:COMPLAINT] if lines else ""
