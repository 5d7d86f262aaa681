"""Edits of an object's text, carried out on a real API server."""

import asyncio
import base64
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from bench.testbed.control_plane import ControlPlane, Refused
from bench.testbed.product import Product
from tests.builders import crd

EDIT = "application/vnd.k8s-mcp.edit+json"
MERGE = "application/merge-patch+json"
CORE, GROUP = "/api/v1/namespaces/default", "editing.example.com"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# What YAML, JSON, Go or a browser take for something else, somewhere.
TEXTS = [
    *(
        "",
        " a ",
        "yes",
        "~",
        "1",
        "1e3",
        "0x1f",
        "012",
        "1:30",
        "2026-01-01",
        "=",
        "<<",
        "a: b #c",
        "|",
        "- ",
        "?",
    ),
    *(
        '<a href="x">&amp;</a>',
        "a\u0085b",
        "a\u2028b",
        "a\u2029b",
        "a\u007fb",
        "\ufeffa",
        "a\u00a0b",
        "é 漢 😀",
    ),
    *(
        "a\nb",
        "a\nb\n",
        "a\n\n",
        "\n",
        "\na",
        "  a\n b",
        "a \nb",
        "tab\there\n",
        "a\r\nb\r\n",
        "\u0001\u001f",
        "'\"\\",
    ),
    *("k" * 1500, "x y " * 400),
]
NUMBERS = [2**53 + 1, -(2**63), 2**63 - 1, 0, 1, True, False, None, 0.1, 1e21, 1.5e-9, -7]


class Place:
    """An object in the API server, and the product in front of it."""

    def __init__(self, session: aiohttp.ClientSession, plane: ControlPlane, url: str) -> None:
        self._session = session
        self.plane = plane
        self._url = url
        self._created: list[str] = []

    def create(self, collection: str, **members: Any) -> str:
        """The path of a new object, which goes with the test."""
        name = f"e-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, **members.pop("metadata", {})}
        self.plane.request("POST", collection, {"metadata": metadata, **members})
        self._created.append(f"{collection}/{name}")
        return self._created[-1]

    def stored(self, path: str) -> Any:
        return self.plane.request("GET", path)

    def change(self, path: str, patch: Any) -> None:
        """What somebody else does."""
        self.plane.request("PATCH", path, patch, content_type=MERGE)

    async def text(self, path: str) -> str:
        """The YAML of an object, as the fleet tells it."""
        version = self.stored(path)["metadata"]["resourceVersion"]
        ends = time.monotonic() + 5
        while True:
            async with self._session.get(self._of(path), params={"format": "yaml"}) as answer:
                text = await answer.text()
            if f'resourceVersion: "{version}"' in text:
                assert text.startswith("cluster: plane\n")
                return text.removeprefix("cluster: plane\n")
            assert time.monotonic() < ends, text

    async def edit(self, path: str, before: str, after: str, **params: str) -> tuple[int, Any, list[str]]:
        """The status, the answer and the warnings."""
        body = json.dumps({"before": before, "after": after})
        async with self._session.patch(
            self._of(path), params=params, data=body, headers={"Content-Type": EDIT}
        ) as answer:
            warnings = answer.headers.getall("Warning", [])
            if params.get("format") == "yaml":
                return answer.status, await answer.text(), warnings
            return answer.status, await answer.json(content_type=None), warnings

    def _of(self, path: str) -> str:
        resource, name = path.rsplit("/", 2)[1:]
        return f"{self._url}/{resource}/{name}?cluster=plane&namespace=default"

    def clean(self) -> None:
        for path in self._created:
            with suppress(Refused):
                self.plane.request("DELETE", path)


@pytest.fixture(scope="module")
def widgets(control_plane: ControlPlane) -> Iterator[str]:
    """The collection of a custom resource that holds whatever it is given, with a status of its own."""
    name = f"editables.{GROUP}"
    control_plane.request(
        "POST", DEFINITIONS, crd("editables", "Editable", GROUP, subresources={"status": {}})
    )
    collection = f"/apis/{GROUP}/v1/namespaces/default/editables"
    ends = time.monotonic() + 20
    while True:
        try:
            control_plane.request("GET", collection)
            break
        except Refused:
            assert time.monotonic() < ends
            time.sleep(0.1)
    yield collection
    control_plane.request("DELETE", f"{DEFINITIONS}/{name}")


