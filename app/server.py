"""The server process: it starts from settings, listens, and ends at a signal."""

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from app.api.application import HTTP_OPTIONS, make_application
from app.api.door.admission import HEAD_SECONDS, Admission, ListeningSocket, Visited
from app.api.door.door import Door, is_loopback_address
from app.api.http.app_keys import Serving
from app.api.http.metrics import METRICS
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.greeting import greeting, reachable_as
from app.kube.api_errors import AccessError
from app.kube.tcp_sockets import BUDGET
from app.logging import configure, is_terminal, say, stderr_output
from app.process import gc_pauses
from app.process.open_files import DescriptorShares, descriptor_shares, occupy_standard_streams, raise_limit
from app.settings import SettingError, Settings, StartError

log = logging.getLogger(__name__)

CONNECTIONS_WAITING = 1024
# The time that open answers, and then watches, have to end by themselves; with the rest, less than 5 s.
LAST_ANSWERS_SECONDS = 1.5
END_SECONDS = 2.0
LAST_LINES_SECONDS = 0.5


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises StartError."""
    occupy_standard_streams()
    configure(settings.log_format, settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings))
    if (output := stderr_output()) is not None:
        output.close(LAST_LINES_SECONDS)
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loop where the extra is installed, None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def serve(settings: Settings) -> None:
    """Serve until a signal comes. Raises StartError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tls = _tls(settings)
    sockets = _listen(settings.host, settings.port)
    addresses: list[tuple[str, int]] = [listening.getsockname()[:2] for listening in sockets]
    local = all(is_loopback_address(address) for address, _ in addresses)
    configured = settings.token.get_secret_value() if settings.token is not None else None
    generated = None if configured or local else secrets.token_urlsafe(24)
    token = configured or generated
    door = Door(token, settings.host, settings.allowed_origins)
    descriptors = descriptor_shares(raise_limit())
    BUDGET.allow(descriptors.clusters, descriptors.kept, descriptors.all)
    certificate = settings.tls_cert.read_text() if settings.tls_cert is not None else None
    async with _fleet(settings) as fleet:
        serving = Serving(
            settings.sync_timeout,
            token,
            certificate,
            settings.read_only if isinstance(settings.read_only, bool) else fleet.protection,
            settings.allow_proxy,
            settings.consistent_reads == "forward",
            settings.streams_per_caller,
            settings.scans_per_caller,
        )
        async with (
            _answering(make_application(fleet, door, serving), sockets, tls, descriptors),
            _short_collections(),
        ):
            if not local and tls is None:
                log.warning(
                    "the token travels unencrypted; set tls_cert and tls_key, or let a proxy serve TLS"
                )
            _announce(settings, *addresses[0], tls, configured, generated)
            await stop.wait()
            log.info("stopping")


@contextlib.asynccontextmanager
async def _short_collections() -> AsyncIterator[None]:
    """Keep Python's garbage collector from long stops while the context is open."""
    with gc_pauses.short_collections():
        sweeping = asyncio.create_task(gc_pauses.sweep(), name="garbage")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)


@contextlib.asynccontextmanager
async def _answering(
    app: web.Application,
    sockets: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    descriptors: DescriptorShares,
) -> AsyncIterator[None]:
    """Serve the application on these sockets while the context is open."""
    admission = Admission(descriptors.callers, descriptors.last)
    admission.attach(app)
    app[METRICS].watch_connections(admission)
    options: dict[str, Any] = {"access_log": None, **HTTP_OPTIONS}
    runner = web.AppRunner(app, shutdown_timeout=LAST_ANSWERS_SECONDS, **options)
    await runner.setup()
    loop = asyncio.get_running_loop()

    def connection_protocol() -> Visited:
        assert runner.server is not None
        return Visited(runner.server, admission, loop=loop, **options)

    try:
        with contextlib.ExitStack() as listening:
            for listening_socket in sockets:
                server = await loop.create_server(
                    connection_protocol,
                    sock=ListeningSocket.of(listening_socket, admission),
                    ssl=tls,
                    ssl_handshake_timeout=HEAD_SECONDS if tls else None,
                    backlog=CONNECTIONS_WAITING,
                )
                listening.callback(server.close)
            yield
    finally:
        await _within(LAST_ANSWERS_SECONDS + 0.5, runner.cleanup())


@contextlib.asynccontextmanager
async def _fleet(settings: Settings) -> AsyncIterator[Fleet]:
    """Yield the fleet of the settings' clusters, which it watches. Raises StartError."""
    options = ClusterOptions(
        watch=settings.watch,
        release_after=settings.release_after,
        managed_fields=settings.managed_fields == "keep",
        secret_values=settings.secrets == "full",
    )
    namespaces = {name: cluster.namespaces for name, cluster in settings.clusters.items()}
    async with contextlib.AsyncExitStack() as running:
        kubeconfigs: Sequence[Path] = settings.kubeconfig
        if settings.demo:
            from app.simulator.simulated_fleet import run_demo

            kubeconfigs = [(await running.enter_async_context(run_demo(settings.demo))).path]
        read_only = () if isinstance(settings.read_only, bool) else settings.read_only
        try:
            fleet = Fleet(options, kubeconfigs, settings.context, namespaces, read_only)
            await fleet.start()
        except AccessError as error:
            raise StartError(str(error)) from None
        try:
            yield fleet
        finally:
            await _within(END_SECONDS, fleet.close())


async def _within(seconds: float, work: Coroutine[None, None, None]) -> None:
    """Wait for the end of some work, but not longer: an end that hangs must not keep the process."""
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        log.warning("gave up waiting for an orderly end", extra={"seconds": seconds})


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of the settings' certificate, None for plain HTTP. Raises SettingError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        raise SettingError(
            "tls_cert",
            str(settings.tls_cert),
            "a PEM certificate that fits tls_key, which must not be encrypted",
            why=str(error),
        ) from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _listen(host: str, port: int) -> list[socket.socket]:
    """Return a socket on each address of ``host``, all with the same port. Raises SettingError."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingError("host", host, "an IP address or a host name", why=str(error)) from None
    sockets: list[socket.socket] = []
    why = ""
    for family, _, _, _, address in dict.fromkeys(addresses):
        number = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(
                socket.create_server(
                    (str(address[0]), number), family=family, dualstack_ipv6=address[0] == "::"
                )
            )
        except OSError as error:
            why = os.strerror(error.errno or 0)
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                for opened in sockets:
                    opened.close()
                accepted = f"a port that is free on {host}, or 0 for any"
                raise SettingError("port", port, accepted, why=why) from None
    if not sockets:
        # Where some addresses of a name are there, as 127.0.0.1 of localhost without IPv6, they will do.
        raise SettingError("host", host, "an address of this machine", why=why)
    return sockets


def _announce(
    settings: Settings,
    address: str,
    port: int,
    tls: ssl.SSLContext | None,
    configured: str | None,
    generated: str | None,
) -> None:
    """Write to stderr, whatever is logged, where this server is."""
    # Who reads the line reaches a server that listens on any address through this machine's own.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    terminal, trusted = is_terminal(), None
    if terminal and tls is not None and settings.tls_cert is not None:
        host, trusted = reachable_as(tls, (host, settings.host), settings.tls_cert) or (host, None)
    url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    say(greeting(url, configured, generated, trusted, form=settings.log_format, terminal=terminal))
