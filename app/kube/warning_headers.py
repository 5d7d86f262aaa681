"""Warnings in headers (RFC 7234, section 5.5), as API servers send them of deprecated versions and the like.

Kubernetes uses code 299, "miscellaneous persistent warning", and no agent
(k8s.io/apimachinery/pkg/util/net, ``NewWarningHeader``).
"""

import re
from collections.abc import Iterable

from aiohttp import hdrs
from multidict import MultiMapping

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
# Of one answer; API servers send at most 4 KiB.
MOST_WARNINGS = 100


def warnings_of(headers: MultiMapping[str]) -> tuple[str, ...]:
    """Return the texts of the warnings in an answer, each once, at most ``MOST_WARNINGS``."""
    texts = (match[1] for value in headers.getall(hdrs.WARNING, ()) for match in _WARNING.finditer(value))
    return tuple(dict.fromkeys(_ESCAPED.sub(r"\1", text) for text in texts))[:MOST_WARNINGS]


def warning_headers(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return headers with these texts as warnings."""
    return [(hdrs.WARNING, f'299 - "{_quoted(text)}"') for text in texts]


def _quoted(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')
