"""Kubeconfigs that are being written: what is there for a moment is not taken over."""

import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.kube.auth import kubeconfig_files
from app.kube.auth.kubeconfig import Kubeconfigs


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kubeconfig_files, "time", made)
    return made


def text(*names: str, by_kubectl: bool = True) -> str:
    """A kubeconfig as kubectl writes it, its sections in the order of the alphabet, or otherwise."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "clusters": [{"cluster": {"server": f"https://{name}.example:6443"}, "name": name} for name in names],
        "contexts": [{"context": {"cluster": name, "user": name}, "name": name} for name in names],
        "current-context": names[0] if names else "",
        "kind": "Config",
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}} for name in names],
    }
    if not by_kubectl:
        document["contexts"] = document.pop("contexts")
    return yaml.safe_dump(document, sort_keys=False)


def followed(*paths: Path, environ: dict[str, str] | None = None) -> Kubeconfigs:
    kubeconfigs = Kubeconfigs(paths, environ=environ or {})
    kubeconfigs.start()
    return kubeconfigs


def prints(kubeconfigs: Kubeconfigs) -> list[str]:
    return [context.fingerprint for context in kubeconfigs.contexts()]


def names(kubeconfigs: Kubeconfigs) -> list[str]:
    return [context.context for context in kubeconfigs.contexts()]


def wait(kubeconfigs: Kubeconfigs, clock: Clock, seconds: int) -> None:
    """Look every second."""
    for _ in range(seconds):
        kubeconfigs.look()
        clock.now += 1
    kubeconfigs.look()


@pytest.mark.parametrize("by_kubectl", [True, False])
@pytest.mark.parametrize("grows", [True, False])
def test_no_beginning_of_a_file_is_taken_over(
    tmp_path: Path, clock: Clock, by_kubectl: bool, grows: bool
) -> None:
    path = tmp_path / "config"
    before = text("a", "b", by_kubectl=by_kubectl)
    after = text("a", "b", "c", by_kubectl=by_kubectl) if grows else before
    path.write_text(before)
    kubeconfigs = followed(path)
    was = prints(kubeconfigs)
    for length in range(len(after)):
        path.write_text(after[:length])
        wait(kubeconfigs, clock, 4)
        assert prints(kubeconfigs) == was, after[:length]
    path.write_text(after)
    wait(kubeconfigs, clock, 2)
    assert names(kubeconfigs) == (["a", "b", "c"] if grows else ["a", "b"])


@pytest.mark.parametrize("content", ["", "\0\0\0\0", "contexts: [", "<html>", "[]", '{"kind": "Pod"}', None])
def test_what_is_no_kubeconfig_is_never_taken_over_and_logged_once(
    tmp_path: Path, clock: Clock, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config"
    path.write_text(text("a", "b"))
    kubeconfigs = followed(path)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with caplog.at_level(logging.WARNING):
        wait(kubeconfigs, clock, 600)
    assert names(kubeconfigs) == ["a", "b"]
    assert len(caplog.records) == 1
    path.write_text(text("b"))
    wait(kubeconfigs, clock, 6)
    assert names(kubeconfigs) == ["b"]


def test_additions_and_changes_are_there_in_two_seconds_and_removals_in_six(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "config"
    path.write_text(text("a"))
    kubeconfigs = followed(path)
    path.write_text(text("a", "b").replace("token-of-a", "another"))
    wait(kubeconfigs, clock, 2)
    assert [context.user["token"] for context in kubeconfigs.contexts()] == ["another", "token-of-b"]
    path.write_text(text("b"))
    wait(kubeconfigs, clock, 4)
    assert names(kubeconfigs) == ["a", "b"]
    wait(kubeconfigs, clock, 2)
    assert names(kubeconfigs) == ["b"]


def test_the_last_context_goes_when_the_file_says_so(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "config"
    path.write_text(text("a"))
    kubeconfigs = followed(path)
    path.write_text("apiVersion: v1\nclusters: null\ncontexts: null\nkind: Config\nusers: null\n")
    wait(kubeconfigs, clock, 6)
    assert names(kubeconfigs) == []


def test_a_config_map_that_is_swapped_is_followed(tmp_path: Path, clock: Clock) -> None:
    """As kubelets do it: the file is a link into a folder, which is a link that is replaced."""
    for version, name in (("v1", "a"), ("v2", "b")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "config").write_text(text(name))
        os.utime(tmp_path / version / "config", (0, 0))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "config").symlink_to("..data/config")
    kubeconfigs = followed(tmp_path / "config")
    (tmp_path / "..data_tmp").symlink_to("v2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "v1")
    wait(kubeconfigs, clock, 6)
    assert names(kubeconfigs) == ["b"]


def test_a_file_of_a_list_may_vanish_but_not_the_last(tmp_path: Path, clock: Clock) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text(text("a"))
    two.write_text(text("b"))
    kubeconfigs = followed(environ={"KUBECONFIG": f"{one}:{two}:{tmp_path / 'missing'}"})
    two.unlink()
    wait(kubeconfigs, clock, 3)
    two.write_text(text("b"))
    wait(kubeconfigs, clock, 60)
    assert names(kubeconfigs) == ["a", "b"]
    two.unlink()
    wait(kubeconfigs, clock, 16)
    assert names(kubeconfigs) == ["a"]
    one.unlink()
    wait(kubeconfigs, clock, 600)
    assert names(kubeconfigs) == ["a"]


def test_a_broken_file_keeps_no_other_from_being_followed(tmp_path: Path, clock: Clock) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text(text("a"))
    two.write_text(text("b"))
    kubeconfigs = followed(one, two)
    one.write_text("contexts: [")
    two.write_text(text("b", "c"))
    wait(kubeconfigs, clock, 2)
    assert names(kubeconfigs) == ["a", "b", "c"]


def test_a_pipe_is_read_once(tmp_path: Path, clock: Clock) -> None:
    """As shells make them: `--kubeconfig <(…)`. Who reads it again waits for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writing = threading.Thread(target=path.write_text, args=(text("a"),))
    writing.start()
    kubeconfigs = followed(path)
    writing.join()
    wait(kubeconfigs, clock, 20)
    assert names(kubeconfigs) == ["a"]
