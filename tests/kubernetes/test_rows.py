"""Rows of streams are the rows that a real API server makes."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.cache.ages import parse_time, since
from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import Product, until
from tests.builders import crd

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
RESOURCE = "racks.example.com"
COLUMNS: list[dict[str, Any]] = [
    {"name": "Last", "type": "string", "jsonPath": ".spec.hosts[-1:]"},
    {"name": "Some", "type": "string", "jsonPath": ".spec.hosts[0:2]"},
    {"name": "State", "type": "string", "jsonPath": '.spec.parts[?(@.kind=="a")].state'},
    {"name": "Big", "type": "integer", "jsonPath": ".spec.parts[?(@.size>2)].size", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
DEFINITION = crd("racks", "Rack", columns=COLUMNS)
RACKS = [
    {"hosts": ["x", "y", "z"], "parts": [{"kind": "b", "size": 1}, {"kind": "a", "state": "up", "size": 3}]},
    {"hosts": [], "parts": "odd"},
    {"hosts": {"a": 1}, "parts": None},
]


def rows_of(product: Product, resource: str) -> tuple[list[str], dict[str, list[Any]]]:
    """The columns, and the cells by name, with ages counted to now."""
    names: list[str] = []
    rows = {}
    url = f"{product.url}/stream?resource={resource}&shape=table&namespace=default"
    with urllib.request.urlopen(url) as answer:
        for line in answer:
            frame = json.loads(line)
            if frame["type"] == "COLUMNS":
                names = [column["name"] for column in frame["columns"]]
            elif frame["type"] == "ADDED":
                rows[frame["name"]] = [counted(cell) for cell in frame["cells"]]
            elif frame["type"] == "SYNCED":
                return names, rows
    raise AssertionError("the stream has ended")


def counted(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    return cell.get("text", "{}").replace("{}", since(parse_time(cell["since"]), datetime.now(UTC)))


def table_of(plane: ControlPlane, path: str) -> tuple[list[str], dict[str, list[Any]]]:
    request = urllib.request.Request(
        plane.url + path, headers={"Accept": TABLE, "Authorization": f"Bearer {plane.token}"}
    )
    with urllib.request.urlopen(request, context=plane.ssl_context) as answer:
        table = json.load(answer)
    names = [column["name"] for column in table["columnDefinitions"]]
    return names, {row["object"]["metadata"]["name"]: row["cells"] for row in table["rows"]}


def test_rows_are_those_of_the_api_server_also_when_columns_change(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    config = control_plane.kubeconfig(tmp_path / "config")
    path = "/apis/example.com/v1/namespaces/default/racks"
    with Product(tmp_path, "--kubeconfig", str(config)) as product:

        def agree() -> bool:
            """An age may be a second older on one side; while columns change, the API server is busy."""
            try:
                return rows_of(product, RESOURCE) == table_of(control_plane, path)
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
                return False

        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(DEFINITION))
        control_plane.kubectl("wait", "--for=condition=established", "crd/racks.example.com")
        try:
            for number, spec in enumerate(RACKS):
                rack = {"apiVersion": "example.com/v1", "kind": "Rack", "spec": spec}
                rack["metadata"] = {"name": f"r{number}", "namespace": "default"}
                control_plane.kubectl("create", "-f", "-", stdin=json.dumps(rack))
            until(agree, seconds=15)
            assert rows_of(product, RESOURCE)[1]["r0"][1:5] == ["z", "x", "up", 3]

            DEFINITION["spec"]["versions"][0]["additionalPrinterColumns"] = COLUMNS[1:3]
            control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(DEFINITION))
            until(lambda: agree() and rows_of(product, RESOURCE)[0] == ["Name", "Some", "State"], seconds=15)
        finally:
            control_plane.kubectl("delete", "crd", "racks.example.com")
