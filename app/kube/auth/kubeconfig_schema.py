"""The sections of a kubeconfig, in the words of ``k8s.io/client-go/tools/clientcmd/api/v1``."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from app.kube.api_errors import AccessError

T = TypeVar("T")


class Extension(msgspec.Struct, frozen=True):
    """What a program keeps with a cluster, such as the configuration of an exec plugin."""

    name: str
    extension: Any = None


class ClusterSection(msgspec.Struct, frozen=True, rename="kebab"):
    """Where an API server is, and whom to trust there (``Cluster``)."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: tuple[Extension, ...] = ()


class Variable(msgspec.Struct, frozen=True):
    """An environment variable of an exec plugin (``ExecEnvVar``)."""

    name: str
    value: str = ""


class ExecSection(msgspec.Struct, frozen=True, rename="camel"):
    """A program that gives credentials (``ExecConfig``)."""

    command: str = ""
    api_version: str = ""
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: Literal["", "Never", "IfAvailable", "Always"] = ""


class OidcConfig(msgspec.Struct, frozen=True, rename="kebab"):
    """The ``config`` of the auth-provider ``oidc`` (client-go ``plugin/pkg/client/auth/oidc``)."""

    idp_issuer_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    id_token: str = ""
    refresh_token: str = ""
    idp_certificate_authority: str = ""
    idp_certificate_authority_data: str = ""


class Provider(msgspec.Struct, frozen=True):
    """An auth-provider and its configuration (``AuthProviderConfig``)."""

    name: str = ""
    config: Mapping[str, Any] = {}


class UserSection(msgspec.Struct, frozen=True, rename="kebab"):
    """What a user shows to an API server (``AuthInfo``)."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: Mapping[str, tuple[str, ...]] = {}
    auth_provider: Provider | None = None
    exec: ExecSection | None = None


def section(kind: str, members: Mapping[str, Any], type_: type[T]) -> T:
    """A section in its type; AccessError names the member that is wrong, and never its value."""
    try:
        return msgspec.convert(members, type_)
    except msgspec.ValidationError as error:
        raise AccessError(f"{kind}: {str(error).replace('`', '')}") from None
