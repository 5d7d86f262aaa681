"""Make up the logs of simulated pods: plausible lines that depend on the pod and the time alone.

Nothing is stored. A container writes a line in every slot of its own length since it started, so the last
lines of a pod that has run for months cost as much as those of a new one.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec

from app.simulator.seed.object_factory import Obj, json_digest, moment

# A kubelet rotates a container's log at 10 MiB; older lines are gone. As lines of about 200 bytes
# that would be 50,000, of which a demonstration needs no more than this.
KEPT_LINES = 5000


class LogLine(msgspec.Struct, frozen=True):
    """text: without a newline."""

    at: datetime
    text: str


class _Span(msgspec.Struct, frozen=True):
    """One run of a container: from its start to its end, or until now."""

    key: str
    name: str
    start: datetime
    end: datetime
    crashed: bool


def log_lines(
    pod: Obj,
    container: str | None = None,
    *,
    now: datetime,
    previous: bool = False,
    since: datetime | None = None,
    tail: int | None = None,
) -> list[LogLine] | None:
    """The lines that the container has written up to now, oldest first.

    container: its name, None for the first. since: only lines after that moment, so asking again with the
    last line's moment follows the log. tail: only that many of the last lines. previous: of the run before
    the present one. None where the container, or that run of it, does not exist (yet).
    """
    span = _span(pod, container, now, previous=previous)
    if span is None:
        return None
    period = 0.8 + int(json_digest(span.name)[:4], 16) % 400 / 100
    last = int((span.end - span.start).total_seconds() / period)
    first = max(0, last - KEPT_LINES + 1)
    if since is not None:
        first = max(first, int((since - span.start).total_seconds() / period) - 1)
    if tail is not None:
        first = max(first, last - tail)
    lines = [_line(span, slot, period) for slot in range(first, last + 1)]
    if span.crashed:
        lines += [LogLine(span.end, text) for text in _last_words(span)]
    lines = [line for line in lines if line.at <= span.end and (since is None or line.at > since)]
    return lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]


def container_status(pod: Obj, container: str | None) -> Obj | None:
    """Return the status of a container of any kind, of the first one for None; None where there is none
    yet."""
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    statuses = (each for kind in kinds for each in (pod.get("status") or {}).get(kind) or ())
    return next((status for status in statuses if container in (None, status["name"])), None)


def _span(pod: Obj, container: str | None, now: datetime, *, previous: bool) -> _Span | None:
    status = container_status(pod, container)
    if status is None:
        return None
    state: Obj = (status.get("lastState") or {}) if previous else status["state"]
    if not previous and "waiting" in state:
        # Between two runs a kubelet still has the log of the one that ended.
        state = status.get("lastState") or {}
    run = state.get("terminated") or state.get("running")
    if run is None:
        return None
    start = moment(run["startedAt"])
    end = moment(run["finishedAt"]) if "finishedAt" in run else now
    key = f"{pod['metadata']['uid']}/{status['name']}/{run['startedAt']}"
    return _Span(key, status["name"], start, end, run.get("exitCode", 0) != 0)


_STARTUP = (
    "starting {name}",
    "configuration loaded from /etc/{name}/application.yaml",
    "connected to upstream in {small} ms",
    "listening on :8080",
)
_USUAL = (
    ("info", "request handled", "method=GET path=/v1/{noun}/{big} status=200 duration_ms={small}"),
    ("info", "request handled", "method=POST path=/v1/{noun} status=201 duration_ms={small}"),
    ("info", "cache refreshed", "entries={big} duration_ms={small}"),
    ("debug", "health check", "status=ok"),
    ("info", "message consumed", "topic={noun} partition={few} offset={big}"),
    ("warn", "slow query", "table={noun} duration_ms={big}"),
    ("warn", "retrying upstream call", "attempt={few} target={noun}-service"),
    ("error", "upstream returned an error", "status=503 target={noun}-service request_id={big}"),
)
_WEIGHTS = (30, 12, 6, 8, 12, 3, 3, 1)
_NOUNS = ("orders", "carts", "items", "payments", "customers", "sessions", "invoices")


def _line(span: _Span, slot: int, period: float) -> LogLine:
    rng = random.Random(f"{span.key}/{slot}")
    at = span.start + timedelta(seconds=(slot + rng.random() * 0.9) * period)
    values = {
        "name": span.name,
        "noun": rng.choice(_NOUNS),
        "few": rng.randint(1, 8),
        "small": rng.randint(1, 250),
        "big": rng.randint(1000, 99999),
    }
    if slot < len(_STARTUP):
        return LogLine(at, _encoded(at, "info", _STARTUP[slot].format(**values), ""))
    level, said, details = rng.choices(_USUAL, _WEIGHTS)[0]
    return LogLine(at, _encoded(at, level, said, details.format(**values)))


def _encoded(at: datetime, level: str, said: str, details: str) -> str:
    clock = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f'time={clock}Z level={level} msg="{said}" {details}'.rstrip()


def _last_words(span: _Span) -> list[str]:
    return [
        _encoded(span.end, "error", "could not reach the settlement queue", 'error="dial tcp: i/o timeout"'),
        "panic: settlement queue: giving up after 5 attempts",
        "",
        "goroutine 1 [running]:",
        f"main.main()\n\t/src/{span.name}/main.go:87 +0x2a5".replace("\n", " "),
    ]
