"""The rules that keep a list+watch right, one by one, against a server that follows a script."""

import asyncio
import json

import pytest

from app.kube import listing
from app.kube.answer_limits import OVERTIME_SECONDS, SHORT_PAGES
from app.kube.api_errors import AccessError, AnswerTooLarge, ApiError, ConnectionFailed
from app.kube.discovery.api_resource import Resource
from app.kube.recovery import FORBIDDEN_SECONDS
from tests.watching.scripted import (
    HANG,
    TIME_LIMIT,
    Listed,
    Memory,
    Script,
    Watched,
    bookmark,
    error_event,
    event,
    page,
    play,
    reflector_of,
)
from tests.watching.virtual_time import in_virtual_time

LOST = ConnectionFailed("connection lost")
DOWN = ConnectionFailed("cannot connect")
FIRST = 0.8


def api_error(status: int, reason: str = "", retry_after: float | None = None, *causes: str) -> ApiError:
    return ApiError(status, reason or "no", reason=reason, causes=causes, retry_after=retry_after)


def lasting(*batches: float | list[bytes], end: Exception | None = None) -> Watched:
    """A watch that lasts until its time limit."""
    return Watched([*batches, TIME_LIMIT], end)


# Starting


@in_virtual_time
async def test_first_list_takes_any_version_in_pages() -> None:
    played = await play(page(5, "a", more="p2"), page(5, "b", more="p3"), page(5, "c"), lasting())
    assert [dict(request.params) for request in played.requests[:3]] == [
        {"limit": "500", "resourceVersion": "0"},
        {"limit": "500", "continue": "p2"},
        {"limit": "500", "continue": "p3"},
    ]
    assert set(played.sink.held) == {"a", "b", "c"}
    assert played.sink.log == ["swap 5"]
    assert played.sink.health == ["synced"]
    assert played.reflector.version == 5


@in_virtual_time
async def test_path_of_a_namespace() -> None:
    script = Script([page(5), lasting()])
    run = asyncio.create_task(reflector_of(script, Memory(), namespace="x").run())
    await script.used_up.wait()
    assert {request.path for request in script.requests} == {"/api/v1/namespaces/x/pods"}
    run.cancel()


@in_virtual_time
async def test_first_list_of_a_server_that_pages_from_its_cache() -> None:
    script = Script([page(5, more="p2"), page(5), lasting()])
    run = asyncio.create_task(reflector_of(script, Memory(), pages_from_cache=True).run())
    await script.used_up.wait()
    assert [dict(request.params) for request in script.requests[:2]] == [
        {"limit": "500"},
        {"limit": "500", "continue": "p2"},
    ]
    run.cancel()


@in_virtual_time
async def test_expired_page_means_one_unpaged_list() -> None:
    expired = Listed(api_error(410, "Expired"))
    played = await play(page(5, "a", more="p2"), expired, page(7, "a", "b"), lasting())
    assert played.params(2) == {"resourceVersion": "0"}
    assert played.pause(2) == 0
    assert played.sink.log == ["discard", "swap 7"]
    assert set(played.sink.held) == {"a", "b"}


@in_virtual_time
async def test_page_that_fails_leaves_nothing_behind() -> None:
    played = await play(page(5, "a", more="p2"), Listed(api_error(500)), page(6, "b"), lasting())
    assert played.sink.log == ["discard", "swap 6"]
    assert played.sink.held == {"b": 6}
    assert played.sink.health == ["unreachable", "synced"]


@in_virtual_time
async def test_list_that_never_ends_is_refused() -> None:
    played = await play(page(5, "a", more="p"), page(5, "a", more="p"), page(6, "b"), lasting())
    assert played.sink.log == ["discard", "swap 6"]


