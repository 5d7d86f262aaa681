"""The settings of the server, and where they come from.

A flag wins over the environment (``K8S_MCP_PORT``), that over the file, that over the
default. Whatever is wrong ends in one SettingError that names the setting, the value,
where it stands and what is accepted.
"""

import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.yaml_reader import RepeatedName, Rules, Unreadable, yaml_documents

PREFIX = "K8S_MCP_"
DEMO_CLUSTERS = 3
WATCHED = (
    "pods",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "services",
    "ingresses",
    "nodes",
    "namespaces",
)
_ANSWERS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
# What Kubernetes sets in every pod for a Service whose name begins as ours does.
_OF_A_SERVICE = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_.+)?)?)")
# What is there twice is refused, as one of the two would not hold.
_CONFIG_RULES = Rules(lossless=False, named_as_written=True, quotes=False)
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class StartError(Exception):
    """The server cannot start; the message is one line."""


class SettingError(StartError):
    """A setting is wrong: ``name`` has a ``value`` that is not ``accepted``, for the reason ``why``.

    ``origin`` says where the value comes from: a flag, the environment or a file.
    """

    def __init__(self, name: str, value: object, accepted: str, *, origin: str = "", why: str = "") -> None:
        place = f" ({origin})" if origin else ""
        reason = f": {why}" if why else ""
        super().__init__(
            " ".join(f"{name}: {value!r}{place} is not accepted{reason}; accepted is {accepted}".split())
        )


def _words(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _some_words(value: Any) -> Any:
    """Return the words of a text. Refuse one that has none: an empty tuple means all."""
    words = _words(value)
    if isinstance(value, str) and not words:
        raise ValueError("names nothing")
    return words


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names nothing")
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        time = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", value.strip())
        return float(time[1]) * _UNITS[time[2]] if time else value
    return value


def _all_or_names(value: Any) -> Any:
    if isinstance(value, str):
        # A word for yes must not become the name of a cluster, and leave all others writable.
        value = _ANSWERS.get(value.strip().lower(), _words(value))
    if isinstance(value, list | tuple) and not all(isinstance(name, str) and name for name in value or [""]):
        raise ValueError("names nothing")
    return value


def _number_of_clusters(value: Any) -> Any:
    return {"true": DEMO_CLUSTERS, "false": 0}.get(str(value).lower(), value)


def _origin(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@]+", value):
        raise ValueError("not an origin")
    return value.lower()


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _token(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[!-~]+", value):
        raise ValueError("not visible ASCII")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_words)]
File = Annotated[Path, AfterValidator(Path.expanduser)]
Files = Annotated[tuple[File, ...], BeforeValidator(_words)]
Origins = Annotated[tuple[Annotated[str, BeforeValidator(_origin)], ...], BeforeValidator(_words)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=366 * 86400, allow_inf_nan=False)]


def _setting(default: Any, description: str, accepted: str, **more: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"accepted": accepted}, **more)


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise ValueError("no name of a namespace")
    return value


