"""A connection that answers with what was written down, path by path."""

import json
from collections.abc import Mapping
from typing import Any, cast

from app.kube.api_errors import ApiError
from app.kube.client import Connection


class Answers:
    """Stands for a Connection; what is not written down is 404."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, str]] = []

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> bytes:
        self.asked.append((path, accept))
        answer = self._answers.get(path, ApiError(404, "not found", reason="NotFound"))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    @property
    def connection(self) -> Connection:
        return cast(Connection, self)