@in_virtual_time
async def test_list_that_brings_nothing_and_goes_on_is_refused() -> None:
    """Pages without end, each with a token of its own, are not asked for without end."""
    empty = [page(5, more=f"p{number}") for number in range(SHORT_PAGES + 1)]
    played = await play(*empty, page(6, "b"), lasting())
    assert played.sink.log == ["discard", "swap 6"]
    assert played.pause(len(empty)) > 0
    assert "pages that hold almost nothing" in str(played.sink.states[0])


@in_virtual_time
async def test_list_in_pages_that_expire_without_end_is_refused() -> None:
    expired = Listed(api_error(410, "Expired"))
    played = await play(page(5, "a", more="p2"), expired, page(5, "a", more="p3"), page(6, "b"), lasting())
    assert played.sink.log == ["discard", "discard", "swap 6"]
    assert played.pause(3) > 0


def test_list_of_more_objects_than_a_cluster_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LIST_OBJECTS", 15)
    names = [chr(ord("a") + number) for number in range(10)]

    @in_virtual_time
    async def run() -> None:
        played = await play(page(5, *names, more="p2"), page(5, *names, more="p3"), page(6, "b"), lasting())
        assert played.sink.log == ["discard", "swap 6"]
        assert "a list of more than 15 objects" in str(played.sink.states[0])

    run()


@in_virtual_time
async def test_pages_that_are_too_long_are_asked_for_with_fewer_objects() -> None:
    too_large = Listed(AnswerTooLarge(1024))
    played = await play(too_large, page(5, "a", more="p2"), too_large, page(5, "b"), lasting())
    assert [request.params.get("limit") for request in played.requests[:4]] == ["500", "50", "50", "5"]
    assert set(played.sink.held) == {"a", "b"}


@in_virtual_time
async def test_whole_list_that_is_too_long_is_asked_for_in_pages() -> None:
    """A server that makes no pages of a list of any version makes them of the latest."""
    played = await play(*[Listed(AnswerTooLarge(1024))] * 3, page(5, "a", more="p"), page(5, "b"), lasting())
    assert [dict(request.params) for request in played.requests[2:5]] == [
        {"limit": "5", "resourceVersion": "0"},
        {"limit": "500"},
        {"limit": "500", "continue": "p"},
    ]
    assert set(played.sink.held) == {"a", "b"}


@in_virtual_time
async def test_objects_that_are_too_long_are_stale_in_words() -> None:
    expired = lasting([error_event(410, "Expired")])
    too_large = [Listed(AnswerTooLarge(1024))] * 3
    played = await play(page(5, "a"), expired, *too_large, page(6), lasting())
    assert ("stale", "the answer is longer than 1 KiB") in [state[1:] for state in played.sink.states]
    assert played.sink.health[-1] == "synced"
    assert played.reflector.counters.reconnects["oversized"] == 1


# Watching


@in_virtual_time
async def test_watch_that_outlasts_its_time_is_ended_on_this_side() -> None:
    """One that says again and again what is known would look alive for ever."""
    again: list[float | list[bytes]] = [30.0, [bookmark(5)]]
    repeats = lasting([event("ADDED", "a", 5)])
    played = await play(page(5, "a"), Watched(again * 50), page(5), repeats, lasting())
    asked = int(played.params(1)["timeoutSeconds"])
    assert asked < played.requests[1].ended - played.requests[1].at <= asked + OVERTIME_SECONDS
    assert played.reflector.counters.reconnects["lost"] == 1


@in_virtual_time
async def test_watch_goes_on_from_the_list() -> None:
    played = await play(page(5, "a"), lasting())
    params = played.params(1)
    assert params["resourceVersion"] == "5"
    assert params["allowWatchBookmarks"] == "true"
    assert 300 <= int(params["timeoutSeconds"]) <= 600


@in_virtual_time
async def test_watch_of_events_ends_before_its_silence_looks_like_a_fault() -> None:
    events = Resource("", "v1", "events", "event", "Event", True)
    script = Script([page(5), lasting()])
    run = asyncio.create_task(reflector_of(script, Memory(), resource=events).run())
    await script.used_up.wait()
    assert 40 <= int(script.requests[1].params["timeoutSeconds"]) <= 60
    run.cancel()


