"""Where settings come from, which wins, and what is said of a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from app.settings import WATCHED, ClusterSettings, StartError, load


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "PORT", "TOKEN", "CONTEXT", "DEMO", "HOST", "CLUSTERS"):
        monkeypatch.delenv(f"K8S_MCP_{name}", raising=False)


def config(folder: Path, text: str) -> str:
    path = folder / "settings.yaml"
    path.write_text(text)
    return str(path)


def complaint(**flags: Any) -> str:
    with pytest.raises(StartError) as caught:
        load(flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_anything_the_defaults_hold() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.token, settings.demo) == ("127.0.0.1", 8000, None, 0)
    assert settings.watch == WATCHED
    assert (settings.sync_timeout, settings.release_after) == (10, 600)
    assert (settings.managed_fields, settings.secrets) == ("drop", "keys")


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config(tmp_path, "port: 1\nhost: file\ntoken: file\n")
    monkeypatch.setenv("K8S_MCP_PORT", "2")
    monkeypatch.setenv("K8S_MCP_HOST", "environment")
    settings = load({"config": path, "port": "3"})
    assert settings.token is not None
    assert (settings.port, settings.host, settings.token.get_secret_value()) == (3, "environment", "file")


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_MCP_CONFIG", config(tmp_path, "demo: true\n"))
    assert load({}).demo == 3


def test_lists_and_mappings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_MCP_CONTEXT", "prod, staging")
    monkeypatch.setenv("K8S_MCP_CLUSTERS", '{"prod": {"namespaces": ["a", "b"]}}')
    settings = load({})
    assert settings.context == ("prod", "staging")
    assert settings.clusters == {"prod": ClusterSettings(namespaces=("a", "b"))}


def test_the_variable_that_kubernetes_sets_for_a_service_of_our_name_is_not_a_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("K8S_MCP_PORT", "tcp://10.96.0.7:8000")
    assert load({}).port == 8000


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600), ("500ms", 0.5)]
)
def test_times_have_units(tmp_path: Path, text: str, seconds: float) -> None:
    assert load({"config": config(tmp_path, f"release_after: {text}\n")}).release_after == seconds


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        ({"port": "70000"}, ["port: '70000'", "from --port", "0 to 65535"]),
        ({"port": "http"}, ["port: 'http'", "0 to 65535"]),
        ({"demo": "-1"}, ["demo: '-1'", "0 to 1000"]),
        ({"host": ""}, ["host: ''", "an IP address or a host name"]),
        ({"tls_cert": "/nowhere", "tls_key": "/nowhere"}, ["tls_cert: '/nowhere'", "No such file"]),
        ({"config": "/nowhere"}, ["config: '/nowhere'", "No such file", "a file that can be read"]),
    ],
)
def test_a_wrong_flag_is_named_with_its_value_and_what_is_accepted(
    flags: dict[str, str], parts: list[str]
) -> None:
    message = complaint(**flags)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prot: 1", ["prot: 1", "settings.yaml", "port is near"]),
        ("secrets: values", ["secrets: 'values'", "settings.yaml", "keys or full"]),
        ("managed_fields: true", ["managed_fields: True", "drop or keep"]),
        ("sync_timeout: soon", ["sync_timeout: 'soon'", "10s"]),
        ("sync_timeout: .inf", ["sync_timeout: '.inf'", "10s"]),
        ("allowed_origins: [example.com]", ["allowed_origins.0: 'example.com'", "https://"]),
        ("clusters: {prod: {namespace: [x]}}", ["clusters.prod.namespace: ['x']", "namespaces is near"]),
        ("clusters: [prod]", ["clusters: ['prod']", "a mapping"]),
        ("- port", ["config:", "it holds a list"]),
        ("port: [", ["config:", "line 2", "a YAML file"]),
        ("config: other.yaml", ["config: 'other.yaml'", "no such setting"]),
    ],
)
def test_a_wrong_line_of_the_file_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    message = complaint(config=config(tmp_path, text))
    assert all(part in message for part in parts), message


def test_a_certificate_needs_its_key_and_a_key_its_certificate() -> None:
    assert complaint(tls_cert="/x") == "tls_cert needs tls_key: tls_cert is '/x', tls_key is not set"
    assert complaint(tls_key="/x") == "tls_key needs tls_cert: tls_key is '/x', tls_cert is not set"


@pytest.mark.parametrize(
    ("variable", "value", "meant"),
    [
        ("K8S_MCP_READONLY", "true", "K8S_MCP_READ_ONLY"),
        ("k8s_mcp_read_only", "true", "K8S_MCP_READ_ONLY"),
        ("K8S_MCP_CLUSTER", "{}", "K8S_MCP_CLUSTERS"),
        ("K8S_MCP_TOKENS", "sesame", "K8S_MCP_TOKEN"),
    ],
)
def test_a_variable_that_is_almost_a_setting_stops_the_start(
    variable: str, value: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    message = complaint()
    assert message.startswith(f"{variable}: ")
    assert message.endswith(f"accepted is {meant}")
    assert "sesame" not in message


@pytest.mark.parametrize(
    "variable",
    ["K8S_MCP_URL", "K8S_MCP_SERVICE_HOST", "K8S_MCP_PORT_8000_TCP_ADDR", "K8S_MCP_SERVER_SERVICE_PORT_HTTP"],
)
def test_variables_of_others_are_left_alone(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    assert load({}).port == 8000


@pytest.mark.parametrize("text", ["read_only: true\nread_only: false", "clusters: {a: {}, a: {}}"])
def test_what_the_file_says_twice_is_refused(tmp_path: Path, text: str) -> None:
    assert "is there twice, line 1" in complaint(config=config(tmp_path, text))


@pytest.mark.parametrize("namespace", ["", "Team-A", "a/b", "a," + "b" * 64])
def test_what_is_no_namespace_is_refused(tmp_path: Path, namespace: str) -> None:
    text = f"clusters: {{prod: {{namespaces: ['{namespace}']}}}}"
    assert "clusters.prod.namespaces.0: " in complaint(config=config(tmp_path, text))


def test_a_token_is_never_shown() -> None:
    assert "secret word" not in complaint(token="secret word")
    assert "sesame" not in repr(load({"token": "sesame"}))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("true", True),
        ("True ", True),
        ("yes", True),
        ("ON", True),
        ("1", True),
        ("team/prod,12:30", ("team/prod", "12:30")),
        ("False", False),
        ("prod", ("prod",)),
        ("prod, staging", ("prod", "staging")),
    ],
)
def test_read_only_is_all_none_or_names(
    text: str, meant: bool | tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_MCP_READ_ONLY", text)
    assert load({}).read_only == meant
    monkeypatch.delenv("K8S_MCP_READ_ONLY")
    written = text.lower() if isinstance(meant, bool) else f"[{text}]"
    assert load({"config": config(tmp_path, f"read_only: {written}\n")}).read_only == meant


@pytest.mark.parametrize(
    "text", ["2", "{prod: true}", "[1]", "null", "''", "' '", "','", "[]", "['']", "[true]", "[prod, '']"]
)
def test_what_read_only_does_not_take_is_told(tmp_path: Path, text: str) -> None:
    """Whatever it might mean, it must not leave a cluster open that was to be closed."""
    message = complaint(config=config(tmp_path, f"read_only: {text}\n"))
    assert "read_only" in message
    assert "true, false, or names of clusters" in message


@pytest.mark.parametrize("text", ["", " ", ","])
def test_an_empty_read_only_of_the_environment_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was set by somebody who wanted something closed, and lost its value on the way."""
    monkeypatch.setenv("K8S_MCP_READ_ONLY", text)
    assert complaint().startswith(f"read_only: {text!r} (from K8S_MCP_READ_ONLY) is not accepted")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("context: ''", "context: ''"),
        ("context: ','", "context: ','"),
        ("clusters: {a: {namespaces: []}}", "clusters.a."),
    ],
)
def test_what_names_nothing_does_not_mean_all(tmp_path: Path, text: str, named: str) -> None:
    assert complaint(config=config(tmp_path, text)).startswith(named)


@pytest.mark.parametrize("text", ["token: *hunter2\n", "token: !hunter2 x\n", "token: !hunter2 [x]\n"])
def test_a_token_that_yaml_takes_for_something_else_is_not_shown(tmp_path: Path, text: str) -> None:
    message = complaint(config=config(tmp_path, text))
    assert "hunter2" not in message
    assert "line 1, column 8" in message


@pytest.mark.parametrize("name", ["on", "true", "010", "0x10", "1.0", "1_0", "'on'"])
def test_the_name_of_a_cluster_is_what_is_written(tmp_path: Path, name: str) -> None:
    settings = load({"config": config(tmp_path, f"clusters: {{{name}: {{namespaces: [a]}}}}\n")})
    assert [*settings.clusters] == [name.strip("'")]
