"""The line that says that the server is ready, and on a terminal the first steps."""

import json
import shlex
import shutil
import socket
import ssl
import sys
from collections.abc import Iterable
from pathlib import Path

from app.version import version

DEFAULT_URL = "http://127.0.0.1:8000"


def greeting(
    url: str, token: str | None, generated: str | None, trusted: Path | None, *, form: str, terminal: bool
) -> str:
    """Return the text. ``url`` has no slash at its end, ``token`` is the configured one, ``generated``
    the one made at the start, and ``trusted`` a file of certificates that a client must trust.
    """
    address = f"{url}/{f'#token={generated}' if generated else ''}"
    if form == "json":
        return json.dumps({"message": "ready", "version": version(), "url": address}) + "\n"
    line = f"k8s-mcp {version()} is ready: {address}\n"
    return line + _first_steps(url, address, token, generated, trusted) if terminal else line


def _first_steps(
    url: str, address: str, token: str | None, generated: str | None, trusted: Path | None
) -> str:
    curl = f"curl -sG {url}/pods -d format=table"
    get = f"{_command()} get pods"
    if url != DEFAULT_URL:
        get += f" --server {url}"
    lines = [f"  dashboard: {address}"]
    if generated:
        curl += f" -H 'Authorization: Bearer {generated}'"
        get += f" --token {generated}"
    elif token:
        # A configured token is printed nowhere.
        lines.append("  with K8S_MCP_TOKEN set to the token:")
        curl += ' -H "Authorization: Bearer $K8S_MCP_TOKEN"'
    if trusted is not None:
        file = shlex.quote(str(trusted.absolute()))
        curl, get = f"{curl} --cacert {file}", f"SSL_CERT_FILE={file} {get}"
    return "".join(f"{line}\n" for line in (*lines, f"  {curl}", f"  {get}"))


def _command() -> str:
    """Return the command as another terminal on this machine finds it."""
    if shutil.which("k8s-mcp"):
        return "k8s-mcp"
    beside = Path(sys.executable).with_name("k8s-mcp")
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m app"


def reachable_as(
    tls: ssl.SSLContext, names: Iterable[str], certificate: Path
) -> tuple[str, Path | None] | None:
    """Return a name for which clients of this machine accept the certificate, and the file that they must
    trust for that, None for no more than the system's. None where no name is accepted."""
    candidates = [*dict.fromkeys((*names, "localhost", socket.gethostname()))]
    for trusted in (None, certificate):
        for name in candidates:
            if _is_believed(tls, name, trusted):
                return name, trusted
    return None


def _is_believed(tls: ssl.SSLContext, name: str, trusted: Path | None) -> bool:
    """Return whether a client would accept the certificate, by a handshake in memory."""
    try:
        client_context = ssl.create_default_context(cafile=trusted)
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
        server = tls.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(4):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except (ssl.SSLError, OSError, ValueError):
        return False
    return client.version() is not None and bool(client.getpeercert())