@in_virtual_time
async def test_version_comes_from_lists_events_and_bookmarks() -> None:
    changes = [event("ADDED", "b", 7), event("MODIFIED", "a", 8)]
    played = await play(
        page(5, "a"), lasting(changes, [bookmark(12)], [event("DELETED", "a", 13)]), lasting(), lasting()
    )
    assert played.sink.log == ["swap 5", "ADDED b 7", "MODIFIED a 8", "advance 12", "DELETED a 13"]
    assert played.params(2)["resourceVersion"] == "13"
    assert played.reflector.version == 13


@in_virtual_time
async def test_versions_of_items_are_no_position() -> None:
    played = await play(page(5, "a", changed=900), lasting(), lasting())
    assert played.sink.held == {"a": 900}
    assert played.params(1)["resourceVersion"] == "5"


@in_virtual_time
async def test_clean_end_is_resumed_at_once_and_nobody_hears_of_it() -> None:
    played = await play(page(5), lasting([event("ADDED", "a", 6)]), lasting(), lasting())
    assert [request.watches for request in played.requests] == [False, True, True, True, True]
    assert [played.pause(2), played.pause(3)] == [0, 0]
    assert played.sink.health == ["synced"]
    assert played.reflector.counters.reconnects["closed"] == 3
    assert played.reflector.counters.relists == 0


@in_virtual_time
async def test_watch_that_is_not_opened_again_in_time_is_stale() -> None:
    script, sink = Script([page(5), lasting()]), Memory()
    reflector = reflector_of(script, sink)
    run = asyncio.create_task(reflector.run())
    await script.used_up.wait()
    assert sink.health == ["synced"]
    await asyncio.sleep(10)
    assert sink.health == ["synced", "stale"]
    run.cancel()


@in_virtual_time
async def test_end_before_its_time_is_looked_into() -> None:
    again = lasting([event("ADDED", "a", 5)])
    played = await play(page(5, "a"), Watched([200.0]), page(9), again, lasting())
    assert played.params(2) == {"limit": "1"}
    assert played.params(3)["resourceVersion"] == "4"
    assert played.sink.log == ["swap 5"]
    assert played.params(4)["resourceVersion"] == "5"


@in_virtual_time
async def test_lost_watch_is_resumed_without_a_relist() -> None:
    again = lasting([event("ADDED", "b", 6), event("ADDED", "c", 8)], [bookmark(9)])
    lost = lasting([event("ADDED", "b", 6)], [bookmark(7)], end=LOST)
    played = await play(page(5, "a"), lost, page(9), again, lasting())
    assert played.params(2) == {"limit": "1"}
    assert 0 < played.pause(2) <= FIRST
    assert played.params(3)["resourceVersion"] == "5"
    assert played.sink.log == ["swap 5", "ADDED b 6", "advance 7", "ADDED c 8", "advance 9"]
    assert played.sink.health == ["synced"]
    assert played.reflector.counters.reconnects == {"lost": 1, "closed": 2}
    assert played.reflector.counters.relists == 0


@in_virtual_time
async def test_what_a_change_left_may_be_told_in_another_way() -> None:
    """As by a new version of the API server, or after a restore: it is listed, and goes on."""
    again = json.loads(event("MODIFIED", "a", 5))
    again["object"]["spec"] = {"node": "another"}
    played = await play(
        page(5, "a"),
        lasting(end=LOST),
        page(6, "a", changed=5),
        lasting([json.dumps(again).encode()]),
        page(6, "a", changed=5, node="another"),
        lasting(),
    )
    assert played.params(3)["resourceVersion"] == "4"
    assert played.params(4)["resourceVersionMatch"] == "NotOlderThan"
    assert played.sink.log == ["swap 5", "swap 6"]
    assert played.sink.continued == [True, True]


