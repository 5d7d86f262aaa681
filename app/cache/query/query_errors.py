"""The error for a parameter of a query that cannot be understood."""

_SHOWN = 80


class SelectorError(ValueError):
    """A parameter of a query is wrong. The message is one line: its name, its value, what is accepted."""

    def __init__(self, parameter: str, value: str, problem: str, accepted: str) -> None:
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
        super().__init__(f"{parameter} {shown!r}: {problem}; accepted is {accepted}")
        self.parameter = parameter
