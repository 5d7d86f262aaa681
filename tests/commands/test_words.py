"""kubectl's argument forms."""

import pytest

from app.commands.object_args import (
    ResourceArg,
    parse_duration,
    parse_log_target,
    parse_named_args,
    parse_resource_args,
    split_commas,
)
from app.commands.server_connection import UsageError


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("pods", [ResourceArg("pods")]),
        ("pods,svc", [ResourceArg("pods"), ResourceArg("svc")]),
        ("pods,,svc,pods", [ResourceArg("pods"), ResourceArg("svc")]),
        ("pod web-1", [ResourceArg("pod", ("web-1",))]),
        ("pod web-1 web-2 web-1", [ResourceArg("pod", ("web-1", "web-2"))]),
        ("deploy,svc web", [ResourceArg("deploy", ("web",)), ResourceArg("svc", ("web",))]),
        ("deploy/web", [ResourceArg("deploy", ("web",))]),
        ("pod/a svc/b pod/c pod/a", [ResourceArg("pod", ("a", "c")), ResourceArg("svc", ("b",))]),
        ("deployments.apps/web", [ResourceArg("deployments.apps", ("web",))]),
    ],
)
def test_what_arguments_mean(words: str, meant: list[ResourceArg]) -> None:
    assert parse_resource_args(words.split()) == meant


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "say what"),
        (",", "names nothing"),
        ("pods deploy/web", "'pods' is not accepted"),
        ("deploy/", "'deploy/' is not accepted"),
        ("/web", "'/web' is not accepted"),
        ("a/b/c", "'a/b/c' is not accepted"),
        ("pods,svc/web", "'pods,svc/web' is not accepted"),
    ],
)
def test_what_they_cannot_be(words: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_resource_args(words.split())


def test_where_names_are_needed() -> None:
    assert parse_named_args(["deploy/web"]) == [ResourceArg("deploy", ("web",))]
    with pytest.raises(UsageError, match="say which of the deploy"):
        parse_named_args(["deploy"])


def test_a_word_alone_is_a_pod_where_logs_are_meant() -> None:
    assert parse_log_target("web-1") == ResourceArg("pods", ("web-1",))
    assert parse_log_target("deploy/web") == ResourceArg("deploy", ("web",))


def test_options_that_take_several() -> None:
    assert split_commas(["a,b", " c ", ""]) == ["a", "b", "c"]
    assert split_commas(None) == []


@pytest.mark.parametrize(
    ("text", "meant"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5m", 90), ("10ms", 1)]
)
def test_times(text: str, meant: int) -> None:
    assert parse_duration("--since", text) == meant


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5y", "1h 5m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        parse_duration("--since", text)
