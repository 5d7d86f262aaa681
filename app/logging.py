"""The log: one line a record, its fields named, as text or JSON on stderr.

``log.info("cluster is %s", state, extra={"cluster": name})`` becomes
``2026-01-31T12:00:00.123Z INFO cluster is synced cluster=prod``, or a JSON object with
the same members.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from app.process.stderr import StderrWriter

# The logger whose lines are of writes, and the kinds of lines that are counted where they are lost.
AUDIT = "app.api.door.audit"
WRITES, OTHER = "writes", "other"
REPEAT_SECONDS = 60.0
MOST_REMEMBERED = 1000
# Callers choose names and headers: what they make of a line must fit into what waits for a slow reader,
# or they could have it lost.
LONGEST_VALUE = 1000
LONGEST_EXCEPTION = 10_000
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure(form: Literal["text", "json"], level: str) -> None:
    """Send what is logged from now on, by this program and its libraries, to stderr."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in ("asyncio", "aiohttp"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    handler.addFilter(Repeats())


class _Handler(logging.Handler):
    """Writes formatted records to stderr without ever waiting."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.output = StderrWriter(stream, lambda lost: self.format(_missing(lost)))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.output.write(line, _kind(record))


def _kind(record: logging.LogRecord) -> str:
    return WRITES if record.name == AUDIT else OTHER


def _missing(lost: Mapping[str, int]) -> logging.LogRecord:
    record = logging.LogRecord(__name__, logging.ERROR, "", 0, "lines of this log were lost", None, None)
    record.lines, record.of_writes = sum(lost.values()), lost.get(WRITES, 0)
    return record


def stderr_output() -> StderrWriter | None:
    """Return what writes the log lines, None before `configure`."""
    handlers = logging.getLogger().handlers
    return next((handler.output for handler in handlers if isinstance(handler, _Handler)), None)


def say(text: str) -> None:
    """Write lines to stderr, beside the log."""
    output = stderr_output()
    if output is not None:
        output.write(text.removesuffix("\n"), OTHER)


def is_terminal() -> bool:
    """Return whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def _is_ours(record: logging.LogRecord) -> bool:
    """Return False for what aiohttp logs of bytes that are no HTTP: it quotes them, tokens and all."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ != "aiohttp.http_exceptions"


class Repeats(logging.Filter):
    """Passes a fault that repeats once a minute; ``repeated`` of the next one counts those left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be written."""
        ours = record.name.partition(".")[0] == "app"
        # Ours are said when something changes, and then the last one counts.
        if record.levelno < logging.WARNING or (ours and record.exc_info is None):
            return True
        # What libraries say differs in addresses alone, and goes on for lines.
        text = record.getMessage() if ours else str(record.msg).partition("\n")[0]
        key = (record.name, text, str(_fields(record)), _raised_at(record))
        at, left_out = self._seen.get(key, (float("-inf"), 0))
        if record.created - at < REPEAT_SECONDS:
            self._seen[key] = at, left_out + 1
            return False
        if left_out:
            record.repeated = left_out
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen[key] = record.created, 0
        return True


def _raised_at(record: logging.LogRecord) -> str:
    """Return the type, file and line of an exception, which identify it whatever its text says."""
    error = record.exc_info[1] if record.exc_info else None
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{type(error).__name__} {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value for name, value in record.__dict__.items() if name not in _STANDARD and value is not None
    }


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """Formats records as ``TIME LEVEL message name=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; an exception adds lines."""
        message = _plain(_short(record.getMessage().replace("\r", "").replace("\n", " ")))
        fields = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {message}{fields}"
        if not record.exc_info:
            return line
        return "\n".join([line, *map(_plain, _exception(self, record).split("\n"))])


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _short(record.getMessage()),
            **{name: _bounded(value) for name, value in _fields(record).items()},
        }
        if record.exc_info:
            line["exception"] = _exception(self, record)
        return _plain(json.dumps(line, default=str, ensure_ascii=False))


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert isinstance(record.exc_info, tuple)
    return _short(formatter.formatException(record.exc_info), LONGEST_EXCEPTION)


def _shown(value: Any) -> str:
    """Return the value of a field as a text line shows it."""
    if isinstance(value, list):
        return ",".join(_quoted(text, ' ",=') for text in _few(value))
    return _quoted(_short(str(value)), ' "=')


def _quoted(text: str, marks: str) -> str:
    """Return a text in quotes where one of the ``marks`` is in it, or what cannot be printed."""
    if text and text.isprintable() and not any(mark in text for mark in marks):
        return text
    return _plain(json.dumps(text, ensure_ascii=False))


def _bounded(value: Any) -> Any:
    """Return the value of a field as a JSON line has it."""
    if isinstance(value, list):
        return _few(value)
    return value if isinstance(value, int | float) else _short(str(value))


def _few(texts: list[str]) -> list[str]:
    """Return the texts of a list that fit into LONGEST_VALUE characters, and how many more there are."""
    shown, length = list[str](), 0
    for number, text in enumerate(texts):
        length += len(text)
        if length > LONGEST_VALUE and shown:
            return [*shown, f"… ({len(texts) - number} more)"]
        shown.append(_short(text))
    return shown


def _short(text: str, most: int = LONGEST_VALUE) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _plain(text: str) -> str:
    """Return a text with escapes for what ends a line (as U+2028), turns it around or commands a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