@in_virtual_time
async def test_deletions_before_the_list_may_be_repeated() -> None:
    again = [event("ADDED", "a", 5), event("DELETED", "gone", 7)]
    played = await play(page(8, "a", changed=5), lasting(end=LOST), page(9), lasting(again), lasting())
    assert played.params(1)["resourceVersion"] == "8"
    assert played.params(3)["resourceVersion"] == "4"
    assert played.reflector.version == 8
    assert played.sink.held == {"a": 5}


@in_virtual_time
async def test_history_is_recognised_where_several_objects_have_one_version() -> None:
    again = lasting([event("ADDED", "b", 5), event("ADDED", "a", 5), event("ADDED", "c", 6)])
    played = await play(page(5, "a", "b"), lasting(end=LOST), page(6), again, lasting())
    assert played.params(3)["resourceVersion"] == "4"
    assert played.sink.held == {"a": 5, "b": 5, "c": 6}
    assert played.reflector.counters.relists == 0


@in_virtual_time
async def test_nothing_to_recognise_a_history_by_means_a_list() -> None:
    listed = page(9, "a")
    played = await play(page(5), lasting([bookmark(7)], end=LOST), listed, listed, lasting())
    assert [dict(request.params) for request in played.requests[2:4]] == [{"limit": "1"}, {"limit": "500"}]
    assert played.sink.log == ["swap 5", "advance 7", "swap 9"]


@in_virtual_time
async def test_what_is_empty_still_is_not_listed_anew() -> None:
    played = await play(page(5), lasting([bookmark(7)], end=LOST), page(9), lasting(), lasting())
    assert (played.params(2), played.params(3)["resourceVersion"]) == ({"limit": "1"}, "9")
    assert played.sink.log == ["swap 5", "advance 7", "advance 9"]
    assert played.reflector.counters.relists == 0


# A server that restarted says since when it remembers.


def too_old(oldest: int) -> str:
    return f"too old resource version: 39 ({oldest})"


@pytest.mark.parametrize(
    "refusal",
    [
        Watched(refused=ApiError(410, too_old(55), reason="Expired")),
        lasting([error_event(410, "Expired", too_old(55))]),
    ],
)
@pytest.mark.parametrize("oldest", [55, 60])
def test_server_that_restarted_is_gone_on_with(refusal: Watched, oldest: int) -> None:
    """What has not changed for long is not listed: the latest change is still what it was."""

    @in_virtual_time
    async def run() -> None:
        played = await play(
            page(50, "a", changed=40),
            lasting([bookmark(60)], end=LOST),
            page(70, "a", changed=40),
            refusal,
            page(70, "a", changed=40),
            lasting([event("ADDED", "b", 71)]),
            lasting(),
        )
        assert played.params(3)["resourceVersion"] == "39"
        assert played.requests[4].path == "/api/v1/namespaces/x/pods"
        assert played.params(4) == {"limit": "1", "fieldSelector": "metadata.name=a"}
        assert played.params(5)["resourceVersion"] == "55"
        assert played.sink.log == ["swap 50", "advance 60", "ADDED b 71"]
        assert played.reflector.counters.relists == 0
        assert played.sink.health[-1] == "synced"

    run()


@in_virtual_time
async def test_after_a_deletion_what_a_restarted_server_has_is_listed() -> None:
    """In another history something else may be deleted as well, so that its absence proves nothing."""
    played = await play(
        page(30, "a", "b"),
        lasting([event("DELETED", "a", 40)], end=LOST),
        page(70, "c"),
        Watched(refused=ApiError(410, too_old(40), reason="Expired")),
        page(70, "c"),
        lasting(),
    )
    assert played.params(4) == {"limit": "500"}
    assert [*played.sink.held] == ["c"]


