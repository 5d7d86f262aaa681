"""Run a command that asks the server: the client of it, the exit status, and the errors that users read."""

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

WELL = 0
FAILED = 1
WRONG = 2
PARTIAL = 3
INTERRUPTED = 130
CLOSED = 141
TERMINATED = 143


class Complaint(Exception):
    """What a user is told in one line on stderr; ``status`` is the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class Misuse(Complaint):
    """The arguments are wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, WRONG)


def status_of(went_well: Collection[bool]) -> int:
    """Of several attempts: WELL, FAILED, or PARTIAL where some went well."""
    if all(went_well):
        return WELL
    return PARTIAL if any(went_well) else FAILED


T = TypeVar("T")

# What the API calls by the names of its parameters and headers.
_FLAGS = {
    "Authorization: Bearer, or ?token=": "--token, or K8S_MCP_TOKEN",
    "cluster=": "--cluster",
    "namespace=": "--namespace",
}


def run(server: str | None, token: str | None, work: Callable[["AsyncFleet"], Awaitable[int]]) -> int:
    """Do the work with a client of the server; the exit status. Raises Complaint."""
    from app.client import FleetError
    from app.client.errors import NoServer

    try:
        status = asyncio.run(with_client(server, token, work))
        terminal.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except asyncio.CancelledError:
        status = TERMINATED
    except BrokenPipeError:
        _forget_stdout()
        status = CLOSED
    except NoServer as error:
        raise Complaint(
            f"No server at {error.url}. Start one with `k8s-mcp serve`, or name one with --server"
        ) from None
    except FleetError as error:
        raise Complaint(in_words(str(error))) from None
    except OSError as error:
        _forget_stdout()
        raise Complaint(f"stdout: {error.strerror or error}") from None
    return status


async def with_client(
    server: str | None, token: str | None, work: Callable[["AsyncFleet"], Awaitable[T]]
) -> T:
    """``server`` and ``token`` that are not given are those of the environment."""
    from app.client import AsyncFleet

    task = asyncio.current_task()
    if task is not None:
        # To end in order, so that a terminal gets back its cursor.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncFleet(server, token, warned=terminal.pass_on) as fleet:
        return await work(fleet)


def in_words(text: str) -> str:
    """What the server says is wrong, with the flags of this command in place of parameters."""
    for parameter, flag in _FLAGS.items():
        text = text.replace(parameter, flag)
    return text


def _forget_stdout() -> None:
    """Nobody reads it any more; Python would complain about that at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
