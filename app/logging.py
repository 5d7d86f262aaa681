"""How log lines look: one line a record, its fields named.

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

from app.process.stderr import Output

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
    """Send what is logged from now on, by us and by the libraries, to stderr."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in ("asyncio", "aiohttp"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    handler.addFilter(Repeats())


class _Handler(logging.Handler):
    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.output = Output(stream, lambda lost: self.format(_missing(lost)))

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


def stderr_output() -> Output | None:
    """Where log lines go, once that has been configured."""
    handlers = logging.getLogger().handlers
    return next((handler.output for handler in handlers if isinstance(handler, _Handler)), None)


def say(text: str) -> None:
    """A line or several on stderr, beside the log."""
    found = stderr_output()
    if found is not None:
        found.write(text.removesuffix("\n"), OTHER)


def is_terminal() -> bool:
    """Whether somebody may be looking at stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def _is_ours(record: logging.LogRecord) -> bool:
    """Not what aiohttp says of bytes that are no HTTP request: it quotes them, tokens and all."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ != "aiohttp.http_exceptions"


class Repeats(logging.Filter):
    """Lets the same fault through once a minute; the next one says how often it was left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name.partition(".")[0] == "app"
        # Ours are said when something changes, and then the last one counts.
        if record.levelno < logging.WARNING or (ours and record.exc_info is None):
            return True
        # What libraries say differs in addresses alone, and goes on for lines.
        text = record.getMessage() if ours else str(record.msg).partition("\n")[0]
        key = (record.name, text, str(_fields(record)), _place(record))
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


def _place(record: logging.LogRecord) -> str:
    """Where an exception was raised, which tells one from another whatever its text says."""
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
    def format(self, record: logging.LogRecord) -> str:
        message = _plain(_short(record.getMessage().replace("\r", "").replace("\n", " ")))
        fields = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {message}{fields}"
        if not record.exc_info:
            return line
        return "\n".join([line, *map(_plain, _exception(self, record).split("\n"))])


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
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
    """A value as text has it."""
    if isinstance(value, list):
        return ",".join(_quoted(text, ' ",=') for text in _few(value))
    return _quoted(_short(str(value)), ' "=')


def _quoted(text: str, marks: str) -> str:
    """In quotes where it could be taken for something else, as with one of the ``marks`` in it."""
    if text and text.isprintable() and not any(mark in text for mark in marks):
        return text
    return _plain(json.dumps(text, ensure_ascii=False))


def _bounded(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, list):
        return _few(value)
    return value if isinstance(value, int | float) else _short(str(value))


def _few(texts: list[str]) -> list[str]:
    """As many as may be shown of one field."""
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
    """Without what ends a line (U+2028 does too), turns text around, or commands a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
