"""Credentials from a program."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from app.kube.api_errors import AccessError, ApiError
from app.kube.auth import credentials, exec_plugin
from tests.connecting.certificates import Authority, b64
from tests.connecting.conftest import Connect, Serve, access_to, only, until

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
LOCAL = "http://127.0.0.1:1"


class Plugin:
    """A program that counts its runs, and whose code a test writes.

    There, ``runs()`` is their number and ``answer(…)`` prints a credential.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "plugin"
        self._runs = folder / "runs"

    def write(self, code: str) -> None:
        self.path.write_text(
            f"#!{sys.executable} -S\n"
            "import json, os, sys, time\n"
            f"open({str(self._runs)!r}, 'a').write('.')\n"
            "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
            f"def runs(): return len(open({str(self._runs)!r}).read())\n"
            "def answer(version=None, **status):\n"
            "    print(json.dumps({'apiVersion': version or info['apiVersion'],\n"
            "                      'kind': 'ExecCredential', 'status': status}))\n" + code
        )
        self.path.chmod(0o755)

    @property
    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0

    def user(self, version: str = V1, **more: Any) -> dict[str, Any]:
        return {"exec": {"apiVersion": version, "command": str(self.path), **more}}


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_token_of_a_program_is_sent(
    serve: Serve, connect: Connect, plugin: Plugin, version: str
) -> None:
    plugin.write("answer(token=f'{sys.argv[1]}-{os.environ[\"COLOUR\"]}')")
    served = await serve()
    user = plugin.user(version, args=["x"], env=[{"name": "COLOUR", "value": "red"}])
    connection = await connect(served.url, user)
    await asyncio.gather(*(connection.get("/") for _ in range(5)))
    assert served.authorizations == ["Bearer x-red"] * 5
    assert plugin.runs == 1


async def test_program_is_told_what_it_may_know(plugin: Plugin, authority: Authority) -> None:
    plugin.write("answer(token=json.dumps([info, sys.stdin.read(), os.getsid(0) == os.getpid()]))")
    config = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {**authority.cluster("https://127.0.0.1:1"), "tls-server-name": "x", "extensions": [config]}

    async def told(**more: Any) -> Any:
        access = await access_to(cluster, plugin.user(**more))
        return json.loads((await access.headers())["Authorization"].removeprefix("Bearer "))

    info = {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}}
    assert await told() == [info, "", True]
    info["spec"] = {
        "interactive": False,
        "cluster": {
            "server": "https://127.0.0.1:1",
            "tls-server-name": "x",
            "certificate-authority-data": b64(authority.pem),
            "config": {"audience": "x"},
        },
    }
    assert await told(provideClusterInfo=True) == [info, "", True]


async def test_refused_token_is_renewed_once(
    serve: Serve, connect: Connect, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    plugin.write("answer(token=str(runs()))")
    served = await serve(only("2"))
    connection = await connect(served.url, plugin.user())
    await connection.get("/")
    assert served.authorizations == ["Bearer 1", "Bearer 2"]
    plugin.write("answer(token='3')")
    served = await serve(only("none"))
    connection = await connect(served.url, plugin.user())
    with pytest.raises(ApiError, match="401"):
        await connection.get("/")
    assert served.authorizations == ["Bearer 3"]


async def test_all_who_are_refused_at_once_share_the_renewal(
    serve: Serve, connect: Connect, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write("answer(token='old')")
    served = await serve(only("new"))
    connection = await connect(served.url, plugin.user())
    with pytest.raises(ApiError, match="401"):
        await connection.get("/")
    plugin.write("answer(token='new')")
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    await asyncio.gather(*(connection.get("/") for _ in range(10)))
    assert plugin.runs == 2


async def test_token_is_renewed_before_it_expires(serve: Serve, connect: Connect, plugin: Plugin) -> None:
    plugin.write("answer(token=str(time.time()), expirationTimestamp='2020-01-01T00:00:00Z')")
    access = await access_to(LOCAL, plugin.user())
    expired = await access.headers()
    assert await access.headers() == expired
    plugin.write("answer(token='x', expirationTimestamp='2999-01-01T00:00:00.5+02:00')")
    later = await access_to(LOCAL, plugin.user())
    assert [(await later.headers())["Authorization"] for _ in range(2)] == ["Bearer x"] * 2
    assert plugin.runs == 2


async def test_certificate_of_a_program_is_shown_and_replaced(
    serve: Serve, connect: Connect, plugin: Plugin, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)

    def answer(name: str) -> str:
        pair = authority.issue(name)
        return (
            f"answer(clientCertificateData={pair.certificate.decode()!r},"
            f" clientKeyData={pair.key.decode()!r}, expirationTimestamp='2020-01-01T00:00:00Z')"
        )

    served = await serve(tls=authority.server(clients=True))
    connection = await connect(authority.cluster(served.url), plugin.user())
    plugin.write(answer("one"))
    await connection.get("/")
    plugin.write(answer("two"))
    await connection.get("/")
    assert served.shown == ["one", "two"]
    assert served.authorizations == [None, None]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "print('Log in at example.com' + 500 * '!', file=sys.stderr); sys.exit(3)",
            r"ended with 3: Log in at",
        ),
        ("sys.exit(1)", "ended with 1: it says nothing"),
        ("print('hello')", "answers no ExecCredential"),
        ("answer()", "neither a token nor a certificate with its key"),
        ("answer(clientCertificateData='x')", "neither a token nor a certificate with its key"),
        ("answer(token='t', clientKeyData='x')", "neither a token nor a certificate with its key"),
        (f"answer({V1BETA1!r}, token='x')", f"answers {V1BETA1} and not {V1}"),
        ("answer(token='a\\nb')", "line break"),
    ],
)
async def test_program_that_fails_says_why_in_one_line(plugin: Plugin, code: str, said: str) -> None:
    plugin.write(code)
    access = await access_to(LOCAL, plugin.user())
    with pytest.raises(AccessError, match=said) as caught:
        await access.headers()
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


