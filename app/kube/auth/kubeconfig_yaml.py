"""Kubeconfigs as YAML: the first document, with the scalars that kubectl sees in it."""

import re
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS = ("clusters", "users", "contexts")
_STRING = "tag:yaml.org,2002:str"


class KubernetesLoader(_Base):  # type: ignore[misc]
    """YAML 1.1 as sigs.k8s.io/yaml has it: without times, numbers to the base 60, and ``=``."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 a copy of its own, as PyYAML wants it


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (
        "bool",
        r"(?:[yY]|[nN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)",
        list("yYnNtTfFoO"),
    ),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    KubernetesLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first
    )


def _bool(loader: Any, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in ("y", "yes", "true", "on")


KubernetesLoader.add_constructor("tag:yaml.org,2002:bool", _bool)


def load_kubeconfig(content: bytes) -> Any:
    """The first document, None where there is none. Names are text, however they look.

    Raises what PyYAML raises, ValueError and RecursionError.
    """
    loader = KubernetesLoader(content)
    try:
        if not loader.check_node():
            return None
        node = loader.get_node()
        _spell_names(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _spell_names(document: Any) -> None:
    """Have the names of entries, and those that contexts refer to, read as text: ``on`` is no boolean."""
    for kind in _KINDS:
        for entries in _members(document, kind):
            for entry in entries.value if isinstance(entries, yaml.SequenceNode) else []:
                _spell(entry, "name")
                for section in _members(entry, kind.removesuffix("s")):
                    _spell(section, "cluster")
                    _spell(section, "user")


def _spell(mapping: Any, key: str) -> None:
    for value in _members(mapping, key):
        if isinstance(value, yaml.ScalarNode) and value.tag != "tag:yaml.org,2002:null":
            value.tag = _STRING


def _members(mapping: Any, key: str) -> list[Any]:
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    return [value for name, value in pairs if isinstance(name, yaml.ScalarNode) and name.value == key]