@pytest.mark.parametrize(
    "answers",
    [
        [page(70, "a", changed=39)],
        [page(70, "a", changed=66)],
        [page(70, "a", changed=40, uid="another")],
        [page(70, "a", changed=40, node="another")],
        [page(70)],
        [page(70, "other")],
        [Listed(api_error(400))],
        [page(70, "a", changed=40), lasting([event("ADDED", "b", 60)])],
        [page(70, "a", changed=40), lasting([event("DELETED", "b", 57)])],
    ],
)
def test_server_that_restarted_with_another_history_is_listed_anew(answers: list[Listed | Watched]) -> None:
    @in_virtual_time
    async def run() -> None:
        refused = Watched(refused=ApiError(410, too_old(55), reason="Expired"))
        begun = page(50, "a", changed=40), lasting([bookmark(60)], end=LOST), page(70, "a"), refused
        played = await play(*begun, *answers, page(71, "b"), lasting())
        assert played.params(4 + len(answers)) == {"limit": "500"}
        assert played.sink.held == {"b": 71}
        assert played.reflector.counters.relists == 1

    run()


@in_virtual_time
async def test_server_that_remembers_too_little_is_listed_anew() -> None:
    refused = Watched(refused=ApiError(410, too_old(61), reason="Expired"))
    begun = page(50, "a", changed=40), lasting([bookmark(60)], end=LOST), page(70, "a"), refused
    played = await play(*begun, page(71, "b"), lasting())
    assert played.params(4) == {"limit": "500"}


@in_virtual_time
async def test_history_that_went_back_is_listed_anew() -> None:
    played = await play(page(50, "a"), lasting(end=LOST), page(20), page(21, "b"), lasting())
    assert played.params(3) == {"limit": "500"}
    assert played.sink.log == ["swap 50", "swap 21"]
    assert played.sink.held == {"b": 21}
    assert played.params(4)["resourceVersion"] == "21"
    assert played.reflector.counters.reconnects["history"] == 1
    assert played.reflector.counters.relists == 1
    assert played.sink.health == ["synced"]


@pytest.mark.parametrize(
    "answer",
    [
        lasting([event("ADDED", "a", 51)]),
        lasting([bookmark(60)]),
        lasting(),
        lasting([event("ADDED", "a", 50).replace(b'"uid-a"', b'"another"')]),
        lasting([error_event(410, "Expired")]),
        Watched(refused=api_error(410, "Expired")),
        Watched(),
    ],
)
def test_history_that_went_back_and_passed_is_listed_anew(answer: Watched) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(page(50, "a"), lasting(end=LOST), page(70), answer, page(71, "b"), lasting())
        assert played.params(3)["resourceVersion"] == "49"
        assert played.params(4)["limit"] == "500"
        assert played.sink.log == ["swap 50", "swap 71"]
        assert played.sink.held == {"b": 71}
        assert played.requests[4].at - played.requests[3].at < 12

    run()


@pytest.mark.parametrize("line", [bookmark(30), event("ADDED", "b", 30)])
def test_lower_version_on_a_watch_is_another_history(line: bytes) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(page(50, "a"), lasting([line]), page(31, "b"), lasting())
        assert played.params(2) == {"limit": "500"}
        assert played.sink.log == ["swap 50", "swap 31"]

    run()


@in_virtual_time
async def test_events_may_come_in_any_order_of_versions() -> None:
    changes = [event("ADDED", "b", 9), event("ADDED", "c", 7), bookmark(9)]
    played = await play(page(5), lasting(changes), lasting())
    assert played.sink.log == ["swap 5", "ADDED b 9", "ADDED c 7"]
    assert played.params(2)["resourceVersion"] == "9"


@in_virtual_time
async def test_end_at_once_without_an_event_is_suspicious() -> None:
    played = await play(page(5), Watched([0.5]), page(6), lasting())
    assert played.params(2) == {
        "limit": "500",
        "resourceVersion": "5",
        "resourceVersionMatch": "NotOlderThan",
    }
    assert played.pause(2) > 0
    assert played.reflector.counters.reconnects["early"] == 1


