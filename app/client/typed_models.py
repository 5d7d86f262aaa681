"""Kubernetes objects as kubernetes_asyncio's models, such as ``V1Pod``.

Importing this imports the whole library, some 0.3 s and 35 MB: who needs no model does not pay for it.
"""

import pydoc
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio.client import models
from kubernetes_asyncio.client.configuration import Configuration

# What API servers say is taken as it is: the schema requires some fields that are null in many a cluster,
# such as the eventTime of an event that was recorded in the old way.
LENIENT = Configuration()
LENIENT.client_side_validation = False

# All other groups of Kubernetes itself end so.
_SUFFIX = ".k8s.io"
_PLAIN_GROUPS = frozenset({"", "apps", "autoscaling", "batch", "policy"})
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LIST = re.compile(r"list\[(.*)\]")
_DICT = re.compile(r"dict\([^,]*, (.*)\)")


def model_of(document: Mapping[str, Any]) -> Any:
    """The model of an object, by its ``apiVersion`` and ``kind``. What the model does not know is left out.

    Raises ValueError where the library has no model of that kind, as of all custom resources, and where
    a field has another shape than the model's.
    """
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if isinstance(api_version, str) and isinstance(kind, str):
        if name := _model_name(api_version, kind):
            return _converted(document, name, kind)
        raise ValueError(
            f"kubernetes_asyncio has no model of {kind!r} of {api_version!r}: it has those of Kubernetes' "
            "own resources, in the versions that it knows, and none of custom resources"
        )
    raise ValueError("a part of an object, without apiVersion and kind, has no model: convert the object")


def _model_name(api_version: str, kind: str) -> str:
    """The name of the model that the library reads such an object into; empty where it reads none.

    Its API class for the group and version tells: names alone would take a Service of Knative's for a Pod's.
    """
    group, _, version = api_version.rpartition("/")
    if group not in _PLAIN_GROUPS and not group.endswith(_SUFFIX):
        return ""
    parts = (group.removesuffix(_SUFFIX) or "core").split(".")
    api = getattr(client, f"{''.join(map(str.capitalize, parts))}{version.capitalize()}Api", None)
    words = _WORD_STARTS.sub("_", kind).lower()
    read = getattr(api, f"read_namespaced_{words}", None) or getattr(api, f"read_{words}", None)
    rtype = re.search(r"^:rtype: (\w+)$", pydoc.getdoc(read), flags=re.MULTILINE) if read else None
    return rtype[1] if rtype and hasattr(models, rtype[1]) else ""


def _converted(value: Any, type_: str, path: str) -> Any:
    """A value as a type of the library's: ``V1Pod``, ``list[str]``, ``dict(str, str)``, ``datetime``, …

    Raises ValueError, which names the ``path`` to a value that does not fit.
    """
    if value is None:
        return None
    if items := _LIST.fullmatch(type_):
        return [
            _converted(item, items[1], f"{path}[{index}]")
            for index, item in enumerate(_checked(value, list, path))
        ]
    if values := _DICT.fullmatch(type_):
        return {
            key: _converted(item, values[1], f"{path}.{key}")
            for key, item in _checked(value, dict, path).items()
        }
    if type_ == "datetime":
        return _time(value, path)
    model = getattr(models, type_, None)
    if model is None:  # one of JSON's own types
        return value
    fields = _checked(value, dict, path)
    attributes = {
        attribute: _converted(fields[key], model.openapi_types[attribute], f"{path}.{key}")
        for attribute, key in model.attribute_map.items()
        if key in fields
    }
    return model(**attributes, local_vars_configuration=LENIENT)


def _checked(value: Any, type_: type, path: str) -> Any:
    if not isinstance(value, type_):
        raise ValueError(f"{path} is {value!r:.100}; accepted is a {type_.__name__}")  # noqa: TRY004
    return value


def _time(value: Any, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{path} is {value!r:.100}; accepted is a time, as of RFC 3339") from None
