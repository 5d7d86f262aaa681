"""The log of frames: what readers get from it, what it remembers, and when it calls."""

from collections.abc import Iterable

import pytest

from app.streams import frame_log
from app.streams.dialects import Framed, JsonLines
from app.streams.frame_log import FrameLog, LogPosition, Patch, UnseenChanges

LINES = JsonLines(chunked=False)


class CountedLines(JsonLines, frozen=True):
    """Lines that say how often they were made."""

    calls: list[int]

    def encode(self, frames: Iterable[Framed]) -> bytes:
        self.calls.append(1)
        return super().encode(frames)

    def __hash__(self) -> int:
        return id(self.calls)


class Wakes:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> None:
        self.number += 1


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


@pytest.fixture
def log(wakes: Wakes) -> FrameLog:
    return FrameLog(wakes)


def test_frames_are_read_once_they_are_released_and_not_before(log: FrameLog) -> None:
    log.append(b"one", 1)
    log.release()
    log.append(b"two", 2)
    assert log.piece(LINES, 0) == (b"one\n", 1)
    new, _ = log.release()
    assert [entry.frame for entry in new] == [b"two"]
    assert log.piece(LINES, 0) == (b"one\ntwo\n", 2)
    assert log.piece(LINES, 1) == (b"two\n", 2)


def test_it_calls_once_until_what_is_new_is_released(log: FrameLog, wakes: Wakes) -> None:
    for step in range(3):
        log.append(b"frame", step)
    assert wakes.number == 1
    log.release()
    log.append(b"frame", 3)
    log.append(b"frame", 4)
    assert wakes.number == 2


def test_it_calls_for_what_is_no_frame(log: FrameLog, wakes: Wakes) -> None:
    log.skip()
    log.release()
    log.miss(("prod", "pods"), 5.0)
    assert wakes.number == 2
    assert log.release() == ([], [UnseenChanges(("prod", "pods"), 5.0)])
    assert log.release() == ([], [])


def test_it_calls_once_whatever_is_new_until_that_is_released(log: FrameLog, wakes: Wakes) -> None:
    for step in range(2):
        log.append(b"frame", step)
        log.skip()
        log.miss(("prod", "pods"), 5.0)
    assert wakes.number == 1
    log.release()
    log.miss(("prod", "pods"), 6.0)
    log.skip()
    assert wakes.number == 2


def test_the_position_of_a_reader_has_the_step_and_the_cursor_of_its_last_frame(log: FrameLog) -> None:
    log.append(b"one", 7, cursor=b"c")
    log.append(b"two", 8)
    log.release()
    assert log.position(1) == LogPosition(1, 7, b"c")
    assert log.position(2) == LogPosition(2, 8, b"")


def test_every_reader_is_before_the_start_once_something_is_skipped(log: FrameLog) -> None:
    log.append(b"old", 1)
    log.release()
    log.append(b"never released", 2)
    log.skip()
    log.append(b"new", 3)
    assert log.start == 2
    new, _ = log.release()
    assert ([entry.frame for entry in new], log.end) == ([b"new"], 3)
    assert log.piece(LINES, log.start) == (b"new\n", 3)


def test_the_oldest_frames_go_when_there_are_too_many_bytes(
    log: FrameLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "LOG_BYTES", 10)
    for number in range(5):
        log.append(b"%d---" % number, number)
    log.release()
    log.trim(is_read=True)
    assert (log.start, log.end) == (3, 5)
    assert log.piece(LINES, 3) == (b"3---\n4---\n", 5)
    # What went no longer counts.
    log.append(b"x", 5)
    log.release()
    log.trim(is_read=True)
    assert log.start == 3


def test_all_frames_go_when_nobody_reads_them(log: FrameLog) -> None:
    log.append(b"one", 1)
    log.release()
    log.trim(is_read=False)
    assert (log.start, log.end) == (1, 1)


def test_a_piece_ends_where_it_is_long_enough(log: FrameLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_log, "PIECE_BYTES", 5)
    for number in range(3):
        log.append(b"%d--" % number, number)
    log.release()
    assert log.piece(LINES, 0) == (b"0--\n1--\n", 2)
    assert log.piece(LINES, 2) == (b"2--\n", 3)


def test_readers_with_one_encoding_share_the_bytes_of_a_piece(log: FrameLog) -> None:
    encoding = CountedLines(chunked=False, calls=[])
    log.append(b"one", 1)
    log.release()
    assert log.piece(encoding, 0)[0] is log.piece(encoding, 0)[0]
    assert len(encoding.calls) == 1
    log.append(b"two", 2)
    log.release()
    assert log.piece(encoding, 0) == (b"one\ntwo\n", 2)


def test_a_patch_goes_to_those_alone_who_can_apply_it(log: FrameLog) -> None:
    log.append(b"whole", 2, Patch(b"patch", previous=1))
    log.release()
    assert log.piece(LINES, 0, lambda patch, step: (patch.previous, step) == (1, 2)) == (b"patch\n", 1)
    assert log.piece(LINES, 0, lambda patch, step: False) == (b"whole\n", 1)
    assert log.piece(LINES, 0) == (b"whole\n", 1)
