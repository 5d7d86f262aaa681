"""What is sent to an API server for each kind of user, and how what is refused is renewed."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientTimeout

from app.kube.api_errors import AccessError, ApiError
from app.kube.auth import credentials
from tests.connecting.certificates import b64
from tests.connecting.conftest import Connect, Serve, access_to, only

LIMITS = ClientTimeout(total=30)
BASIC = f"Basic {b64('ü:p:w'.encode())}"


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ({}, None),
        ({"token": "t"}, "Bearer t"),
        ({"username": "ü", "password": "p:w"}, BASIC),
        ({"token": "t", "username": "u", "password": "p"}, "Bearer t"),
        ({"token": "t", "exec": {"command": "/nowhere"}}, "Bearer t"),
    ],
)
async def test_user_is_sent_as_kubectl_sends_it(
    serve: Serve, connect: Connect, user: dict[str, Any], sent: str | None
) -> None:
    served = await serve()
    await (await connect(served.url, user)).get("/version")
    assert served.authorizations == [sent]


async def test_caller_cannot_bring_credentials_of_its_own(serve: Serve, connect: Connect) -> None:
    served = await serve()
    for user in ({"token": "ours"}, {}):
        connection = await connect(served.url, user)
        answer = await connection.request(
            "GET", "/x", headers={"authorization": "Bearer theirs"}, timeout=LIMITS
        )
        await answer.read()
    assert served.authorizations == ["Bearer ours", None]


async def test_token_does_not_leave_the_machine_unencrypted() -> None:
    for server in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://10.0.0.1:1"):
        access = await access_to(server, {"token": "t"})
        assert dict(await access.headers()) == {"Authorization": "Bearer t"}, server
    for server in ("http://10.0.0.1:1", "http://localhost.example.com"):
        access = await access_to(server, {"token": "t"})
        assert not await access.headers(), server


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Evil: 1", "a\0"])
async def test_token_that_would_break_out_of_its_header_is_refused(token: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="line break or control character"):
        await access_to("http://127.0.0.1:1", {"token": token})
    (tmp_path / "token").write_text(token)
    access = await access_to("http://127.0.0.1:1", {"tokenFile": str(tmp_path / "token")})
    with pytest.raises(AccessError, match="line break or control character"):
        await access.headers()


async def test_refused_token_is_an_error_of_the_server(serve: Serve, connect: Connect) -> None:
    served = await serve(only("right"))
    connection = await connect(served.url, {"token": "wrong"})
    with pytest.raises(ApiError, match=r"credentials refused \(401\): token"):
        await connection.get("/version")
    assert len(served.seen) == 1


# Token files


async def test_token_file_is_read_again_after_a_minute(
    serve: Serve, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    served = await serve()
    connection = await connect(served.url, {"tokenFile": str(file)})
    await connection.get("/")
    file.write_text("two")
    await connection.get("/")
    monkeypatch.setattr(credentials, "REREAD_SECONDS", 0.0)
    await connection.get("/")
    file.unlink()
    await connection.get("/")
    assert served.authorizations == ["Bearer one", "Bearer one", "Bearer two", "Bearer two"]


async def test_token_file_is_read_again_when_refused(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    served = await serve(only("new"))
    connection = await connect(served.url, {"tokenFile": str(file)})
    with pytest.raises(ApiError):
        await connection.get("/")
    file.write_text("new")
    await connection.get("/")
    assert served.authorizations == ["Bearer old", "Bearer old", "Bearer new"]


async def test_token_stands_in_for_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for user in ({"token": "t"}, {}):
        access = await access_to("http://127.0.0.1:1", {"tokenFile": str(file), **user})
        if user:
            assert (await access.headers())["Authorization"] == "Bearer t"
        else:
            with pytest.raises(AccessError, match=f"tokenFile: cannot read {file}: No such file"):
                await access.headers()
    file.write_text(" \n")
    with pytest.raises(AccessError, match=f"{file} is empty"):
        await access.headers()


# Acting as somebody else


async def test_impersonation_sends_every_part(serve: Serve, connect: Connect) -> None:
    served = await serve()
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["dev", "ops"],
        "as-user-extra": {"example.com/scope": ["a", "b"]},
    }
    await (await connect(served.url, user)).get("/")
    (seen,) = served.seen
    assert seen["Authorization"] == "Bearer t"
    assert seen.getall("Impersonate-Group") == ["dev", "ops"]
    assert (seen["Impersonate-User"], seen["Impersonate-Uid"]) == ("jane", "7")
    assert seen.getall("Impersonate-Extra-example.com%2Fscope") == ["a", "b"]
    assert (await access_to(served.url, user)).impersonates
    assert not (await access_to(served.url, {"token": "t"})).impersonates


async def test_groups_without_a_user_are_refused() -> None:
    with pytest.raises(AccessError, match="only together with as"):
        await access_to("http://127.0.0.1:1", {"as-groups": ["dev"]})


# What is fetched


class Fetched(credentials.Renewed):
    """Fetches what ``answers`` lists, each once ``gate`` is open; an error is raised."""

    def __init__(self, *answers: credentials.Issued | AccessError) -> None:
        super().__init__(credentials.Slots())
        self.answers = list(answers)
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.fetches = 0

    async def _fetch(self) -> credentials.Issued:
        self.fetches += 1
        self.begun.set()
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, AccessError):
            raise answer
        return answer

    async def token(self) -> str:
        return (await self.headers())["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that credentials believe it is; to be changed."""
    clock = [1000.0]
    monkeypatch.setattr(
        credentials, "time", SimpleNamespace(time=lambda: clock[0], monotonic=lambda: clock[0])
    )
    return clock


