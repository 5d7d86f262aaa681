"""kubectl's argument forms."""

import pytest

from app.commands.object_args import Asked, asked, named, pod_or_workload, seconds, split
from app.commands.server_connection import Misuse


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("pods", [Asked("pods")]),
        ("pods,svc", [Asked("pods"), Asked("svc")]),
        ("pods,,svc,pods", [Asked("pods"), Asked("svc")]),
        ("pod web-1", [Asked("pod", ("web-1",))]),
        ("pod web-1 web-2 web-1", [Asked("pod", ("web-1", "web-2"))]),
        ("deploy,svc web", [Asked("deploy", ("web",)), Asked("svc", ("web",))]),
        ("deploy/web", [Asked("deploy", ("web",))]),
        ("pod/a svc/b pod/c pod/a", [Asked("pod", ("a", "c")), Asked("svc", ("b",))]),
        ("deployments.apps/web", [Asked("deployments.apps", ("web",))]),
    ],
)
def test_what_arguments_mean(words: str, meant: list[Asked]) -> None:
    assert asked(words.split()) == meant


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
    with pytest.raises(Misuse, match=told):
        asked(words.split())


def test_where_names_are_needed() -> None:
    assert named(["deploy/web"]) == [Asked("deploy", ("web",))]
    with pytest.raises(Misuse, match="say which of the deploy"):
        named(["deploy"])


def test_a_word_alone_is_a_pod_where_logs_are_meant() -> None:
    assert pod_or_workload("web-1") == Asked("pods", ("web-1",))
    assert pod_or_workload("deploy/web") == Asked("deploy", ("web",))


def test_options_that_take_several() -> None:
    assert split(["a,b", " c ", ""]) == ["a", "b", "c"]
    assert split(None) == []


@pytest.mark.parametrize(
    ("text", "meant"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5m", 90), ("10ms", 1)]
)
def test_times(text: str, meant: int) -> None:
    assert seconds("--since", text) == meant


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5y", "1h 5m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Misuse, match="--since"):
        seconds("--since", text)
