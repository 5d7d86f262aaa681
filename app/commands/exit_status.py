"""How a command ends: its exit status, and one line for whoever has to know why."""

from collections.abc import Collection

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