@pytest.fixture(scope="module")
def product(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    kubeconfig = control_plane.kubeconfig(folder / "kubeconfig")
    with Product(folder, "--kubeconfig", str(kubeconfig)) as product:
        yield product


@pytest.fixture
async def place(control_plane: ControlPlane, product: Product) -> AsyncIterator[Place]:
    async with aiohttp.ClientSession() as session:
        place = Place(session, control_plane, product.url)
        yield place
        place.clean()


def bare(stored: Any) -> Any:
    """What of an object no write changes by itself."""
    metadata = {
        name: value
        for name, value in stored["metadata"].items()
        if name not in ("managedFields", "resourceVersion", "generation")
    }
    return {**stored, "metadata": metadata}


async def test_what_is_not_edited_stays_to_the_last_bit(place: Place, widgets: str) -> None:
    spec = {
        "texts": {f"t{number}": text for number, text in enumerate(TEXTS)},
        "list": [TEXTS, NUMBERS, {"deep": [[{}], [], {"a": None}]}],
        "numbers": {f"n{number}": value for number, value in enumerate(NUMBERS)},
        "names": dict.fromkeys(TEXTS, 1),
        "editable": "old",
    }
    path = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec=spec)
    held = place.stored(path)
    assert held["spec"] == spec
    before = await place.text(path)
    status, answer, _ = await place.edit(path, before, before.replace("editable: old", "editable: new"))
    assert status == 200, answer
    assert bare(place.stored(path)) == bare({**held, "spec": {**spec, "editable": "new"}})


@pytest.mark.parametrize("text", TEXTS)
async def test_every_text_can_be_edited_and_brought_back(place: Place, widgets: str, text: str) -> None:
    """As a value, as an element and as a name: tests compare it as the server spells it."""
    spec = {"value": text, "list": [text], "map": {text: text}, "z": 2**63 - 1}
    path = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec=spec)
    before = await place.text(path)
    head = before[: before.index("spec:\n")]
    other = {"value": "other", "list": ["other"], "map": {"other": 2**53 + 1}, "z": 2**63 - 2}
    status, answer, _ = await place.edit(path, before, f"{head}spec: {json.dumps(other)}\n")
    assert status == 200, answer
    assert place.stored(path)["spec"] == other
    status, answer, _ = await place.edit(path, await place.text(path), before, dryRun="All")
    assert status == 409, "the version of the first text is an old one"
    again = re.sub(r"\n  (resourceVersion|generation): .*", "", before)
    now = re.sub(r"\n  (resourceVersion|generation): .*", "", await place.text(path))
    status, answer, _ = await place.edit(path, now, again)
    assert status == 200, answer
    assert place.stored(path)["spec"] == spec


@pytest.mark.parametrize("number", NUMBERS)
async def test_numbers_can_be_edited(place: Place, widgets: str, number: Any) -> None:
    path = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec={"value": number})
    before = await place.text(path)
    line = next(line for line in before.split("\n") if line.startswith("  value: "))
    status, answer, _ = await place.edit(path, before, before.replace(line, "  value: x"))
    assert status == 200, answer
    now = await place.text(path)
    status, answer, _ = await place.edit(path, now, now.replace("  value: x", line))
    assert status == 200, answer
    value = place.stored(path)["spec"]["value"]
    assert (type(value), value) == (type(number), number)


async def test_a_status_that_changes_meanwhile_is_no_conflict(place: Place, widgets: str) -> None:
    path = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec={"a": 1})
    place.plane.request("PATCH", f"{path}/status", {"status": {"seen": 1}}, content_type=MERGE)
    before = await place.text(path)
    place.plane.request("PATCH", f"{path}/status", {"status": {"seen": 2}}, content_type=MERGE)
    place.change(path, {"spec": {"other": "theirs"}})
    status, answer, _ = await place.edit(path, before, before.replace("  a: 1\n", "  a: 5\n  b: [1]\n"))
    assert status == 200, answer
    stored = place.stored(path)
    assert stored["spec"] == {"a": 5, "b": [1], "other": "theirs"}
    assert stored["status"] == {"seen": 2}


async def test_a_member_cluster_of_its_own_is_kept_and_may_be_added(place: Place, widgets: str) -> None:
    own = {"cluster": {"name": "theirs"}}
    path = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec={"a": 1}, **own)
    before = await place.text(path)
    assert "theirs" not in before
    status, answer, _ = await place.edit(path, before, before.replace("  a: 1\n", "  a: 2\n"))
    assert status == 200, answer
    stored = place.stored(path)
    assert (stored["spec"], stored["cluster"]) == ({"a": 2}, own["cluster"])
    now = await place.text(path)
    status, answer, _ = await place.edit(path, now, now + "cluster: {name: mine}\n")
    assert (status, place.stored(path)) == (409, stored), answer
    other = place.create(widgets, apiVersion=f"{GROUP}/v1", kind="Editable", spec={"a": 1})
    text = await place.text(other)
    status, answer, _ = await place.edit(other, text, text + "cluster: {name: mine}\n")
    assert status == 200, answer
    assert place.stored(other)["cluster"] == {"name": "mine"}