class ClusterSettings(BaseModel):
    """The settings of one cluster: the ``namespaces`` that are watched in it, all if empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespaces: Annotated[tuple[Annotated[str, AfterValidator(_namespace)], ...], AfterValidator(_some)] = ()


class Settings(BaseSettings):
    """Every setting; ``config/example.yaml`` shows them all."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    config: File | None = _setting(None, "the file with these settings", "a file that can be read")
    kubeconfig: Files = _setting(
        (), "kubeconfigs, each read for itself", "a file, or several separated by commas"
    )
    context: Annotated[tuple[str, ...], BeforeValidator(_some_words)] = _setting(
        (), "the contexts to watch; all if empty", "a name, or several separated by commas"
    )
    demo: Annotated[int, BeforeValidator(_number_of_clusters)] = _setting(
        0,
        "watch this many simulated clusters instead",
        f"a number from 0 to 1000, or true for {DEMO_CLUSTERS}",
        ge=0,
        le=1000,
    )
    host: str = _setting(
        "127.0.0.1", "the address to listen on", "an IP address or a host name", min_length=1
    )
    port: int = _setting(
        8000, "the port to listen on", "a number from 0 to 65535, 0 for any that is free", ge=0, le=65535
    )
    token: Annotated[SecretStr | None, BeforeValidator(_token)] = _setting(
        None, "what callers must present", "visible ASCII characters without spaces"
    )
    tls_cert: File | None = _setting(
        None, "the certificate to serve TLS with", "a PEM file, together with tls_key"
    )
    tls_key: File | None = _setting(None, "its private key", "a PEM file, together with tls_cert")
    allowed_origins: Origins = _setting(
        (), "web pages of other origins that may call", "origins such as https://dashboard.example.com"
    )
    watch: Names = _setting(
        WATCHED, "the resources watched from the start", "names of resources, separated by commas"
    )
    release_after: Seconds = _setting(
        600.0, "how long any other resource stays watched unused", "seconds, or a time such as 90s, 10m or 1h"
    )
    sync_timeout: Seconds = _setting(
        10.0, "how long a read waits for a first list", "seconds, or a time such as 500ms, 10s or 1m"
    )
    read_only: Annotated[bool | tuple[str, ...], BeforeValidator(_all_or_names)] = _setting(
        False, "the clusters in which nothing may be changed", "true, false, or names of clusters"
    )
    allow_proxy: bool = _setting(
        False, "whether pages of pods, services and nodes are served through proxy", "true or false"
    )
    consistent_reads: Literal["cache", "forward"] = _setting(
        "cache", "who answers lists of a cluster's own API that ask for the latest state", "cache or forward"
    )
    managed_fields: Literal["drop", "keep"] = _setting(
        "drop", "whether metadata.managedFields is served", "drop or keep"
    )
    secrets: Literal["keys", "full"] = _setting("keys", "what is served of Secrets", "keys or full")
    clusters: Annotated[dict[str, ClusterSettings], BeforeValidator(_document)] = _setting(
        {},
        "what holds for single clusters",
        'a mapping such as {"prod": {"namespaces": ["team-a"]}}',
    )
    streams_per_caller: int = _setting(
        10_000, "how many streams one caller may have open", "a number, 0 for any number", ge=0, le=1_000_000
    )
    scans_per_caller: int = _setting(
        100,
        "how many answers that look into every object one caller may have under way",
        "a number, 0 for any number",
        ge=0,
        le=1_000_000,
    )
    log_format: Literal["text", "json"] = _setting("text", "how log lines look", "text or json")
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "what is logged", "debug, info, warning or error"
    )

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
            path = getattr(self, one)
            if path is None:
                continue
            if getattr(self, other) is None:
                raise StartError(f"{one} needs {other}: {one} is {str(path)!r}, {other} is not set")
            _read(one, path)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return flags, environment and file as sources, read by our own rules. Raises SettingError."""
        assert isinstance(init_settings, InitSettingsSource)
        environment = _environment()
        file = _read_config(_config_path(init_settings.init_kwargs))
        return (
            init_settings,
            InitSettingsSource(settings_cls, environment),
            InitSettingsSource(settings_cls, file),
        )


def load(flags: Mapping[str, Any]) -> Settings:
    """Return the settings from these flags, the environment and the file. Raises StartError."""
    try:
        return Settings(**flags)
    except ValidationError as error:
        raise _setting_error(error.errors()[0], flags) from None


def _environment() -> dict[str, str]:
    """Return the settings of the environment. Raises SettingError for a variable that is almost a setting."""
    variables = {PREFIX + name.upper(): name for name in Settings.model_fields}
    values = {}
    for variable, value in os.environ.items():
        if variable in variables:
            values[variables[variable]] = value
        elif variable.upper().startswith(PREFIX) and not _OF_A_SERVICE.fullmatch(variable):
            _check_unknown(variable, value)
    # A Service that is called k8s-mcp has Kubernetes set K8S_MCP_PORT=tcp://10.0.0.1:8000 in every pod.
    if "://" in values.get("port", ""):
        del values["port"]
    # Empty is not set, as in docker-compose.yml; but an empty read_only is refused, as it was to protect.
    return {name: value for name, value in values.items() if value or name == "read_only"}


def _check_unknown(variable: str, value: str) -> None:
    """Refuse a variable whose name is so near to a setting that it was meant. Raises SettingError."""
    word = variable[len(PREFIX) :].lower()
    near = difflib.get_close_matches(word, list(Settings.model_fields), n=1, cutoff=0.85)
    if near:
        shown = "…" if near[0] == "token" else value
        accepted = f"{PREFIX}{near[0].upper()}"
        raise SettingError(
            variable, shown, accepted, origin="from the environment", why="there is no such setting"
        )


def _config_path(flags: Mapping[str, Any]) -> Path | None:
    path = flags.get("config") or os.environ.get(PREFIX + "CONFIG")
    return Path(path).expanduser() if path else None


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingError(name, str(path), "a file that can be read", why=why or "") from None


def _read_config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    accepted = "a YAML file with a mapping of settings"
    try:
        documents = list(yaml_documents(_read("config", path), _CONFIG_RULES))
    except RepeatedName as error:
        why = f"{error.name} is there twice, line {error.mapping_line}"
        raise SettingError("config", str(path), accepted, why=why) from None
    except Unreadable as error:
        raise SettingError("config", str(path), accepted, why=str(error)) from None
    if len(documents) > 1:
        raise SettingError("config", str(path), accepted, why=f"it holds {len(documents)} documents")
    document = documents[0] if documents else None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingError("config", str(path), accepted, why=f"it holds a {type(document).__name__}")
    names = [name for name in Settings.model_fields if name != "config"]
    for name in document:
        if name not in names:
            raise _unknown(str(name), document[name], names, str(path))
    return document


def _unknown(name: str, value: object, names: list[str], origin: str) -> SettingError:
    """Return the error for a name that is none of the settings' ``names``."""
    near = difflib.get_close_matches(name.split(".")[-1], names, n=1)
    why = f"there is no such setting, {near[0]} is near" if near else "there is no such setting"
    return SettingError(name, value, ", ".join(names), origin=origin, why=why)


def _setting_error(error: Any, flags: Mapping[str, Any]) -> SettingError:
    """Return what pydantic found wrong first, with where the value comes from and what is accepted."""
    name = ".".join(map(str, error["loc"]))
    top = str(error["loc"][0])
    if top in flags:
        origin = f"from --{top.replace('_', '-')}"
    elif top in _environment():
        origin = f"from {PREFIX}{top.upper()}"
    else:
        origin = str(_config_path(flags))
    if error["type"] == "extra_forbidden":
        return _unknown(name, error["input"], [*ClusterSettings.model_fields], origin)
    extra = Settings.model_fields[top].json_schema_extra
    assert isinstance(extra, dict)
    shown = "…" if top == "token" else error["input"]
    return SettingError(name, shown, str(extra["accepted"]), origin=origin)
