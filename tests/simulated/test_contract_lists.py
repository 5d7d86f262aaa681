"""Lists of simulated and real API servers: pages, versions, selectors."""

import base64
import json

import pytest

from tests.builders import pod
from tests.simulated.api import Api, data_map


async def test_a_list_is_sorted_and_has_a_version(api: Api) -> None:
    empty = await api.get(api.path("configmaps"))
    assert empty.body["items"] == []
    created = await api.config_maps("b", "a", "c")
    listed = await api.get(api.path("configmaps"))
    assert listed.names == ["a", "b", "c"]
    assert int(listed.version) >= int(created[-1]["metadata"]["resourceVersion"]) > int(empty.version)
    everywhere = (await api.get("/api/v1/configmaps")).body["items"]
    places = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in everywhere]
    assert [name for namespace, name in places if namespace == api.namespace] == ["a", "b", "c"]
    assert places == sorted(places)


async def test_pages_are_of_one_version_whatever_is_written_meanwhile(api: Api) -> None:
    await api.config_maps("a", "b", "c", "d", "e")
    path = api.path("configmaps")
    first = await api.get(path, limit="2")
    assert (first.names, first.body["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    await api.delete(f"{path}/c")
    await api.config_maps("bb")
    second = await api.get(path, limit="2", **{"continue": first.body["metadata"]["continue"]})
    assert (second.names, second.version) == (["c", "d"], first.version)
    assert second.body["metadata"]["remainingItemCount"] == 1
    third = await api.get(path, limit="2", **{"continue": second.body["metadata"]["continue"]})
    assert (third.names, third.version) == (["e"], first.version)
    assert not {"continue", "remainingItemCount"} & third.body["metadata"].keys()


async def test_pages_over_all_namespaces_go_on_where_they_ended(api: Api) -> None:
    await api.config_maps("a", "b", "c")
    names, query = [], {"limit": "2"}
    while True:
        page = await api.get("/api/v1/configmaps", **query)
        names += [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in page.body["items"]]
        if not (token := page.body["metadata"].get("continue")):
            break
        query["continue"] = token
    assert [name for namespace, name in names if namespace == api.namespace] == ["a", "b", "c"]
    assert len(set(names)) == len(names)


async def test_pages_of_a_selection_do_not_say_how_many_remain(api: Api) -> None:
    await api.config_maps("a", "b", "c", labels={"app": "web"})
    await api.config_maps("d")
    page = await api.get(api.path("configmaps"), limit="2", labelSelector="app=web")
    assert page.names == ["a", "b"]
    assert "remainingItemCount" not in page.body["metadata"]
    rest = await api.get(
        api.path("configmaps"), labelSelector="app=web", **{"continue": page.body["metadata"]["continue"]}
    )
    assert rest.names == ["c"]


async def test_an_expired_page_offers_to_go_on_with_what_is_there_now(api: Api) -> None:
    widgets = api.path("widgets", group=await api.define())
    for name in ("a", "b", "c"):
        await api.create(widgets, {**_widget(widgets), "metadata": {"name": name}})
    page = await api.get(widgets, limit="1")
    token = page.body["metadata"]["continue"]
    await api.delete(f"{widgets}/b")
    await api.forget()
    # Real ones serve what is expired for a while out of their cache; no cache has what was before the kind.
    expired = await api.get(widgets, limit="1", **{"continue": _of_version_one(token)})
    assert (expired.status, expired.body["reason"]) == (410, "Expired")
    assert expired.body["message"].startswith("The provided continue parameter is too old to display")
    rest = await api.get(widgets, limit="1", **{"continue": expired.body["metadata"]["continue"]})
    assert rest.names == ["c"]
    assert int(rest.version) > int(page.version)


async def test_exactly_a_version_shows_what_was(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("a", "b")
    before = await api.get(path)
    await api.delete(f"{path}/a")
    await api.patch(f"{path}/b", {"data": {"a": "2"}})
    exact = await api.get(path, resourceVersion=before.version, resourceVersionMatch="Exact")
    assert (exact.body["items"], exact.version) == (before.body["items"], before.version)
    newer = await api.get(path, resourceVersion=before.version, resourceVersionMatch="NotOlderThan")
    assert int(newer.version) >= int(before.version)
    # With a limit, an older version without a match is that version.
    paged = await api.get(path, resourceVersion=before.version, limit="1")
    assert (paged.names, paged.version) == (["a"], before.version)


async def test_exactly_a_forgotten_version_has_expired(api: Api) -> None:
    widgets = api.path("widgets", group=await api.define())
    await api.forget()
    answer = await api.get(widgets, resourceVersion="1", resourceVersionMatch="Exact")
    assert (answer.status, answer.body["reason"], answer.body["code"]) == (410, "Expired", 410)


async def test_any_version_will_do_for_zero_and_is_not_paged(api: Api) -> None:
    await api.config_maps("a", "b")
    listed = await api.get(api.path("configmaps"), resourceVersion="0", limit="1")
    assert listed.status == 200
    assert "continue" not in listed.body["metadata"]


async def test_a_version_that_has_not_been_yet_is_too_large(api: Api) -> None:
    answer = await api.get(api.path("configmaps"), resourceVersion="99999999")
    assert (answer.status, answer.body["reason"], answer.retry_after) == (504, "Timeout", "1")
    assert "Too large resource version: 99999999, current: " in answer.body["message"]
    assert answer.body["details"] == {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({"limit": "x"}, 400, "BadRequest"),
        ({"continue": "xyz"}, 400, "BadRequest"),
        ({"resourceVersion": "x"}, 400, "BadRequest"),
        ({"resourceVersionMatch": "Exact"}, 422, "Invalid"),
        ({"resourceVersion": "1", "resourceVersionMatch": "Nearly"}, 422, "Invalid"),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422, "Invalid"),
        ({"labelSelector": "app in ("}, 400, "BadRequest"),
        ({"fieldSelector": "name"}, 400, "BadRequest"),
        ({"fieldSelector": "data.a=1"}, 400, "BadRequest"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    api: Api, query: dict[str, str], status: int, reason: str
) -> None:
    answer = await api.get(api.path("configmaps"), **query)
    assert (answer.status, answer.body["kind"], answer.body["reason"]) == (status, "Status", reason)


async def test_a_continued_list_takes_no_version(api: Api) -> None:
    await api.config_maps("a", "b")
    page = await api.get(api.path("configmaps"), limit="1")
    query = {"continue": page.body["metadata"]["continue"], "resourceVersion": page.version}
    answer = await api.get(api.path("configmaps"), **query)
    assert (answer.status, answer.body["message"]) == (
        400,
        "specifying resource version is not allowed when using continue",
    )


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=web", ["a", "b"]),
        ("app==web", ["a", "b"]),
        ("app!=web", ["c", "d"]),
        ("app in (web, db)", ["a", "b", "c"]),
        ("app notin (web)", ["c", "d"]),
        ("app", ["a", "b", "c"]),
        ("!app", ["d"]),
        ("app=web,tier", ["b"]),
        ("app, tier notin (front)", ["a", "c"]),
        ("", ["a", "b", "c", "d"]),
    ],
)
async def test_label_selectors(api: Api, selector: str, names: list[str]) -> None:
    await api.config_maps("a", labels={"app": "web"})
    await api.config_maps("b", labels={"app": "web", "tier": "front"})
    await api.config_maps("c", labels={"app": "db"})
    await api.config_maps("d")
    assert (await api.get(api.path("configmaps"), labelSelector=selector)).names == names


async def test_field_selectors(api: Api) -> None:
    for body in (pod("a", None, node="n1"), pod("b", None, node="n2"), pod("c", None)):
        await api.create(api.path("pods"), body)
    running = {"status": {"phase": "Running"}}
    await api.patch(f"{api.path('pods', 'b')}/status", running, "application/strategic-merge-patch+json")
    for selector, names in (
        ("metadata.name=b", ["b"]),
        ("metadata.name!=b", ["a", "c"]),
        (f"metadata.namespace={api.namespace},spec.nodeName=n1", ["a"]),
        ("spec.nodeName=", ["c"]),
        ("spec.nodeName!=", ["a", "b"]),
        ("status.phase=Running", ["b"]),
        ("status.phase=Pending,spec.nodeName!=n1", ["c"]),
    ):
        assert (await api.get(api.path("pods"), fieldSelector=selector)).names == names, selector
    everywhere = await api.get("/api/v1/pods", fieldSelector=f"metadata.namespace={api.namespace}")
    assert everywhere.names == ["a", "b", "c"]


async def test_events_are_found_by_what_they_are_about(api: Api) -> None:
    for name, kind, about in (("e1", "Warning", "a"), ("e2", "Normal", "a"), ("e3", "Warning", "b")):
        involved = {"kind": "Pod", "namespace": api.namespace, "name": about}
        event = {"metadata": {"name": name}, "type": kind, "reason": "Test", "involvedObject": involved}
        await api.create(api.path("events"), {"apiVersion": "v1", "kind": "Event", **event})
    for selector, names in (
        ("involvedObject.name=a", ["e1", "e2"]),
        ("involvedObject.kind=Pod,type=Warning", ["e1", "e3"]),
        ("reason=Other", []),
    ):
        assert (await api.get(api.path("events"), fieldSelector=selector)).names == names


async def test_secrets_are_found_by_type_and_hold_what_was_given_as_text(api: Api) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    created = await api.create(api.path("secrets"), secret)
    assert (created["data"], created["type"], "stringData" in created) == ({"a": "Yg=="}, "Opaque", False)
    assert (await api.get(api.path("secrets"), fieldSelector="type=Opaque")).names == ["s"]
    assert (await api.get(api.path("secrets"), fieldSelector="type!=Opaque")).names == []


async def test_an_object_is_what_its_list_shows(api: Api) -> None:
    (created,) = await api.config_maps("a")
    assert created == (await api.get(api.path("configmaps", "a"))).body
    missing = await api.get(api.path("configmaps", "b"))
    assert missing.status == 404
    assert missing.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "b" not found',
        "reason": "NotFound",
        "details": {"name": "b", "kind": "configmaps"},
        "code": 404,
    }
    assert data_map("a")["data"] == created["data"]


def _widget(path: str) -> dict[str, str]:
    return {"apiVersion": "/".join(path.split("/")[2:4]), "kind": "Widget"}


def _of_version_one(token: str) -> str:
    """A continue token, but of version 1."""
    content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert content["v"] == "meta.k8s.io/v1"
    return base64.urlsafe_b64encode(json.dumps({**content, "rv": 1}).encode()).decode().rstrip("=")
