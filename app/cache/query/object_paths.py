"""Paths into objects: ``a.b``, ``a['x.y/z']``, ``a[0]``, ``a[*]``.

A name without quotes goes up to the next character of the grammar; ``\\`` takes the
character after it as it is, in names and in quotes.
"""

import re
from enum import Enum

import msgspec

_MOST_STEPS = 32
_NAME = re.compile(r"""(?!-)(?:[^\s.\[\]'"=!~<>,*\\]|\\.)+""", re.DOTALL)
_BRACKETS = re.compile(r"""\[(?:(\*)|([0-9]{1,9})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

ACCEPTED = "paths such as a.b, a['x.y/z'], a[0] and a[*]"


class PathError(ValueError):
    """A text is no path; the message says where and why, not what is accepted."""


class Wildcard(Enum):
    """The step ``[*]``: every element of an array, every value of an object."""

    ANY = "*"


ANY = Wildcard.ANY
Step = str | int | Wildcard


class Path(msgspec.Struct, frozen=True):
    """At least one step."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "Path":
        """Return the path that a whole text describes. Raises PathError."""
        path, end = cls.scan(text, 0)
        if end < len(text):
            raise PathError(f"found {text[end]!r} after the path {text[:end]!r}")
        return path

    @classmethod
    def scan(cls, text: str, start: int) -> tuple["Path", int]:
        """The path that begins at ``start``, and where it ends. Raises PathError."""
        steps: list[Step] = []
        at = start
        while True:
            if text.startswith("[", at):
                bracket = _BRACKETS.match(text, at)
                if bracket is None:
                    raise PathError(f"{_shown(text, at)}, which is none of [0], [*], ['name'] and [\"name\"]")
                steps.append(_bracketed(bracket))
                at = bracket.end()
            elif not steps or text.startswith(".", at):
                at += bool(steps)
                name = _NAME.match(text, at)
                if name is None:
                    raise PathError(f"{_shown(text, at)} where a name is expected")
                steps.append(_ESCAPE.sub(r"\1", name[0]))
                at = name.end()
            else:
                break
        if len(steps) > _MOST_STEPS:
            raise PathError(f"a path of {len(steps)} steps, of which {_MOST_STEPS} are allowed")
        return cls(tuple(steps)), at

    def __str__(self) -> str:
        """In one spelling for each path, which ``parse`` reads."""
        parts: list[str] = []
        for step in self.steps:
            if not isinstance(step, str):
                parts.append("[*]" if step is ANY else f"[{step}]")
            elif "\\" not in step and _NAME.fullmatch(step):
                parts.append("." + step if parts else step)
            else:
                parts.append("['{}']".format(step.replace("\\", "\\\\").replace("'", "\\'")))
        return "".join(parts)


def scan_list(text: str) -> list[tuple[bool, Path]]:
    """Paths between commas, each with whether a ``-`` stands before it. Raises PathError."""
    paths: list[tuple[bool, Path]] = []
    at = 0
    while True:
        at = skip_blanks(text, at)
        if at == len(text):
            return paths
        if text[at] == ",":
            at += 1
            continue
        minus = text[at] == "-"
        path, at = Path.scan(text, at + minus)
        paths.append((minus, path))
        at = skip_blanks(text, at)
        if at < len(text) and text[at] != ",":
            raise PathError(f"{_shown(text, at)} where ',' or the end is expected")


def skip_blanks(text: str, at: int) -> int:
    """Return the index of the next character from ``at`` on that is no white space."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _bracketed(bracket: re.Match[str]) -> Step:
    star, index, single, double = bracket.groups()
    if star:
        return ANY
    if index is not None:
        return int(index)
    return _ESCAPE.sub(r"\1", single if single is not None else double)


def _shown(text: str, at: int) -> str:
    return f"found {text[at : at + 20]!r}" if at < len(text) else "it ends"
