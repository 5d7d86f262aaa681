"""Whom a connection trusts, and the certificate that it shows."""

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

from app.kube.api_errors import AccessError, ConnectionFailed
from app.kube.auth import kubeconfig, tls
from app.kube.auth.cluster_access import open_access
from app.kube.client import Connection
from tests.connecting.certificates import Authority, b64
from tests.connecting.conftest import Connect, Serve, access_to

HTTPS = "https://127.0.0.1:1"


@pytest.mark.parametrize("inline", [True, False], ids=["data", "file"])
async def test_ca_of_the_cluster_is_trusted(
    serve: Serve, connect: Connect, authority: Authority, tmp_path: Path, inline: bool
) -> None:
    served = await serve(tls=authority.server())
    cluster = authority.cluster(served.url)
    if not inline:
        file = tmp_path / "ca.crt"
        file.write_bytes("# Größe\n".encode() + Authority("other").pem + authority.pem)
        cluster = {"server": served.url, "certificate-authority": str(file)}
    await (await connect(cluster)).get("/")
    assert len(served.seen) == 1


async def test_bundle_of_many_cas_is_trusted_or_refused_as_a_small_one(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    served = await serve(tls=authority.server())
    others = b"".join(Authority(f"CA {number}").pem for number in range(80))
    bundle = others + authority.pem
    assert len(bundle) > tls.LARGE_BUNDLE_BYTES
    cluster = {"server": served.url, "certificate-authority-data": b64(bundle)}
    await (await connect(cluster)).get("/")
    with pytest.raises(ConnectionFailed, match="certificate verify failed"):
        await (await connect(cluster | {"certificate-authority-data": b64(others)})).get("/")
    broken = bundle.replace(b"-----BEGIN CERTIFICATE-----\nM", b"-----BEGIN CERTIFICATE-----\nZ", 1)
    with pytest.raises(AccessError, match="holds a certificate that cannot be read"):
        await access_to(cluster | {"certificate-authority-data": b64(broken)})


async def test_certificate_that_is_wrong_is_refused_with_the_reason(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    expired = await serve(tls=authority.server(days=-1))
    elsewhere = await serve(tls=authority.server("kubernetes.default"))
    unknown = await serve(tls=Authority("another CA").server())
    for cluster, said in (
        (authority.cluster(expired.url), "certificate has expired"),
        (authority.cluster(elsewhere.url), "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (authority.cluster(unknown.url), "unable to get local issuer certificate"),
        ({"server": unknown.url}, "unable to get local issuer certificate"),
    ):
        with pytest.raises(ConnectionFailed) as caught:
            await (await connect(cluster)).get("/")
        assert str(caught.value) == f"certificate verify failed: {said}"
    assert [served.seen for served in (expired, elsewhere, unknown)] == [[], [], []]


async def test_verification_can_be_skipped_or_made_by_another_name(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    served = await serve(tls=authority.server("kubernetes.default"))
    await (await connect({"server": served.url, "insecure-skip-tls-verify": True})).get("/")
    cluster = authority.cluster(served.url) | {"tls-server-name": "kubernetes.default"}
    await (await connect(cluster)).get("/")
    with pytest.raises(ConnectionFailed, match=r"Hostname mismatch.* 'kubernetes.other'"):
        await (await connect(cluster | {"tls-server-name": "kubernetes.other"})).get("/")
    assert len(served.seen) == 2


async def test_private_key_is_on_no_disk(
    serve: Serve, connect: Connect, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are large bundles of CAs. There is no folder for temporary files here."""
    if not hasattr(os, "memfd_create"):
        pytest.skip("only Linux has files in memory")
    served = await serve(tls=authority.server(clients=True))
    monkeypatch.setattr(tls.tempfile, "tempdir", str(tmp_path / "nowhere"))  # type: ignore[attr-defined]
    bundle = authority.pem * (tls.LARGE_BUNDLE_BYTES // len(authority.pem) + 1)
    cluster = {"server": served.url, "certificate-authority-data": b64(bundle)}
    await (await connect(cluster, authority.issue("jane").user())).get("/")
    assert served.shown == ["jane"]
    monkeypatch.setattr(tls, "OPEN_FILES", str(tmp_path / "nowhere"))
    with pytest.raises(AccessError, match="no place for a temporary file"):
        await connect(authority.cluster(served.url), authority.issue("joe").user())


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("inline", [True, False], ids=["data", "file"])
async def test_client_certificate_is_shown_and_leaves_nothing_behind(
    serve: Serve,
    connect: Connect,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inline: bool,
    in_memory: bool,
) -> None:
    (tmp_path / "tmp").mkdir()
    if not in_memory:
        monkeypatch.setattr(tls, "OPEN_FILES", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tls.tempfile, "tempdir", str(tmp_path / "tmp"))  # type: ignore[attr-defined]
    pair = authority.issue("jane")
    user = pair.user()
    if not inline:
        (tmp_path / "crt").write_bytes(pair.certificate)
        (tmp_path / "key").write_bytes(pair.key)
        user = {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")}
    served = await serve(tls=authority.server(clients=True))
    connection = await connect(authority.cluster(served.url), user)
    await connection.get("/")
    await connection.get("/")
    assert served.shown == ["jane", "jane"]
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(ConnectionFailed, match=r"certificate required|connection reset|without an answer"):
        await (await connect(authority.cluster(served.url))).get("/")


async def test_certificate_files_are_read_again(
    serve: Serve,
    connect: Connect,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "both.pem"
    one, two = authority.issue("one"), authority.issue("two")
    file.write_bytes(one.certificate + one.key)
    served = await serve(tls=authority.server(clients=True))
    user = {"client-certificate": str(file), "client-key": str(file)}
    connection = await connect(authority.cluster(served.url), user)
    await connection.get("/")
    file.write_bytes(two.certificate)  # and the key still has to come
    monkeypatch.setattr(tls, "REREAD_SECONDS", 0.0)
    await connection.get("/")
    file.write_bytes(two.certificate + two.key)
    await connection.get("/")
    monkeypatch.setattr(tls, "REREAD_SECONDS", 60.0)
    file.write_bytes(one.certificate + one.key + b"\n")
    await connection.get("/")
    assert served.shown == ["one", "one", "two", "two"]


async def test_changed_files_are_something_new_to_try(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca"
    file.write_bytes(authority.pem)
    access = await access_to({"server": HTTPS, "certificate-authority": str(file)})
    before = access.ssl
    assert not await access.renew()
    assert access.ssl is before
    file.write_bytes(authority.pem + Authority().pem)
    assert await access.renew()
    assert access.ssl is not before


async def test_contexts_are_made_only_where_needed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = await access_to("http://127.0.0.1:1")
    assert plain.ssl is None
    first, second = await access_to(HTTPS), await access_to("https://10.0.0.1:1")
    assert first.ssl is second.ssl
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", None)
    named = await access_to(authority.cluster(HTTPS))
    before = named.ssl
    await named.headers()
    assert named.ssl is before
    await access_to({"server": HTTPS, "insecure-skip-tls-verify": True})


async def test_identity_is_of_url_and_ca(authority: Authority) -> None:
    clusters: list[dict[str, Any]] = [
        {"server": HTTPS},
        {"server": "https://127.0.0.1:2"},
        authority.cluster(HTTPS),
        authority.cluster(f"{HTTPS}/prefix"),
    ]
    identities = [(await access_to(cluster)).identity for cluster in clusters]
    assert len({*identities}) == 4
    again = await access_to({**authority.cluster(HTTPS), "server": f"{HTTPS}/"}, {"token": "t"})
    assert again.identity == identities[2]


async def wrong(cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
    with pytest.raises(AccessError) as caught:
        await access_to({"server": HTTPS, **cluster}, user)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_certificates_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    file = str(tmp_path / "missing")
    pair, other = authority.issue("jane"), authority.issue("joe")
    locked = b64(pair.encoded_key(BestAvailableEncryption(b"secret")))
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    key = "client-key-data"
    assert await wrong({"certificate-authority": file}) == (
        f"certificate-authority: cannot read {file}: No such file or directory"
    )
    assert "certificate-authority: '\\x00' cannot be" in await wrong({"certificate-authority": "\0"})
    assert "certificate-authority-data is not base64" in await wrong({"certificate-authority-data": "%%"})
    assert "holds no certificate in PEM" in await wrong({"certificate-authority-data": b64(b"x")})
    assert "that cannot be read" in await wrong({"certificate-authority-data": b64(broken)})
    assert "one is of no use without the other" in await wrong({}, {key: b64(pair.key)})
    assert "they do not match" in await wrong({}, pair.user() | {key: b64(other.key)})
    assert "they cannot be read" in await wrong({}, pair.user() | {key: b64(b"x")})
    assert "an encrypted key is not accepted" in await wrong({}, pair.user() | {key: locked})


@pytest.mark.parametrize(
    "server", ["ftp://h", "https://", "https://h:port", "https://u:s3cret@h:99999", "://", "https://[::1"]
)
async def test_server_that_is_no_url_is_named(server: str) -> None:
    said = await wrong({"server": server})
    assert "is not accepted; accepted is an http or https URL" in said
    assert "s3cret" not in said


async def test_server_without_scheme_is_what_it_is_to_kubectl(authority: Authority) -> None:
    assert (await access_to("127.0.0.1:8080")).server == "http://127.0.0.1:8080"
    assert (await access_to(authority.cluster("127.0.0.1:6443"))).server == "https://127.0.0.1:6443"
    assert (await access_to("https://h:6443/k8s/clusters/c-1/")).server == "https://h:6443/k8s/clusters/c-1"


async def test_account_of_the_pod_reaches_its_cluster(
    serve: Serve, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("account")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    monkeypatch.setattr(kubeconfig, "ACCOUNT", tmp_path)
    served = await serve(tls=authority.server())
    environ = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(served.port),
    }
    (context,) = kubeconfig.find_contexts(environ=environ)
    connection = Connection(await open_access(context))
    await connection.get("/version")
    await connection.close()
    assert served.authorizations == ["Bearer account"]
