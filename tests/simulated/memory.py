"""Objects in a dictionary: as little of an API server's storage as a cluster's life needs."""

from __future__ import annotations

from collections.abc import Iterable

from app.demo.life.world import Follower
from app.demo.seed_forge import Obj

Place = tuple[str, str, str]


def _place(obj: Obj) -> Place:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class MemoryStore:
    def __init__(self, objects: Iterable[Obj]) -> None:
        self._objects: dict[Place, Obj] = {}
        self._version = 0
        self._followers: list[Follower] = []
        for obj in objects:
            self.create(obj)

    def objects(self) -> Iterable[Obj]:
        return list(self._objects.values())

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def create(self, obj: Obj) -> None:
        if _place(obj) in self._objects:
            raise ValueError(f"{_place(obj)} is there already")
        self._put(None, obj)

    def replace(self, obj: Obj) -> None:
        old = self._objects[_place(obj)]
        meta = dict(obj["metadata"])
        if old.get("spec") != obj.get("spec") and "generation" in meta:
            meta["generation"] += 1
        self._put(old, {**obj, "metadata": meta})

    def delete(self, obj: Obj) -> None:
        old = self._objects[_place(obj)]
        if obj["kind"] == "Namespace" or (obj["kind"] == "Pod" and "nodeName" in obj["spec"]):
            self._put(
                old, {**old, "metadata": {**old["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z"}}
            )
        else:
            self.remove(obj)

    def remove(self, obj: Obj) -> None:
        old = self._objects.pop(_place(obj))
        self._tell(old, None)

    def _put(self, old: Obj | None, obj: Obj) -> None:
        self._version += 1
        new = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
        self._objects[_place(obj)] = new
        self._tell(old, new)

    def _tell(self, old: Obj | None, new: Obj | None) -> None:
        for follower in self._followers:
            follower(old, new)
