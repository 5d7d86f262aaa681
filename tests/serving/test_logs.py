"""Log lines: one a record, fields named, in two formats."""

import json
import logging
from typing import Any

import pytest

from app.logging import LONGEST_VALUE, JsonFormatter, Repeats, TextFormatter
from app.process.stderr import WAITING_BYTES


def record(
    message: str, *arguments: object, raised: Exception | None = None, **fields: Any
) -> logging.LogRecord:
    info = (type(raised), raised, None) if raised is not None else None
    made = logging.LogRecord("app.fleet", logging.WARNING, __file__, 1, message, arguments, info)
    made.created = 1769860800.25
    made.__dict__.update(fields)
    return made


def test_a_text_line_names_its_fields() -> None:
    made = record(
        "cluster is %s", "stale", cluster="prod", objects=7, error='it said "no"\nand hung', was=None
    )
    assert TextFormatter().format(made) == (
        "2026-01-31T12:00:00.250Z WARNING cluster is stale "
        'cluster=prod objects=7 error="it said \\"no\\"\\nand hung"'
    )


def test_a_message_of_several_lines_is_one() -> None:
    assert TextFormatter().format(record("a\r\nb")).endswith("WARNING a b")


def test_a_json_line_has_the_same_members() -> None:
    made = record("cluster is %s", "stale", cluster="prod", path=object)
    line = json.loads(JsonFormatter().format(made))
    assert line["time"] == "2026-01-31T12:00:00.250Z"
    assert (line["level"], line["logger"], line["message"]) == ("warning", "app.fleet", "cluster is stale")
    assert (line["cluster"], line["path"]) == ("prod", "<class 'object'>")


@pytest.mark.parametrize("form", [TextFormatter(), JsonFormatter()])
def test_nothing_that_a_caller_names_ends_a_line_or_commands_a_terminal(form: logging.Formatter) -> None:
    odd = "a\u2028b\x85c\x9b31md\u202ee\x1b[0m\x0bf\x7fg\udc80\U000e0001\tü 東 \U0001f600"
    line = form.format(record(f"refused: {odd}", name_=odd, groups=[odd, "b"], raised=ValueError(odd)))
    for part in line.split("\n"):
        assert part.isprintable(), part
    assert [each in line for each in ("ü 東", "\U0001f600", "\\u202e", "\\u2028")] == [True] * 4
    if isinstance(form, JsonFormatter):
        read = json.loads(line)
        assert (read["name_"], read["groups"], read["message"]) == (odd, [odd, "b"], f"refused: {odd}")


@pytest.mark.parametrize("form", [TextFormatter(), JsonFormatter()])
def test_a_line_has_an_end_whatever_it_is_about(form: logging.Formatter) -> None:
    """One that is longer than what may wait for a slow reader would be lost, and with it who wrote what."""
    odd = "\U000e0001" * 1_000_000
    line = form.format(record(odd, path=odd, object=odd, groups=[odd] * 3000, raised=ValueError(odd)))
    assert len(line.encode()) < WAITING_BYTES
    assert line.count("… (1000000 characters)") >= 4
    assert "2999 more" in line


def test_a_list_is_read_back_as_it_was() -> None:
    fields: dict[str, Any] = {"groups": ["a", "b,c", 'd "e"', "f=g"], "none": [""]}
    line = TextFormatter().format(record("write", **fields))
    assert line.endswith('write groups=a,"b,c","d \\"e\\"","f=g" none=""')
    assert json.loads(JsonFormatter().format(record("write", **fields)))["groups"] == fields["groups"]


def test_what_is_not_too_long_is_whole() -> None:
    whole = "x" * LONGEST_VALUE
    assert TextFormatter().format(record("a", b=whole)).endswith(f" b={whole}")


def test_exceptions_are_shown_in_both() -> None:
    made = record("failed", raised=ValueError("no"))
    assert "ValueError: no" in TextFormatter().format(made)
    assert "ValueError: no" in json.loads(JsonFormatter().format(made))["exception"]


def test_a_fault_that_repeats_is_logged_once_a_minute_and_counted() -> None:
    repeats = Repeats()

    def passes(
        number: int, at: float, level: int = logging.ERROR, **fields: object
    ) -> logging.LogRecord | None:
        # As asyncio says that there are no descriptors left: another socket each time.
        text = f"socket.accept() out of system resource\nsocket: <socket fd={number}>"
        record = logging.makeLogRecord(
            {"name": "asyncio", "levelno": level, "msg": text, "created": at, **fields}
        )
        return record if repeats.filter(record) else None

    assert passes(1, 0.0) is not None
    assert not any(passes(number, number / 100) for number in range(5000))
    again = passes(2, 61.0)
    assert again is not None
    assert again.__dict__["repeated"] == 5000
    assert passes(2, 61.0, cluster="prod") is not None
    assert all(passes(3, 61.0, level=logging.INFO) for _ in range(3))
