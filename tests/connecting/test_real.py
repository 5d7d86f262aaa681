"""Who a real API server takes us for, and what kubectl makes of the same kubeconfigs."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientTimeout

from app.kube.api_errors import ApiError, ConnectionFailed
from app.kube.auth.kubeconfig import find_contexts
from bench.testbed.control_plane import BASIC, ControlPlane
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect
from tests.kubernetes.binaries import assets

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
Who = dict[str, Any]


@pytest.fixture(scope="module")
def plane(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One that takes the certificates of the authority for its users'."""
    file = tmp_path_factory.mktemp("plane") / "clients.crt"
    file.write_bytes(authority.pem)
    with ControlPlane(assets(*BASIC), flags=[f"--client-ca-file={file}"]) as started:
        yield started


@pytest.fixture
def whoami(plane: ControlPlane, connect: Connect) -> Any:
    async def ask(user: dict[str, Any], **cluster: Any) -> Who:
        section = {"server": plane.url, "certificate-authority": str(plane.ca_file), **cluster}
        connection = await connect(section, user)
        answer = await connection.request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            headers={"Content-Type": "application/json"},
            data=json.dumps(REVIEW).encode(),
            timeout=ClientTimeout(total=60),
        )
        body = json.loads(await answer.read())
        assert answer.status == 201, body
        found: Who = body["status"]["userInfo"]
        return found

    return ask


async def test_users_are_who_they_say(
    plane: ControlPlane, authority: Authority, tmp_path: Path, whoami: Any
) -> None:
    (tmp_path / "token").write_text(plane.token + "\n")
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": plane.token},
    }
    plugin = {"apiVersion": answer["apiVersion"], "command": "echo", "args": [json.dumps(answer)]}
    admins: list[dict[str, Any]] = [
        {"token": plane.token},
        {"tokenFile": str(tmp_path / "token")},
        {"exec": plugin},
    ]
    for user in admins:
        assert (await whoami(user))["username"] == "admin"
    assert (await whoami(authority.issue("jane").user()))["username"] == "jane"
    assert (await whoami({"token": plane.token}, **{"tls-server-name": "kubernetes.default.svc"}))["username"]


async def test_impersonation_is_understood(plane: ControlPlane, whoami: Any) -> None:
    user = {
        "token": plane.token,
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["dev", "ops"],
        "as-user-extra": {"example.com/scope": ["a", "b"]},
    }
    found = await whoami(user)
    assert {key: found[key] for key in ("username", "uid", "extra")} == {
        "username": "jane",
        "uid": "7",
        "extra": {"example.com/scope": ["a", "b"]},
    }
    assert {"dev", "ops"} < {*found["groups"]}


async def test_errors_of_a_server_are_told(plane: ControlPlane, connect: Connect) -> None:
    cluster = {"server": plane.url, "certificate-authority": str(plane.ca_file)}
    for user, path, status, reason in (
        ({"token": "wrong"}, "/api/v1/pods", 401, "Unauthorized"),
        ({}, "/api/v1/pods", 403, "Forbidden"),
        ({"token": plane.token}, "/api/v1/namespaces/none", 404, "NotFound"),
        ({"token": plane.token}, "/nowhere", 404, ""),
    ):
        with pytest.raises(ApiError) as caught:
            await (await connect(cluster, user)).get(path)
        assert (caught.value.status, caught.value.reason) == (status, reason)
        assert status != 401 or str(caught.value) == "credentials refused (401): token"
    with pytest.raises(ApiError) as caught:
        await (await connect(cluster, {"token": plane.token})).get(
            "/api/v1/pods", {"resourceVersion": "9000000000", "resourceVersionMatch": "NotOlderThan"}
        )
    assert caught.value.status == 504
    assert caught.value.causes == ("ResourceVersionTooLarge",)
    assert caught.value.retry_after == 1
    with pytest.raises(ConnectionFailed, match="certificate verify failed: "):
        await (await connect({"server": plane.url}, {"token": plane.token})).get("/version")


def test_kubectl_merges_the_same(tmp_path: Path) -> None:
    kubectl = assets("kubectl") / "kubectl"
    documents: list[dict[str, Any]] = [
        {
            "clusters": [
                {"name": "a", "cluster": {"server": "https://one", "certificate-authority": "ca.crt"}}
            ],
            "users": [{"name": "u", "user": {"tokenFile": "tokens/t", "username": None}}],
            "contexts": [{"name": "x", "context": {"cluster": "b", "user": "u"}}],
        },
        {
            "clusters": [
                {"name": "a", "cluster": {"server": "https://two", "tls-server-name": "x"}},
                {"name": "b", "cluster": {"server": "https://two", "certificate-authority": "../ca.crt"}},
            ],
            "users": [
                {"name": "u", "user": {"token": "two", "username": "name", "password": "word"}},
                {
                    "name": "v",
                    "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/p"}},
                },
            ],
            "contexts": [
                {"name": "x", "context": {"cluster": "a", "user": "v"}},
                {"name": "w", "context": {"cluster": "a", "user": "v"}},
                {"name": "z", "context": {"cluster": "b"}},
            ],
        },
    ]
    paths = []
    for number, document in enumerate(documents):
        path = tmp_path / str(number) / "config"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(document))
        paths.append(str(path))
    environ = {"KUBECONFIG": os.pathsep.join([paths[0], str(tmp_path / "missing"), paths[1]])}
    shown = subprocess.run(
        [kubectl, "config", "view", "--raw", "-o", "json"],
        env={**os.environ, **environ},
        capture_output=True,
        check=True,
    )
    merged = json.loads(shown.stdout)
    theirs = {}
    for entry in merged["contexts"]:
        named: dict[str, Any] = {
            kind: next(
                (each[kind] for each in merged[f"{kind}s"] if each["name"] == entry["context"].get(kind)), {}
            )
            for kind in ("cluster", "user")
        }
        theirs[entry["name"]] = {kind: told(section) for kind, section in named.items()}
    ours = {
        context.context: {"cluster": told(context.cluster), "user": told(context.user)}
        for context in find_contexts(environ=environ)
    }
    assert ours == theirs


def told(section: Any) -> dict[str, Any]:
    """What a section says, of files their names: kubectl makes them relative again before it shows them."""
    found = {key: value for key, value in section.items() if key != "exec"}
    for key in ("certificate-authority", "tokenFile"):
        if key in found:
            found[key] = Path(found[key]).name
    if "exec" in section:
        found["command"] = Path(section["exec"]["command"]).name
    return found
