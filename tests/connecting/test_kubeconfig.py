"""Which clusters kubeconfigs name, and how they are called."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kube.api_errors import AccessError
from app.kube.auth import kubeconfig
from app.kube.auth.cluster_access import open_access
from app.kube.auth.contexts import Context
from app.kube.auth.kubeconfig import Kubeconfigs, find_contexts, reread_user


def config(*names: str, server: str = "http://127.0.0.1:1", **user: Any) -> dict[str, Any]:
    """A kubeconfig with these contexts, each with a cluster and a user of that name."""
    return {
        "clusters": [{"name": name, "cluster": {"server": server}} for name in names],
        "users": [{"name": name, "user": user} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
    }


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    return path


def listed(*paths: Path) -> dict[str, str]:
    return {"KUBECONFIG": ":".join(map(str, paths))}


def names(contexts: list[Context]) -> list[tuple[str, str]]:
    return [(context.name, context.context) for context in contexts]


def files(*paths: Path, environ: dict[str, str]) -> list[Path]:
    """Those that are looked at again."""
    kubeconfigs = Kubeconfigs(paths, environ=environ)
    kubeconfigs.start()
    return [file.path for file in kubeconfigs.files]


# Where they are looked for


def test_files_named_win_over_the_environment(tmp_path: Path) -> None:
    named = write(tmp_path / "named", config("named"))
    other = write(tmp_path / "other", config("other"))
    assert names(find_contexts([named], environ=listed(other))) == [("named", "named")]
    assert files(named, environ=listed(other)) == [named]


def test_environment_wins_over_home(tmp_path: Path) -> None:
    home = write(tmp_path / ".kube" / "config", config("home"))
    other = write(tmp_path / "other", config("other"))
    environ = {"HOME": str(tmp_path)}
    assert names(find_contexts(environ=environ | listed(other))) == [("other", "other")]
    assert names(find_contexts(environ=environ)) == [("home", "home")]
    assert files(environ=environ) == [home]
    assert files(environ=environ | listed(other)) == [other]


def test_account_of_the_pod_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "account" / "token", "t")
    monkeypatch.setattr(kubeconfig, "ACCOUNT", tmp_path / "account")
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    (found,) = find_contexts(environ=environ)
    assert (found.name, found.context) == ("in-cluster", "in-cluster")
    assert found.cluster["server"] == "https://[fd00::1]:6443"
    assert found.user == {"tokenFile": str(tmp_path / "account" / "token")}
    write(tmp_path / ".kube" / "config", config("home"))
    assert names(find_contexts(environ=environ)) == [("home", "home")]


def test_nothing_to_read_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=rf"no {tmp_path}/.kube/config, no KUBECONFIG .* --kubeconfig"):
        find_contexts(environ={"HOME": str(tmp_path)})
    with pytest.raises(AccessError, match=r"KUBECONFIG: '/nowhere/a' names no file"):
        find_contexts(environ={"HOME": str(tmp_path), "KUBECONFIG": "/nowhere/a"})
    with pytest.raises(AccessError, match=r"cannot read /nowhere/b: No such file"):
        find_contexts([Path("/nowhere/b")])


# How they are merged


def test_listed_files_merge_the_first_of_a_name_winning_whole(tmp_path: Path) -> None:
    first = config("a", server="http://first", token="first")
    second = config("a", "b", server="http://second", username="u", password="p")
    second["contexts"].append({"name": "c", "context": {"cluster": "a", "user": "b"}})
    environ = listed(write(tmp_path / "1", first), tmp_path / "missing", write(tmp_path / "2", second))
    found = {context.name: context for context in find_contexts(environ=environ)}
    assert list(found) == ["a", "b", "c"]
    assert (found["a"].cluster["server"], found["a"].user) == ("http://first", {"token": "first"})
    assert found["b"].cluster["server"] == "http://second"
    assert (found["c"].cluster["server"], found["c"].user["username"]) == ("http://first", "u")
    assert found["c"].source == str(tmp_path / "2")


def test_each_file_named_is_read_for_itself(tmp_path: Path) -> None:
    first = write(tmp_path / "1", config("a", server="http://first"))
    second = write(tmp_path / "2", config("a", server="http://second"))
    found = find_contexts([first, second])
    assert names(found) == [("a", "a"), ("a-2", "a")]
    assert [context.cluster["server"] for context in found] == ["http://first", "http://second"]


def test_files_are_relative_to_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = config("a", tokenFile="token", **{"client-certificate": "/etc/x.crt", "client-key": "../key"})
    first["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    second = config("b", exec={"command": "./plugin"})
    second["users"].append({"name": "c", "user": {"exec": {"command": "plugin"}}})
    second["contexts"].append({"name": "c", "context": {"cluster": "b", "user": "c"}})
    write(tmp_path / "one" / "config", first)
    write(tmp_path / "two" / "config", second)
    monkeypatch.chdir(tmp_path)
    a, b, c = find_contexts(environ=listed(Path("one/config"), Path("two/config")))
    assert a.cluster["certificate-authority"] == str(tmp_path / "one" / "ca.crt")
    assert a.user["tokenFile"] == str(tmp_path / "one" / "token")
    assert a.user["client-certificate"] == "/etc/x.crt"
    assert Path(a.user["client-key"]).resolve() == tmp_path / "key"
    assert b.user["exec"]["command"] == str(tmp_path / "two" / "plugin")
    assert c.user["exec"]["command"] == "plugin"


NAMES = st.lists(st.sampled_from("abcde"), unique=True)


# Each writes files, which takes as long as the disk likes.
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=4))
def test_merging_takes_every_part_from_the_first_file_that_has_it(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], list[str], list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("merged")
    clusters, users, contexts = ({} for _ in range(3))  # type: dict[str, int], dict[str, int], dict[str, int]
    for number, (of_clusters, of_users, of_contexts) in enumerate(files):
        entries = {
            "clusters": [{"name": name, "cluster": {"server": f"http://{number}"}} for name in of_clusters],
            "users": [{"name": name, "user": {"token": str(number)}} for name in of_users],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in of_contexts],
        }
        write(folder / str(number), entries)
        for known, added in ((clusters, of_clusters), (users, of_users), (contexts, of_contexts)):
            for name in added:
                known.setdefault(name, number)
    environ = listed(*(folder / str(number) for number in range(len(files))))
    if not contexts:
        with pytest.raises(AccessError, match="has no contexts"):
            find_contexts(environ=environ)
        return
    found = find_contexts(environ=environ)
    assert [context.name for context in found] == list(contexts)
    for context in found:
        name = context.context
        assert context.source == str(folder / str(contexts[name]))
        assert (context.problem is None) == (name in clusters and name in users)
        if name in clusters:
            assert context.cluster["server"] == f"http://{clusters[name]}"
        if name in users:
            assert context.user["token"] == str(users[name])


# What they are called, and which are picked


def test_names_are_made_safe_and_numbered_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "1", config("a/b", "a:b", "a-b", "ü", "a-b-2", "arn:aws:eks:1.2_3"))
    assert names(find_contexts([path])) == [
        ("a-b", "a/b"),
        ("a-b-2", "a:b"),
        ("a-b-3", "a-b"),
        ("-", "ü"),
        ("a-b-2-2", "a-b-2"),
        ("arn-aws-eks-1.2_3", "arn:aws:eks:1.2_3"),
    ]


def test_contexts_are_picked_by_what_the_file_says(tmp_path: Path) -> None:
    first = write(tmp_path / "1", config("a/b", "c"))
    second = write(tmp_path / "2", config("a/b", "d"))
    assert names(find_contexts([first, second], ["d", "a/b"])) == [
        ("a-b", "a/b"),
        ("a-b-2", "a/b"),
        ("d", "d"),
    ]
    with pytest.raises(AccessError, match=r"context: 'a-b' is in no kubeconfig; near to it is a-b"):
        find_contexts([first, second], ["c", "a-b"])


# What is wrong with them


async def test_broken_context_hurts_no_other(tmp_path: Path) -> None:
    document = config("fine", "homeless", "nobody", "nowhere", "odd")
    del document["clusters"][3]["cluster"]["server"]
    document["contexts"][1]["context"]["cluster"] = "lost"
    document["contexts"][2]["context"]["user"] = "lost"
    document["users"][4]["user"] = {"token": 5}
    document["contexts"] += [{"name": "empty"}, {"context": {}}, "text"]
    path = write(tmp_path / "1", document)
    fine, *broken = find_contexts([path])
    assert (await open_access(fine)).server == "http://127.0.0.1:1"
    problems = {}
    for context in broken:
        with pytest.raises(AccessError) as caught:
            await open_access(context)
        problems[context.name] = str(caught.value).removeprefix(f"context '{context.name}' of {path}: ")
    assert problems == {
        "homeless": "its cluster 'lost' is not there",
        "nobody": "its user 'lost' is not there",
        "nowhere": "its cluster 'nowhere' names no server",
        "odd": "user: Expected str, got int - at $.token",
        "empty": "its cluster '' is not there",
    }


DOUBLING = "".join(
    f"b{n}: &{n} [{'*b' if n == 0 else f'*{n - 1}'}, {'*b' if n == 0 else f'*{n - 1}'}]\n" for n in range(40)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: [a\ntoken: s3cret: x", "is no YAML: .* in line 2"),
        ("- a", "is a list; accepted is a kubeconfig"),
        ("users: {a: b}\ncontexts: []", "users of .* is a dict; accepted is a list"),
        ("users: &a [*a]", "is no YAML that can be read"),
        ("users: !!timestamp 2021-99-99", "is no YAML that can be read"),
        ("users: [{name: a, user: {password: *s3cret}}]", "is no YAML that can be read"),
        ("users: [{name: a, user: {password: !s3cret x}}]", "is no YAML that can be read"),
        ("[" * 5000, "is no YAML that can be read"),
        ("users: &a [x, x]\nb: &b [*a, *a, *a]\n" + DOUBLING, "is no YAML that can be read"),
    ],
    ids=range(9),
)
def test_broken_file_is_named_without_its_secrets(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "1", text)
    with pytest.raises(AccessError, match=said) as caught:
        find_contexts([path])
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("---\n", "is empty"),
        ("users: null\nclusters: null\ncontexts: null\n", "has no contexts"),
        ("contexts: []", "has no contexts"),
        ("kind: Config", "has no contexts"),
        ('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}', "is of kind 'Pod'"),
        ('{"a": 1}', "has no contexts"),
        ('"text"', "is a str"),
    ],
)
def test_what_is_no_kubeconfig_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "1", text)
    with pytest.raises(AccessError) as caught:
        find_contexts([path])
    assert str(caught.value).startswith(f"kubeconfig: {path} {said}; accepted is a kubeconfig")


def test_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=rf"cannot read {tmp_path}: Is a directory; accepted is"):
        find_contexts([tmp_path])


def test_files_of_a_list_may_be_empty_or_hold_only_a_part(tmp_path: Path) -> None:
    whole = config("a", token="t")
    parts = [write(tmp_path / kind, {kind: whole[kind]}) for kind in ("contexts", "users", "clusters")]
    (context,) = find_contexts(environ=listed(write(tmp_path / "empty", ""), *parts))
    assert (context.problem, context.user) == (None, {"token": "t"})


# As kubectl reads YAML


NAMED = """
apiVersion: v1
kind: Config
clusters: [null, {{name: {name}, cluster: {{server: "http://127.0.0.1:1"}}}}]
users: [{{name: {name}, user: {{token: t, username: null}}}}, null]
contexts:
- null
- name: {name}
  context: {{cluster: {name}, user: {name}, namespace: null}}
