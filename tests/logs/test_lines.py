"""Lines of logs: their times, however they are written, and what of them is new after a break."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.podlogs.log_lines import LONGEST_LINE, LinePiece, LogSplitter
from app.podlogs.log_position import PodLogPosition
from app.podlogs.log_sources import LogOptions

SECOND = 10**9


def pieces_of(text: bytes, size: int) -> list[LinePiece]:
    splitter = LogSplitter()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    return [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.rest()


def nanoseconds(stamp: str) -> int | None:
    ((at, text, starts, ends),) = pieces_of(f"{stamp} text\n".encode(), 10_000)
    assert (starts, ends) == (True, True)
    assert text == (f"{stamp} text".encode() if at is None else b"text")
    return at


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),
    st.text("0123456789", max_size=9),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_is_read_exactly_whatever_its_digits_and_zone(
    moment: datetime, digits: str, minutes: int
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    at = moment.replace(microsecond=0, tzinfo=zone)
    written = at.isoformat()
    stamp = written[:19] + (f".{digits}" if digits else "") + written[19:]
    expected = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND
    assert nanoseconds(stamp) == expected + int(digits.ljust(9, "0"))
    if not minutes:
        assert nanoseconds(stamp.replace("+00:00", "Z")) == expected + int(digits.ljust(9, "0"))


def test_a_leap_second_is_followed_by_the_next_minute() -> None:
    leap = nanoseconds("2016-12-31T23:59:60.5Z")
    assert leap is not None
    assert leap == (nanoseconds("2017-01-01T00:00:00.5Z"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-01T00:00:00Z",
        "2026-11-23 10:00:00Z",
        "2026-11-23T10:00:00",
        "no",
        "2026-11-23T10:00:00Zx",
    ],
)
def test_what_is_no_time_belongs_to_the_line(text: str) -> None:
    assert nanoseconds(text) is None


def test_a_line_may_be_empty_or_have_a_time_for_a_text() -> None:
    text = b"2026-11-23T10:00:00Z \n2026-11-23T10:00:01Z\n\n2026-11-23T10:00:02Z 2026-11-23T10:00:00Z x\n"
    assert [piece[1] for piece in pieces_of(text, 5)] == [b"", b"", b"", b"2026-11-23T10:00:00Z x"]


def test_a_line_without_an_end_is_cut_and_its_pieces_are_no_lines() -> None:
    # A piece that happens to begin like a line with a time is none.
    text = b"2026-11-23T10:00:00Z " + b"2026-11-23T10:00:00Z " * 50_000
    for size in (65536, 1 << 20):
        pieces = pieces_of(text, size)
        assert max(len(piece[1]) for piece in pieces) <= LONGEST_LINE
        assert b"".join(piece[1] for piece in pieces) == text[21:]
        assert [piece[2:] for piece in pieces] == [(True, False)] + (len(pieces) - 1) * [(False, False)]


def test_a_line_is_cut_between_characters() -> None:
    for shift in range(4):
        text = "x" * shift + "\N{GRINNING FACE}" * 200_000
        pieces = pieces_of(f"2026-11-23T10:00:00Z {text}\n".encode(), 65536)
        assert len(pieces) > 3
        assert "".join(piece[1].decode() for piece in pieces) == text


def test_half_a_time_is_not_taken_for_a_line() -> None:
    text = b"2026-11-23T10:00:00Z one\n2026-11-23T10:00:01.5"
    assert [piece[1] for piece in pieces_of(text, 7)] == [b"one"]


def test_whatever_breaks_wherever_every_line_comes_once_and_in_order() -> None:
    """The log of a container grows while connections break; Kubernetes answers from whole seconds on."""
    for seed in range(1000):
        check(random.Random(seed))


def check(rng: random.Random) -> None:
    log = lines_of(rng)
    tail = rng.choice([None, None, rng.randint(1, 20)])
    known = rng.randint(1, len(log))
    begin = max(0, known - tail) if tail is not None else 0
    position, received = PodLogPosition(LogOptions(follow=True, tail_lines=tail)), b""
    for _ in range(rng.randint(1, 8)):
        text = answer(log, begin, known, position)
        received += passed(position, text[: rng.randint(0, len(text))])
        position.broke()
        known = min(len(log), known + rng.randint(0, 30))
    received += passed(position, answer(log, begin, len(log), position))
    assert received.splitlines() == [texts(line) for _, line in log[begin:]]


def answer(log: list[tuple[int, bytes]], begin: int, end: int, position: PodLogPosition) -> bytes:
    """What a log that ends there says to what is asked."""
    params = position.params()
    lines = since(log[:end], params["sinceTime"]) if "sinceTime" in params else log[begin:end]
    return b"".join(line + b"\n" for _, line in lines)


def passed(position: PodLogPosition, text: bytes) -> bytes:
    """What is passed on of an answer."""
    position.begin()
    splitter, received = LogSplitter(), b""
    for start in range(0, len(text), 500):
        new = position.sift(splitter.feed(text[start : start + 500]))
        position.note(new)
        received += b"".join(part + (b"\n" if ends else b"") for _, part, _, ends in new)
    return received


def lines_of(rng: random.Random) -> list[tuple[int, bytes]]:
    """Lines with the second of their time, which those without one have of the line before."""
    at = 1_790_000_000 * SECOND
    zone = timezone(timedelta(minutes=rng.choice([0, 0, 480, -330])))
    digits = rng.choice([0, 0, 1, 3, 6, 9])
    lines: list[tuple[int, bytes]] = []
    for number in range(rng.randint(5, 150)):
        at += rng.choice([0, 1, 1000, SECOND // 20, SECOND // 3, 2 * SECOND])
        # stderr may be written a little later than it is stamped.
        stamped = at - (rng.choice([0, 0, 0, SECOND // 20]) if digits > 1 else 0)
        text = (
            b""
            if digits > 3 and rng.random() < 0.1
            else b"line %d%s" % (number, b"." * rng.choice([0, 5, 900]))
        )
        if number and rng.random() < 0.1:
            lines.append((lines[-1][0], b"  at %d" % number))
            continue
        whole = datetime.fromtimestamp(stamped // SECOND, UTC).astimezone(zone).isoformat()
        fraction = f".{stamped % SECOND:09}"[: digits + 1] if digits else ""
        lines.append((stamped // SECOND, f"{whole[:19]}{fraction}{whole[19:]} ".encode() + text))
    return lines


def since(lines: list[tuple[int, bytes]], moment: str) -> list[tuple[int, bytes]]:
    start = datetime.fromisoformat(moment).timestamp()
    return [line for line in lines if line[0] >= start]


def texts(line: bytes) -> bytes:
    return line if line.startswith(b"  at ") else line.partition(b" ")[2]
