"""What an object is called, and where it is."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]
Place = tuple[str, str, str]


def place(found: Object) -> Place:
    """Cluster, namespace and name, in which order objects are shown."""
    metadata = found["metadata"]
    return found.get("cluster", ""), metadata.get("namespace", ""), metadata["name"]


def called(found: Object) -> str:
    """``pod/web-1`` or ``deployment.apps/web``, as kubectl prints names."""
    group = found.get("apiVersion", "").rpartition("/")[0]
    return f"{found['kind'].lower()}{'.' + group if group else ''}/{found['metadata']['name']}"