---
contexts: [{{name: other, context: {{}}}}]
---
"""


@pytest.mark.parametrize(
    "name", ["12:30", "=", "on", "y", "1e3", "0o17", "0x10", "2020-01-01", "1.2.3", "1_000", "1"]
)
def test_names_are_what_is_written_and_the_first_document_counts(tmp_path: Path, name: str) -> None:
    (context,) = find_contexts([write(tmp_path / "1", NAMED.format(name=name))])
    assert (context.context, context.problem, context.user["token"]) == (name, None, "t")


def test_names_are_text_behind_an_alias_as_well(tmp_path: Path) -> None:
    document = """
other: &name on
clusters: [{name: *name, cluster: {server: x}}]
users: [{name: *name, user: {token: t}}]
contexts: [{name: *name, context: {cluster: *name, user: *name}}]
"""
    (context,) = find_contexts([write(tmp_path / "1", document)])
    assert (context.context, context.problem, context.user) == ("on", None, {"token": "t"})


def test_the_last_of_two_members_holds_and_huge_numbers_are_no_reason_to_refuse_the_file(
    tmp_path: Path,
) -> None:
    huge = "1" * 5000
    document = f"""
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
clusters: [{{name: a, cluster: {{server: first, server: last}}}}]
users: [{{name: a, user: {{token: t, extra: [18446744073709551617, {huge}, .inf]}}}}]
"""
    (context,) = find_contexts([write(tmp_path / "1", document)])
    assert context.cluster["server"] == "last"
    assert context.user["extra"] == [18446744073709551617, huge, ".inf"]


def test_values_are_those_of_kubectl(tmp_path: Path) -> None:
    document = """
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: x, insecure-skip-tls-verify: yes}}]
users: [{name: a, user: {username: 12:30, password: =, token: 2020-01-01, extra: [1, 0o17, 1.5, "1"]}}]
"""
    (context,) = find_contexts([write(tmp_path / "1", document)])
    assert context.cluster["insecure-skip-tls-verify"] is True
    assert context.user == {
        "username": "12:30",
        "password": "=",
        "token": "2020-01-01",
        "extra": [1, 15, 1.5, "1"],
    }


# When they are another


def fingerprint(path: Path, document: dict[str, Any]) -> str:
    (found,) = find_contexts([write(path, document)])
    return found.fingerprint


def test_fingerprint_is_of_all_that_leads_to_the_cluster(tmp_path: Path) -> None:
    path = tmp_path / "1"
    plain = fingerprint(path, config("a", token="t"))
    assert fingerprint(path, {"current-context": "a", **config("a", token="t")}) == plain
    assert fingerprint(path, dict(reversed(config("a", token="t").items()))) == plain
    assert fingerprint(path, config("a", token="u")) != plain
    assert fingerprint(path, config("a", server="http://other", token="t")) != plain
    fingerprint(path, config("a", exec={"env": [{"name": 1, 2: "x"}]}))


def test_fingerprint_stays_when_kubectl_refreshes_a_login(tmp_path: Path) -> None:
    def login(**tokens: str) -> dict[str, Any]:
        user: dict[str, Any] = {"auth-provider": {"name": "oidc", "config": {"client-id": "x", **tokens}}}
        return config("a", **user)

    path = tmp_path / "1"
    before = fingerprint(path, login(**{"id-token": "old", "refresh-token": "old"}))
    (context,) = find_contexts([path])
    assert fingerprint(path, login(**{"id-token": "new", "refresh-token": "new"})) == before
    assert reread_user(context)["auth-provider"]["config"]["id-token"] == "new"
    assert fingerprint(path, login(**{"client-id": "y"})) != before
    path.unlink()
    assert reread_user(context) == context.user