@in_virtual_time
async def test_ends_at_once_come_ever_more_slowly() -> None:
    rounds = 12
    played = await play(*[answer for _ in range(rounds) for answer in (page(5), Watched())])
    assert 60 < played.requests[-1].at < 60 * rounds
    assert played.sink.health[:3] == ["synced", "stale", "synced"]


# Errors


@pytest.mark.parametrize(
    "trouble",
    [
        Watched(refused=api_error(410, "Expired")),
        Watched(refused=api_error(410, "Gone")),
        Watched(refused=api_error(504, "Timeout", None, "ResourceVersionTooLarge")),
        Watched(refused=ApiError(504, "Too large resource version: 9, current: 2", reason="Timeout")),
        lasting([error_event(410, "Expired")]),
        lasting([error_event(410, "Gone")]),
        lasting([error_event(504, "Timeout", causes=[{"reason": "ResourceVersionTooLarge"}])]),
    ],
)
def test_expired_means_a_list_of_what_there_is_now(trouble: Watched) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(page(5, "a"), trouble, page(9, "b"), lasting())
        assert played.params(2) == {"limit": "500"}
        assert played.pause(2) <= FIRST
        assert played.sink.held == {"b": 9}
        assert played.sink.health == ["synced"]
        assert played.reflector.counters.reconnects["expired"] == 1

    run()


@in_virtual_time
async def test_relist_that_is_too_far_ahead_is_done_afresh() -> None:
    ahead = Listed(api_error(504, "Timeout", None, "ResourceVersionTooLarge"))
    played = await play(page(5), Watched(), ahead, page(3, "a"), lasting())
    assert played.params(2)["resourceVersion"] == "5"
    assert played.params(3) == {"limit": "500"}
    assert played.sink.log == ["swap 5", "discard", "swap 3"]
    assert played.reflector.version == 3


@in_virtual_time
async def test_other_error_events_mean_a_relist() -> None:
    played = await play(page(5), lasting([error_event(500, "InternalError", "oops")]), page(6), lasting())
    assert played.params(2)["resourceVersion"] == "5"
    assert [(state, error) for _, state, error in played.sink.states] == [
        ("synced", None),
        ("stale", "oops"),
        ("synced", None),
    ]


@pytest.mark.parametrize("status", [500, 503])
def test_retry_after_is_obeyed_and_the_watch_resumed(status: int) -> None:
    @in_virtual_time
    async def run() -> None:
        busy = Watched(refused=api_error(status, "Busy", 17))
        again = lasting([event("ADDED", "a", 5)])
        played = await play(page(5, "a"), busy, page(9), again, lasting())
        assert 17 <= played.pause(2) <= 17 + FIRST
        assert played.params(2) == {"limit": "1"}
        assert played.params(3)["resourceVersion"] == "4"
        assert played.sink.log == ["swap 5"]
        assert played.sink.health == ["synced", "stale", "synced"]

    run()


@pytest.mark.parametrize("status", [401, 429])
def test_server_that_rejects_us_is_the_same_server(status: int) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(page(5), Watched(refused=api_error(status, "", 17)), lasting())
        assert 17 <= played.pause(2) <= 17 + FIRST
        assert played.params(2)["resourceVersion"] == "5"
        assert played.sink.health == ["synced", "stale", "synced"]

    run()


@in_virtual_time
async def test_retry_after_has_a_limit() -> None:
    played = await play(page(5), Watched(refused=api_error(503, "", 1e9)), page(9), lasting())
    assert played.pause(2) <= 121


