"""YAML as kubectl writes it, and so that YAML 1.1 and 1.2 read the same from it."""

import re
from typing import Any

import yaml

# What one of the YAML versions takes for a number, a time or a word of its own although PyYAML does not.
_AMBIGUOUS = re.compile(r"[-+.]?[0-9][0-9a-fA-FoxX_.,:eE+-]*|[yYnN]")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else '"' if _AMBIGUOUS.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Any) -> bytes:
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return str(text).encode()