@pytest.mark.parametrize(
    ("theirs", "mine", "named"),
    [
        ({"data": {"a": "theirs"}}, ("a: old", "a: mine"), "data.a"),
        ({"data": {"a": None}}, ("a: old", "a: mine"), "data.a"),
        ({"data": {"a": "theirs"}}, ("  a: old\n", ""), "data.a"),
        (
            {"metadata": {"annotations": {"x.y/z": "theirs"}}},
            ("    note: old\n", "    note: old\n    x.y/z: mine\n"),
            "metadata.annotations['x.y/z']",
        ),
        ({"data": None}, ("a: old", "a: mine"), "data"),
        ({"metadata": {"labels": {"l": "theirs"}}}, ("l: old", "l: mine"), "metadata.labels.l"),
        ({"metadata": {"finalizers": ["a.b/theirs"]}}, ("- a.b/c", "- a.b/mine"), "metadata.finalizers"),
    ],
)
async def test_what_somebody_else_changed_is_named(
    place: Place, theirs: Any, mine: tuple[str, str], named: str
) -> None:
    metadata = {"labels": {"l": "old"}, "annotations": {"note": "old"}, "finalizers": ["a.b/c"]}
    path = place.create(f"{CORE}/configmaps", metadata=metadata, data={"a": "old", "b": "old"})
    before = await place.text(path)
    place.change(path, theirs)
    held = place.stored(path)
    assert mine[0] in before
    status, answer, _ = await place.edit(path, before, before.replace(*mine))
    assert (status, answer["reason"]) == (409, "Conflict"), answer
    assert f"somebody else has changed {named} meanwhile" in answer["detail"]
    assert place.stored(path) == held
    place.change(path, {"metadata": {"finalizers": None}})


async def test_nothing_is_written_where_both_texts_say_the_same(place: Place) -> None:
    path = place.create(f"{CORE}/configmaps", data={"a": "old"})
    before = await place.text(path)
    held = place.stored(path)
    for after in (before, "# a comment\n" + before.replace("a: old", '"a":   "old"')):
        status, answer, warnings = await place.edit(path, before, after)
        assert status == 200
        assert answer["data"] == {"a": "old"}
        assert warnings == ['299 - "nothing was written: both texts say the same"']
    place.change(path, {"data": {"a": "new"}})
    held = place.stored(path)
    status, _, warnings = await place.edit(path, before, before.replace("a: old", "a: new"))
    assert (status, place.stored(path)) == (200, held)
    assert warnings == ['299 - "nothing was written: the object is as the edit would make it"']


async def test_an_object_that_was_made_anew_is_another_one(place: Place) -> None:
    path = place.create(f"{CORE}/configmaps", data={"a": "old"})
    before = await place.text(path)
    place.plane.request("DELETE", path)
    status, _, _ = await place.edit(path, before, before.replace("a: old", "a: new"))
    assert status == 404
    collection, _, name = path.rpartition("/")
    place.plane.request("POST", collection, {"metadata": {"name": name}, "data": {"a": "old"}})
    status, answer, _ = await place.edit(path, before, before.replace("a: old", "a: new"))
    assert status == 409
    assert "deleted and created anew" in answer["detail"]
    assert place.stored(path)["data"] == {"a": "old"}


async def test_a_dry_run_validation_and_yaml(place: Place) -> None:
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "m", "image": "nginx"}]}}
    deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    path = place.create("/apis/apps/v1/namespaces/default/deployments", spec=deployment)
    before = await place.text(path)
    after = before.replace("  replicas: 1\n", "  replicas: 3\n")
    status, text, _ = await place.edit(path, before, after, dryRun="All", format="yaml")
    assert status == 200
    assert "\n  replicas: 3\n" in text
    assert text.startswith("cluster: plane\n")
    assert place.stored(path)["spec"]["replicas"] == 1
    misspelled = before.replace("  replicas: 1\n", "  replicas: 1\n  replicaz: 3\n")
    status, answer, _ = await place.edit(path, before, misspelled, fieldValidation="Strict")
    assert status in (400, 422)
    assert "replicaz" in answer["detail"]
    status, _, warnings = await place.edit(path, before, misspelled, dryRun="All", fieldValidation="Warn")
    assert status == 200
    assert "replicaz" in warnings[0]
    wrong = before.replace("  replicas: 1\n", "  replicas: -1\n")
    status, answer, _ = await place.edit(path, before, wrong)
    assert status == 422
    assert "spec.replicas" in answer["detail"]
    status, answer, _ = await place.edit(path, before, after, fieldValidation="strict")
    assert status == 400
    assert "Ignore, Warn, Strict" in answer["detail"]
    status, answer, _ = await place.edit(path, before, after, format="table")
    assert status == 400
    assert "json, yaml" in answer["detail"]