@in_virtual_time
async def test_backoff_grows_to_its_limit_and_starts_over_after_health() -> None:
    failures = 40
    again = lasting([event("ADDED", "a", 5)], end=LOST)
    down = Watched(refused=api_error(503))
    played = await play(
        page(5, "a"), down, *[Listed(api_error(503))] * failures, page(5), again, page(5), down
    )
    pauses = [played.pause(index) for index in range(2, failures + 3)]
    assert pauses[0] <= FIRST
    assert pauses[1] <= 2 * FIRST
    assert 20 < max(pauses) <= 30
    after_health = failures + 4
    assert 0 < played.pause(after_health) <= FIRST
    assert 0 < played.pause(after_health + 2) <= 2 * FIRST
    assert played.sink.health == ["synced", "stale", "synced", "stale"]


@in_virtual_time
async def test_other_refusals_mean_a_relist() -> None:
    played = await play(page(5), Watched(refused=api_error(400, "BadRequest")), page(6), lasting())
    assert played.params(2)["limit"] == "500"
    assert played.sink.health == ["synced", "stale", "synced"]


@in_virtual_time
async def test_forbidden_forgets_and_asks_slowly() -> None:
    no = api_error(403, "Forbidden")
    played = await play(page(5, "a"), Watched(refused=no), Listed(no), Listed(DOWN), page(8, "b"), lasting())
    assert played.pause(2) >= FORBIDDEN_SECONDS
    assert played.pause(3) >= FORBIDDEN_SECONDS
    assert played.sink.health == ["synced", "forbidden", "unreachable", "synced"]
    assert played.sink.held == {"b": 8}
    assert played.sink.log[-1] == "swap 8"


@pytest.mark.parametrize("groups", [b'{"resources":[]}', api_error(404)])
def test_missing_resource_that_is_gone_ends_it(groups: bytes | Exception) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(page(5, "a"), Watched(refused=api_error(404)), Listed(groups))
        assert played.sink.health == ["synced", "gone"]
        assert played.requests[-1].path == "/api/v1"

    run()


@pytest.mark.parametrize("groups", [b'{"resources":[{"name":"pods","kind":"Pod"}]}', api_error(503), DOWN])
def test_missing_resource_that_may_still_be_there_is_asked_for_again(groups: bytes | Exception) -> None:
    @in_virtual_time
    async def run() -> None:
        missing = Watched(refused=api_error(404))
        played = await play(page(5, "a"), missing, Listed(groups), page(6, "a"), lasting())
        assert played.sink.health == ["synced", "stale", "synced"]
        assert played.params(3)["resourceVersion"] == "5"

    run()


@pytest.mark.parametrize("trouble", [DOWN, AccessError("exec plugin failed")])
def test_attempt_to_connect_that_fails_is_unreachable(trouble: Exception) -> None:
    @in_virtual_time
    async def run() -> None:
        again = lasting([event("ADDED", "a", 5)])
        played = await play(page(5, "a"), lasting(end=LOST), Listed(trouble), page(5), again, lasting())
        assert [(state, error) for _, state, error in played.sink.states] == [
            ("synced", None),
            ("unreachable", str(trouble)),
            ("synced", None),
        ]

    run()


@in_virtual_time
async def test_synced_again_only_when_the_watch_is_open() -> None:
    refused = Watched(refused=api_error(503))
    again = Watched([3.0, [event("ADDED", "a", 5)], TIME_LIMIT])
    played = await play(
        page(5, "a"), lasting(end=LOST), Listed(DOWN), page(5), refused, page(5), again, lasting()
    )
    assert played.sink.health == ["synced", "unreachable", "stale", "synced"]
    assert played.sink.states[-1][0] == played.requests[6].at + 3


@pytest.mark.parametrize(
    "trouble", [api_error(503), api_error(410), DOWN, b"", b"<html>", b"{}", b'{"kind":"Status","code":500}']
)
def test_never_synced_is_unreachable(trouble: bytes | Exception) -> None:
    @in_virtual_time
    async def run() -> None:
        played = await play(Listed(trouble), page(5), lasting())
        assert played.sink.health == ["unreachable", "synced"]

    run()