async def test_unusable_certificate_of_a_program_is_an_access_error(plugin: Plugin) -> None:
    plugin.write("answer(clientCertificateData='x', clientKeyData='y')")
    access = await access_to("https://127.0.0.1:1", plugin.user())
    with pytest.raises(AccessError, match="they cannot be read"):
        await access.headers()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "v1alpha1' is not accepted; accepted is a"),
        ({"command": ""}, "command '' with"),
        ({"interactiveMode": "Always"}, "there is no terminal"),
        ({"interactiveMode": "Perhaps"}, "Invalid enum value 'Perhaps'"),
        ({"env": [{"value": "x"}]}, "missing required field name"),
    ],
)
async def test_wrong_description_of_a_program_is_refused(
    plugin: Plugin, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(AccessError, match=said):
        await access_to(LOCAL, plugin.user(**wrong))


async def test_program_that_is_missing_brings_its_hint(plugin: Plugin) -> None:
    access = await access_to(LOCAL, plugin.user(installHint="\nGet it at example.com\nor elsewhere"))
    with pytest.raises(
        AccessError, match=r"cannot run .*: No such file or directory \(Get it at example.com\)"
    ):
        await access.headers()
    access = await access_to(LOCAL, plugin.user(args=["\0"]))
    with pytest.raises(AccessError, match="cannot run"):
        await access.headers()


@pytest.mark.parametrize("itself", [True, False], ids=["hangs", "leaves a child that holds its pipes"])
async def test_program_that_hangs_is_ended_with_all_it_started(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, itself: bool
) -> None:
    monkeypatch.setattr(exec_plugin, "TIMEOUT_SECONDS", 2.0)
    end = "sleep 600" if itself else "exit 0"
    plugin.path.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/child\n{end}\n")
    plugin.path.chmod(0o755)
    access = await access_to(LOCAL, plugin.user())
    with pytest.raises(AccessError, match=r"gave no answer within 2 s"):
        await access.headers()
    child = int((tmp_path / "child").read_text())
    await until(lambda: not is_running(child))
    await access.close()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_program_that_writes_without_end_is_ended(plugin: Plugin, stream: str) -> None:
    plugin.write(f"while True: sys.{stream}.write('x' * 65536)")
    access = await access_to(LOCAL, plugin.user())
    async with asyncio.timeout(10):
        with pytest.raises(AccessError, match=r"writes more than 1,024 KiB$"):
            await access.headers()
    await access.close()


def is_running(pid: int) -> bool:
    """Ended processes whose parent has gone may wait to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_closing_ends_a_program(plugin: Plugin, tmp_path: Path) -> None:
    plugin.write(f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)")
    access = await access_to(LOCAL, plugin.user())
    asking = asyncio.create_task(access.headers())
    await until(lambda: (tmp_path / "pid").exists() and "\n" in (tmp_path / "pid").read_text())
    await access.close()
    assert not is_running(int((tmp_path / "pid").read_text()))
    with pytest.raises(asyncio.CancelledError):
        await asking