async def test_writers_of_other_fields_do_not_hinder_each_other(place: Place) -> None:
    path = place.create(f"{CORE}/configmaps", data={f"k{number}": "0" for number in range(8)})
    before = await place.text(path)
    answers = await asyncio.gather(
        *(
            place.edit(path, before, before.replace(f'k{number}: "0"', f'k{number}: "1"'))
            for number in range(8)
        )
    )
    assert [status for status, _, _ in answers] == [200] * 8, answers
    assert set(place.stored(path)["data"].values()) == {"1"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
VALUES = {"user": "alice", "password": "hunter2", "empty": ""}
Change = Callable[[str], str]


@pytest.mark.parametrize("annotations", [{"note": "mine", LAST_APPLIED: "{}"}, {LAST_APPLIED: "{}"}, None])
@pytest.mark.parametrize(
    ("mine", "values", "notes"),
    [
        (lambda text: text.replace("password: ''", f"password: {encoded('new')}"), {"password": "new"}, {}),
        (lambda text: text.replace("  password: ''\n", ""), {"password": None}, {}),
        (lambda text: text + "stringData: {password: new, more: x}\n", {"password": "new", "more": "x"}, {}),
        (
            lambda text: text.replace("redacted: 'true'\n", "redacted: 'true'\n    added: x\n"),
            {},
            {"added": "x"},
        ),
        (lambda text: text.replace("password: ''", "password:"), {}, {}),
        (lambda text: text.replace("data:\n", f"data:\n  added: {encoded('x')}\n"), {"added": "x"}, {}),
    ],
)
async def test_a_value_that_is_not_shown_is_changed_or_stays(
    place: Place, annotations: Any, mine: Change, values: dict[str, Any], notes: dict[str, str]
) -> None:
    metadata = {"annotations": annotations} if annotations else {}
    path = place.create(f"{CORE}/secrets", metadata=metadata, stringData=VALUES)
    before = await place.text(path)
    assert "hunter2" not in before
    assert encoded("hunter2") not in before
    assert mine(before) != before
    status, answer, _ = await place.edit(path, before, mine(before))
    assert status == 200, answer
    assert encoded("hunter2") not in json.dumps(answer)
    stored = place.stored(path)
    wanted = {key: value for key, value in {**VALUES, **values}.items() if value is not None}
    assert {key: base64.b64decode(value).decode() for key, value in stored["data"].items()} == wanted
    assert stored["metadata"].get("annotations", {}) == {**(annotations or {}), **notes}


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (lambda text: text.replace("    k8s-mcp/redacted: 'true'\n", ""), "k8s-mcp/redacted"),
        (lambda text: text.replace("password: ''", "pass: ''"), "data.pass is empty"),
        (lambda text: text + "stringData: {user: ''}\n", "stringData.user is empty"),
        (lambda text: text + "Data: {user: }\n", "Data.user is empty"),
    ],
)
async def test_a_secret_that_cannot_be_meant_so_is_not_written(place: Place, mine: Change, said: str) -> None:
    path = place.create(f"{CORE}/secrets", metadata={"annotations": {"n": "x"}}, stringData=VALUES)
    before = await place.text(path)
    held = place.stored(path)
    status, answer, _ = await place.edit(path, before, mine(before))
    assert status == 422, answer
    assert said in answer["detail"]
    assert place.stored(path) == held


async def test_a_value_that_is_not_shown_is_not_overwritten_by_who_saw_another(place: Place) -> None:
    path = place.create(f"{CORE}/secrets", stringData=VALUES)
    before = await place.text(path)
    place.change(path, {"stringData": {"password": "rotated"}})
    held = place.stored(path)
    mine = before.replace("password: ''", f"password: {encoded('new')}")
    status, answer, _ = await place.edit(path, before, mine)
    assert status == 409, answer
    assert "data.password" in answer["detail"]
    assert place.stored(path) == held
    # What is shown can be compared.
    labelled = before.replace("metadata:\n", "metadata:\n  labels: {a: b}\n")
    status, answer, _ = await place.edit(path, before, labelled)
    assert status == 200, answer
    assert place.stored(path)["data"] == held["data"]