@in_virtual_time
async def test_health_is_told_when_it_changes() -> None:
    played = await play(*[Listed(DOWN)] * 5, Listed(api_error(503)), page(5), lasting())
    assert [(state, error) for _, state, error in played.sink.states] == [
        ("unreachable", "cannot connect"),
        ("unreachable", "503 no"),
        ("synced", None),
    ]


@in_virtual_time
async def test_garbage_on_a_watch_means_a_relist() -> None:
    played = await play(page(5), lasting([b'{"type":"ADDED","obj']), page(6), lasting())
    assert played.params(2)["resourceVersion"] == "5"
    assert played.sink.health == ["synced", "stale", "synced"]
    assert played.reflector.counters.reconnects["garbage"] == 1


# From outside


@in_virtual_time
async def test_wake_cuts_waiting_short() -> None:
    answers: list[Listed | Watched] = [*[Listed(DOWN)] * 30, page(20, "a"), Watched([HANG])]
    script, sink = Script(answers), Memory()
    reflector = reflector_of(script, sink)
    run = asyncio.create_task(reflector.run())
    for _ in range(32):
        await asyncio.sleep(1)
        reflector.wake()
    assert sink.held == {"a": 20}
    run.cancel()


@in_virtual_time
async def test_relist_interrupts_a_watch() -> None:
    script, sink = Script([page(50), Watched([HANG]), page(20, "a"), Watched([HANG])]), Memory()
    reflector = reflector_of(script, sink)
    run = asyncio.create_task(reflector.run())
    await asyncio.sleep(100)
    reflector.relist()
    reflector.relist()
    await asyncio.sleep(1)
    assert script.requests[2].params == {"limit": "500"}
    assert sink.held == {"a": 20}
    assert reflector.version == 20
    assert reflector.counters.reconnects == {"asked": 1}
    assert sink.health == ["synced"]
    run.cancel()


@in_virtual_time
async def test_relist_interrupts_waiting_and_listing() -> None:
    slow = Listed(b"", seconds=100)
    script, sink = Script([Listed(api_error(503, "", 100)), slow, page(20, "a"), Watched([HANG])]), Memory()
    reflector = reflector_of(script, sink)
    run = asyncio.create_task(reflector.run())
    await asyncio.sleep(10)
    reflector.relist()
    await asyncio.sleep(10)
    reflector.relist()
    await asyncio.sleep(10)
    assert [request.at for request in script.requests[:3]] == [0, 10, 20]
    assert sink.health == ["unreachable", "synced"]
    run.cancel()


@in_virtual_time
async def test_run_again_after_a_fault_of_ours_tells_how_it_is() -> None:
    script, sink = Script([page(5), Watched(refused=ZeroDivisionError()), page(6), Watched([HANG])]), Memory()
    reflector = reflector_of(script, sink)
    with pytest.raises(ZeroDivisionError):
        await reflector.run()
    reflector.relist()
    run = asyncio.create_task(reflector.run())
    await asyncio.sleep(1)
    assert sink.health == ["synced", "synced"]
    assert script.requests[2].params == {"limit": "500"}
    run.cancel()


@in_virtual_time
async def test_cancelled_list_gives_its_place_back() -> None:
    relists = asyncio.Semaphore(1)
    reflector = reflector_of(Script([Listed(b"", seconds=HANG)]), Memory(), relists=relists)
    run = asyncio.create_task(reflector.run())
    await asyncio.sleep(1)
    assert relists.locked()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert not relists.locked()


@in_virtual_time
async def test_lists_wait_for_each_other_and_watches_do_not() -> None:
    relists = asyncio.Semaphore(1)
    runs = []
    scripts = []
    for _ in range(3):
        scripts.append(Script([Listed(page(5).body, 10.0), Watched([HANG])]))
        reflector = reflector_of(scripts[-1], Memory(), relists=relists)
        runs.append(asyncio.create_task(reflector.run()))
    await asyncio.sleep(100)
    assert [script.requests[0].at for script in scripts] == [0, 10, 20]
    for run in runs:
        run.cancel()
