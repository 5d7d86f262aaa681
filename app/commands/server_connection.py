"""Run a command against the server: open a client, turn errors into one line on stderr and an exit status."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from app.commands import terminal

if TYPE_CHECKING:
    from app.client import AsyncFleet

# Exit statuses; those above 128 are the shell's, 128 and the number of a signal.
SUCCEEDED = 0
FAILED = 1
MISUSED = 2
PARTIAL = 3
INTERRUPTED = 130
CLOSED = 141
TERMINATED = 143


class CommandError(Exception):
    """An error that ends the command: ``message`` is printed in one line on stderr, ``status`` is the exit
    status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class UsageError(CommandError):
    """The arguments of the command are not accepted; the exit status is MISUSED."""

    def __init__(self, message: str) -> None:
        super().__init__(message, MISUSED)


def combined_status(went_well: Collection[bool]) -> int:
    """Return the exit status of several attempts: SUCCEEDED, FAILED, or PARTIAL where only some succeeded."""
    if all(went_well):
        return SUCCEEDED
    return PARTIAL if any(went_well) else FAILED


T = TypeVar("T")

# Names of parameters and headers of the API, and the flags of this command that set them.
_FLAGS = {
    "Authorization: Bearer, or ?token=": "--token, or K8S_MCP_TOKEN",
    "cluster=": "--cluster",
    "namespace=": "--namespace",
}


def run(server: str | None, token: str | None, work: Callable[["AsyncFleet"], Awaitable[int]]) -> int:
    """Await ``work`` with a client of the server and return the exit status. Raises CommandError."""
    from app.client import FleetError
    from app.client.errors import ServerUnreachable

    try:
        status = asyncio.run(with_client(server, token, work))
        terminal.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except asyncio.CancelledError:
        status = TERMINATED
    except BrokenPipeError:
        _discard_stdout()
        status = CLOSED
    except ServerUnreachable as error:
        raise CommandError(
            f"No server at {error.url}. Start one with `k8s-mcp serve`, or name one with --server"
        ) from None
    except FleetError as error:
        raise CommandError(name_flags(str(error))) from None
    except OSError as error:
        _discard_stdout()
        raise CommandError(f"stdout: {error.strerror or error}") from None
    return status


async def with_client(
    server: str | None, token: str | None, work: Callable[["AsyncFleet"], Awaitable[T]]
) -> T:
    """Await ``work`` with a client; ``server`` and ``token`` that are None come from the environment.

    Raises FleetError.
    """
    from app.client import AsyncFleet

    task = asyncio.current_task()
    if task is not None:
        # To end in order, so that a terminal gets back its cursor.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncFleet(server, token, warned=terminal.print_api_warning) as fleet:
        return await work(fleet)


def name_flags(text: str) -> str:
    """Return an error of the server with the flags of this command in place of the API's parameters."""
    for parameter, flag in _FLAGS.items():
        text = text.replace(parameter, flag)
    return text


def _discard_stdout() -> None:
    """Point stdout at /dev/null: after a broken pipe, Python's last flush would print an error."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
