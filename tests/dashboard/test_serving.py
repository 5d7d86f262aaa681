"""The page and its files: open to everybody, since they hold no data, and strict."""

import re
from importlib.resources import files
from pathlib import Path

import aiohttp
from playwright.async_api import expect

from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, names


async def test_the_page_and_all_that_it_loads(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/?resource=pods&q=x&unknown=1") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/html"
            policy = answer.headers["Content-Security-Policy"]
            text = await answer.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"https?://|<style|style=|\son\w+=", text)
        for path in re.findall(r'(?:src|href)="(/[^"]*)"', text):
            async with session.head(server.url + path) as answer:
                assert answer.status == 200
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for method, path, status in (
            ("GET", "/web/nothing.js", 404),
            ("GET", "/web/__init__.py", 404),
            ("GET", "/web/..%2fcli.py", 404),
            ("POST", "/web/main.js", 405),
        ):
            async with session.request(method, server.url + path) as answer:
                assert answer.status == status, path


async def test_nothing_but_the_page_and_its_files_is_open_where_a_token_is_needed(config: Path) -> None:
    async with Server(config, token="s3cret") as server, aiohttp.ClientSession() as session:
        for method, path, status in (
            ("GET", "/?resource=pods", 200),
            ("HEAD", "/web/main.js", 200),
            ("POST", "/", 401),
            ("PATCH", "/web/main.js", 401),
            ("POST", "/web/main.js/scale", 401),
            ("GET", "/web/main.js/logs", 401),
            ("GET", "/web/..%2fpods", 401),
            ("GET", "/web", 401),
        ):
            async with session.request(method, server.url + path) as answer:
                assert answer.status == status, path


async def test_nothing_is_sent_that_is_there_already(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/web/main.js") as answer:
            tag = answer.headers["ETag"]
            assert answer.headers["Cache-Control"] == "no-cache"
        async with session.get(f"{server.url}/web/main.js", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""


def test_nothing_is_fetched_from_elsewhere_or_made_of_text() -> None:
    for entry in files("app.web").iterdir():
        if entry.name.endswith((".js", ".css")):
            text = entry.read_text()
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|eval\(|https?://", text), entry.name


async def test_a_token_comes_with_the_address_or_is_asked_for(config: Path, open_page: OpenPage) -> None:
    async with Server(config, token="s3cret") as server:
        page = await open_page(f"{server.url}/#token=s3cret")
        await expect(names(page).first).to_be_visible()
        assert "s3cret" not in page.url
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/pods") as answer:
            assert answer.status == 401
        page = await open_page(f"{server.url}/?resource=nodes")
        await expect(page.get_by_role("dialog")).to_contain_text("needs a token")
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text("the token is wrong")
        await page.keyboard.type("s3cret")
        await page.keyboard.press("Enter")
        await expect(names(page).first).to_be_visible()
