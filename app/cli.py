"""The k8s-mcp command. What takes long to import is imported by the command that needs it."""

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.commands.apply import apply
from app.commands.clusters_command import clusters
from app.commands.delete import delete
from app.commands.describe import describe
from app.commands.get import get
from app.commands.logs_command import logs
from app.commands.scale import restart, scale
from app.commands.server_connection import INTERRUPTED, MISUSED, CommandError
from app.version import version as this_version

app = typer.Typer(
    name="k8s-mcp",
    help="Show and change what is in many Kubernetes clusters.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

DEMO_CLUSTERS = "3"
# What option parsers cannot say: these may stand without a value, and then mean this one.
_BARE = {"--demo": DEMO_CLUSTERS, "--dry-run": "server"}
# kubectl's -o=json, where others would read a value of "=json".
_SHORT = re.compile(r"(-[a-zA-Z])=(.+)", re.DOTALL)
MOST_CLUSTERS = 1000


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command; the exit status. What is wrong with the arguments is one line on stderr."""
    command = typer.main.get_command(app)
    arguments = _as_options(arguments) or ["--help"]
    try:
        status = command.main(arguments, prog_name="k8s-mcp", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except CommandError as complaint:
        return _complain(str(complaint), complaint.status)
    except Exception as error:
        # The exceptions of click have this; typer has a click of its own, or not, as its version goes.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        return _complain(format_message())
    return int(status or 0)


def _complain(text: str, status: int = MISUSED) -> int:
    typer.echo(f"k8s-mcp: {' '.join(text.split())}", err=True)
    return status


def _as_options(arguments: Sequence[str]) -> list[str]:
    """Arguments as an option parser reads them, up to ``--``."""
    read: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*read, *arguments[index:]]
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        if short := _SHORT.fullmatch(argument):
            read += [short[1], short[2]]
        elif argument in _BARE and (argument == "--dry-run" or following.startswith("-")):
            read.append(f"{argument}={_BARE[argument]}")
        else:
            read.append(argument)
    return read


@app.command()
def serve(
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Read settings from this file.")] = None,
    kubeconfig: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Read this kubeconfig, in place of kubectl's; may repeat."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Serve only this context; may repeat. All if left out."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="H", help="Listen on this address; 127.0.0.1 if left out.")
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(metavar="P", help="Listen on this port, 0 for any free one; 8000 if left out."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(metavar="T", help="Require this token from every caller.")
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Serve TLS with this certificate.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="Use this private key for TLS.")] = None,
    demo: Annotated[
        str | None,
        typer.Option(metavar="[N]", help="Serve N simulated clusters instead; 3 if N is left out."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse every change of any cluster.")
    ] = False,
) -> int:
    """Start the server for the clusters of a kubeconfig."""
    given = {
        "config": config,
        "kubeconfig": kubeconfig,
        "context": context,
        "host": host,
        "port": port,
        "token": token,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "demo": demo,
        "read_only": read_only or None,
    }
    return _serve({name: value for name, value in given.items() if value not in (None, [])})


def _serve(flags: dict[str, Any]) -> int:
    from app.process.gc_pauses import no_collections
    from app.settings import StartError, load

    try:
        settings = load(flags)
        with no_collections():
            from app.server import run

        return run(settings)
    except StartError as error:
        return _complain(str(error))


@app.command()
def demo(
    number: Annotated[str, typer.Argument(metavar="[N]", help="Set the number of clusters.")] = DEMO_CLUSTERS,
) -> int:
    """Run simulated clusters only, and print a kubeconfig for them."""
    if not number.isdecimal() or not 1 <= int(number) <= MOST_CLUSTERS:
        return _complain(f"N: {number!r} is not accepted; accepted is a number from 1 to {MOST_CLUSTERS}")
    import asyncio

    asyncio.run(_simulate(int(number)))
    return 0


async def _simulate(number: int) -> None:
    """Until SIGTERM or SIGINT."""
    import asyncio
    import signal

    from app.simulator.simulated_fleet import run_demo
    from app.yamltext import dump

    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with run_demo(number) as running:
        typer.echo(dump(running.kubeconfig), nl=False)
        typer.echo(f"k8s-mcp: {number} simulated clusters; this kubeconfig is {running.path}", err=True)
        await stop.wait()


for _command in (get, describe, logs, apply, delete, scale, restart, clusters):
    app.command()(_command)


@app.command()
def version() -> None:
    """Print the version of k8s-mcp."""
    typer.echo(f"k8s-mcp {this_version()}")
