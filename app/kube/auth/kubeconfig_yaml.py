"""Kubeconfigs as YAML: the first document, in which names are text."""

from typing import Any

from app.yaml_reader import TEXT, Rules, yaml_documents

_NAME = {"name": TEXT}
# ``on`` is no boolean where it names an entry, or where a context refers to one.
_RULES = Rules(
    lossless=False,
    may_repeat=True,
    texts={
        "clusters": {"*": _NAME},
        "users": {"*": _NAME},
        "contexts": {"*": {**_NAME, "context": {"cluster": TEXT, "user": TEXT}}},
    },
)


def load_kubeconfig(content: bytes) -> Any:
    """Return the first document of a kubeconfig, None where there is none. Raises Unreadable."""
    return next(yaml_documents(content, _RULES), None)
