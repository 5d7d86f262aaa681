"""The server as a process: its line at the start, who may call it where, TLS, and its end."""

import asyncio
import datetime
import ipaddress
import json
import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.serving.process import Running, started

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: down, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: nobody, user: {{}}}}]
contexts: [{{name: down, context: {{cluster: down, user: nobody}}}}]
"""


@contextmanager
def serving(folder: Path, *flags: str, port: int = 1, **environment: str) -> Iterator[Running]:
    """The server of one cluster, which is on this port of this machine; on port 1 nobody listens."""
    (folder / "kubeconfig").write_text(KUBECONFIG.format(port=port))
    with started(
        "serve", "--port", "0", "--kubeconfig", str(folder / "kubeconfig"), *flags, **environment
    ) as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_with_status_0_and_a_clean_log(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as running:
        assert running.read_until(r"ready: \S+").startswith("ready: http://127.0.0.1:")
        running.read_until("cluster is unreachable")
        status, seconds, log = running.end(number)
    assert (status, seconds < 5) == (0, True)
    assert log.count("ready: ") == 1
    assert not re.search(r"Traceback|never awaited|unclosed|never retrieved|ERROR", log), log


async def test_the_end_does_not_wait_for_a_cluster_that_hangs(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with serving(tmp_path, port=port) as running:
            url = running.read_until(r"http://\S+")
            await asked.wait()
            async with aiohttp.ClientSession() as session:
                # Waits for the first list, which does not come.
                waiting = asyncio.create_task(session.get(f"{url}pods"))
                async with session.get(f"{url}clusters") as answer:
                    assert answer.status == 200
                status, seconds, log = await asyncio.to_thread(running.end, signal.SIGTERM)
                await asyncio.gather(waiting, return_exceptions=True)
    assert (status, seconds < 5) == (0, True), log
    assert not re.search(r"Traceback|never awaited|unclosed|never retrieved|ERROR", log), log


async def test_elsewhere_a_token_is_made_printed_once_and_needed(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as running:
        url = running.read_until(r"http://\S+")
        address, _, token = url.partition("#token=")
        assert len(token) >= 32
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{address}clusters") as answer:
                assert answer.status == 401
            async with session.get(f"{address}clusters?token={token}") as answer:
                assert answer.status == 200
            async with session.get(f"{address}nothing/at/all?token={token}") as answer:
                assert answer.status == 404
        log = (await asyncio.to_thread(running.end, signal.SIGTERM))[2]
    assert log.count(token) == 1
    assert "unencrypted" in log


async def test_a_token_that_was_given_is_needed_and_never_printed(tmp_path: Path) -> None:
    with serving(
        tmp_path, K8S_MCP_TOKEN="sesame", K8S_MCP_LOG_FORMAT="json", K8S_MCP_LOG_LEVEL="debug"
    ) as running:
        ready = json.loads(running.read_until(r"{.*ready.*}"))
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer sesame"}) as session:
            async with session.get(f"{ready['url']}clusters") as answer:
                assert answer.status == 200
            async with session.get(f"{ready['url']}healthz", headers={"Authorization": ""}) as answer:
                assert answer.status == 200
            async with session.get(f"{ready['url']}clusters", headers={"Authorization": ""}) as answer:
                assert answer.status == 401
        # What is no HTTP may hold the token all the same.
        malformed = await _raw(
            ready["url"], b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer sesame\r\n\r\n"
        )
        assert b" 400 " in malformed
        endless = await _raw(ready["url"], b"GET /?token=sesame&x=" + b"x" * 40000 + b" HTTP/1.1\r\n\r\n")
        assert b" 400 " in endless
        log = (await asyncio.to_thread(running.end, signal.SIGTERM))[2]
    assert "sesame" not in log
    assert all(json.loads(line) for line in log.splitlines())


async def _raw(url: str, request: bytes) -> bytes:
    """The first line of the answer to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
    writer.write(request)
    line = await reader.readline()
    writer.close()
    return line


async def test_long_selectors_fit_into_a_request(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        url = running.read_until(r"http://\S+")
        names = ",".join(f"application-{number:04}" for number in range(1200))
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}pods?labelSelector=app in ({names})") as answer:
                assert answer.status == 200
            async with session.get(f"{url}pods", headers={"If-None-Match": "x" * 20000}) as answer:
                assert answer.status == 200


async def test_tls_is_served_with_the_certificate(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    with serving(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        url = running.read_until(r"https://\S+")
        trusting = ssl.create_default_context(cafile=certificate)
        async with aiohttp.ClientSession() as session, session.get(f"{url}version", ssl=trusting) as answer:
            assert answer.status == 200
        status, _, log = await asyncio.to_thread(running.end, signal.SIGTERM)
    assert status == 0, log


def test_a_key_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    certificate, _ = _certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, key = _certificate(other)
    with serving(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        _, log = running.process.communicate(timeout=60)
    assert running.process.returncode == 2
    assert log.count("\n") == 1
    assert f"tls_cert: '{certificate}'" in log


def test_a_kubeconfig_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, "--kubeconfig", str(tmp_path / "nowhere")) as running:
        _, log = running.process.communicate(timeout=60)
    assert (running.process.returncode, log.count("\n")) == (2, 1), log
    assert "nowhere" in log


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "k8s-mcp")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