def issued(token: str, expires: float) -> credentials.Issued:
    return credentials.Issued(token, expires=expires)


async def settle(fetched: Fetched) -> None:
    if fetched._fetching is not None:
        await fetched._fetching


async def test_what_is_about_to_expire_is_fetched_while_the_old_serves(now: list[float]) -> None:
    fetched = Fetched(issued("one", 2000), issued("two", 3000))
    assert await fetched.token() == "one"
    now[0] = 1939
    assert await fetched.token() == "one"
    assert fetched.fetches == 1
    now[0] = 1941
    fetched.gate.clear()
    assert await fetched.token() == "one"
    fetched.gate.set()
    await settle(fetched)
    assert await fetched.token() == "two"
    assert fetched.fetches == 2


async def test_short_life_is_used_up_to_its_last_fifth(now: list[float]) -> None:
    fetched = Fetched(issued("one", 1030), issued("two", 1060))
    assert await fetched.token() == "one"
    now[0] = 1023
    assert await fetched.token() == "one"
    assert fetched.fetches == 1
    now[0] = 1025
    await fetched.token()
    await settle(fetched)
    assert fetched.fetches == 2


async def test_what_expired_is_waited_for_by_all_at_once(now: list[float]) -> None:
    fetched = Fetched(issued("one", 2000), issued("two", 3000))
    await fetched.token()
    now[0] = 2001
    assert await asyncio.gather(*(fetched.token() for _ in range(5))) == ["two"] * 5
    assert fetched.fetches == 2


async def test_failing_to_renew_matters_once_the_old_has_expired(now: list[float]) -> None:
    fetched = Fetched(issued("one", 2000), *[AccessError("no luck")] * 3, issued("two", 3000))
    await fetched.token()
    now[0] = 1950
    assert await fetched.token() == "one"
    await settle(fetched)
    now[0] = 2001
    with pytest.raises(AccessError, match="no luck"):
        await fetched.token()
    assert fetched.fetches == 3
    # Everybody who asks now is told the same, without asking for it anew each time.
    with pytest.raises(AccessError, match="no luck"):
        await fetched.token()
    with pytest.raises(AccessError, match="no luck"):
        await fetched.renew()
    assert fetched.fetches == 3
    now[0] = 2010
    with pytest.raises(AccessError, match="no luck"):
        await fetched.token()
    now[0] = 2020
    assert await fetched.token() == "two"


async def test_what_comes_expired_is_used_and_not_fetched_for_each_request(now: list[float]) -> None:
    """The clocks may differ, and the server's is the one that counts."""
    fetched = Fetched(issued("one", 500), issued("two", 500))
    assert [await fetched.token(), await fetched.token()] == ["one", "one"]
    now[0] += 6
    assert await fetched.token() == "two"


async def test_what_was_just_fetched_and_refused_is_not_fetched_again(now: list[float]) -> None:
    fetched = Fetched(issued("one", 9e9), issued("two", 9e9), issued("two", 9e9))
    await fetched.token()
    assert not await fetched.renew()
    now[0] += 6
    assert await fetched.renew()
    now[0] += 6
    assert not await fetched.renew()
    assert fetched.fetches == 3


async def test_closing_ends_what_is_being_fetched() -> None:
    fetched = Fetched(issued("one", 9e9))
    fetched.gate.clear()
    asking = asyncio.create_task(fetched.token())
    await fetched.begun.wait()
    await fetched.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert fetched._fetching is None
