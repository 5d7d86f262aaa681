"""Kubernetes objects that give their fields as items and as attributes."""

from collections.abc import Iterable, Mapping
from typing import Any


class Object(dict[str, Any]):
    """A dict whose keys are attributes too: ``pod.metadata.name`` is ``pod["metadata"]["name"]``.

    What is inside is the same all the way down. A key that is no identifier, or that is
    the name of a method (``items``, ``keys``, …, ``to_model``), is an item only. A field that
    is not there raises AttributeError, and KeyError as an item.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(f"{self._called()} has no {name!r}; it has {', '.join(self)}") from None
        wrapper = wrapped(value)
        if wrapper is not value:
            self[name] = wrapper  # so that what is changed in it is changed here
        return wrapper

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"{self._called()} has no {name!r}") from None

    def to_model(self) -> Any:
        """The object as kubernetes_asyncio's model of its kind: a ``V1Pod``, a ``V1Deployment``, …

        Attributes are in the library's spelling (``pod.status.pod_ip``) and times are datetimes; ``cluster``
        is not part of it. Raises ValueError where the library has no model, as of custom resources, and where
        this is only a part of an object. The first call imports the library, which takes some 0.3 s.
        """
        from app.client.typed_models import model_of

        return model_of(self)

    def _called(self) -> str:
        """Return the kind and name, for an error message."""
        metadata = self.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return f"{self.get('kind', 'object')} {name!r}" if name else str(self.get("kind", "this part"))


def wrapped(value: Any) -> Any:
    """Return the value as an Object where it is a dict, and lists with Objects in place of dicts."""
    if type(value) is dict:
        return Object(value)
    if type(value) is not list:
        return value
    copy: list[Any] = []
    lists = [(value, copy)]
    while lists:  # of lists, however deep
        original, made = lists.pop()
        for item in original:
            made.append(Object(item) if type(item) is dict else [] if type(item) is list else item)
            if type(item) is list:
                lists.append((item, made[-1]))
    return copy


class Objects(list[Object]):
    """The objects of a list. ``cursor`` is where a watch continues, ``next_page`` the token of the next page.

    ``clusters`` are the states of the clusters: ``name``, ``state``, ``since``, ``objects`` and ``error``.
    """

    def __init__(
        self, items: Iterable[Object], cursor: str, clusters: Iterable[Object], next_page: str
    ) -> None:
        super().__init__(items)
        self.cursor = cursor
        self.clusters = [*clusters]
        self.next_page = next_page


class Results(list[Object]):
    """The results of a write by cluster: ``cluster``, ``status`` (HTTP's), ``object`` or ``error``, and
    ``warnings`` of its API server where there are any."""

    @property
    def failed(self) -> list[Object]:
        """Those that went wrong; the ones of ``apply`` also where just some documents did."""
        return [result for result in self if result["status"] >= 300 or "error" in result]


class Text(str):
    """A list as text. ``behind`` are the clusters that are not synced, with their states."""

    behind: dict[str, str]
