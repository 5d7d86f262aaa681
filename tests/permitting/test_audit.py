"""What an audit line says."""

import logging

import pytest
from aiohttp.test_utils import make_mocked_request

from app.api.door import audit
from app.api.door.callers import BEARER, CALLER
from app.logging import configure


def test_a_write_is_one_line_at_any_level(capsys: pytest.CaptureFixture[str]) -> None:
    request = make_mocked_request("PATCH", "/deployments/web/scale?cluster=prod&token=sesame")
    request[CALLER] = BEARER
    root = logging.getLogger()
    before = root.level, root.handlers
    try:
        configure("text", "error")
        audit.write(
            request,
            "patch",
            cluster="prod",
            resource="deployments.apps",
            subresource="scale",
            namespace="shop",
            name="web",
            status=409,
            reason="Conflict",
        )
    finally:
        root.level, root.handlers = before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.partition(" INFO ")[2].split() == [
        "write",
        "caller=bearer",
        "verb=patch",
        "cluster=prod",
        "resource=deployments.apps/scale",
        "namespace=shop",
        "object=web",
        "status=409",
        "reason=Conflict",
    ]
