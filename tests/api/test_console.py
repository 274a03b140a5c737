"""The operator's page."""

import base64
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest

from aggregator.api import Admin
from aggregator.api.console import AlertRow, OrderRow, ProviderRow, View
from aggregator.telemetry import Metrics
from tests.api.test_admin import TOKEN, Ready, get

NASTY = "<script>alert('x')</script>&\""
NOW_MS = 1_800_000_000_000


def view(**changed: Any) -> View:
    values: dict[str, Any] = {
        "now_ms": NOW_MS,
        "since_ms": NOW_MS - 93_784_000,
        "version": "1.0",
        "ready": True,
        "detail": {"revision": "abc"},
        "by_state": {"placed": 7, "in_doubt": 60},
        "needs_person": 0,
        "overdue": 3,
        "verified": (NOW_MS - 61_000, 0),
    }
    return View(**values | changed)


class Desk:
    """What the page is given to show."""

    shown = view()

    async def look(self) -> View:
        return self.shown


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def address(desk: Desk) -> AsyncIterator[str]:
    admin = Admin(Ready(), Metrics(), TOKEN, look=desk.look)
    yield await admin.start("127.0.0.1:0")
    await admin.close()


def basic(name: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


async def page(address: str) -> str:
    return (await get(address, "/console", basic("any", TOKEN))).body.decode()


class Elements(HTMLParser):
    """The tags of a page, and everything that it would load or go to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value for name, value in attrs if name in ("src", "href", "action")]


@pytest.mark.parametrize(
    "header", [basic("any", TOKEN), basic("", TOKEN), f"Authorization: Bearer {TOKEN}"]
)
async def test_the_token_opens_it(address: str, header: str) -> None:
    """The token does as a bearer, and as the password that a browser asks for."""
    reply = await get(address, "/console", header)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "header",
    [
        basic("any", f"{TOKEN}x"),
        basic(TOKEN, ""),
        "Authorization: Basic !",
        "Authorization: Basic /w==",
        "Authorization: Basic",
        "X-Nothing: x",
    ],
)
async def test_nothing_else_does(address: str, header: str) -> None:
    """Without the token a browser is asked for it, and nothing is shown."""
    reply = await get(address, "/console", header)
    assert (reply.status, reply.json) == (401, {"error": "Unauthenticated"})
    assert reply.headers["www-authenticate"].startswith("Basic ")


async def test_it_only_looks(address: str) -> None:
    """It takes no POST."""
    reply = await get(address, "/console", basic("", TOKEN), "Content-Length: 0", method="POST")
    assert reply.status == 405


async def test_nothing_comes_from_elsewhere(address: str) -> None:
    """It has no script and no form, loads its own style only, and browsers are told so."""
    reply = await get(address, "/console", basic("", TOKEN))
    elements = Elements(reply.body.decode())
    assert elements.targets == ["/console.css"]
    assert not {"script", "form", "img", "iframe"} & set(elements.tags)
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert reply.headers["cache-control"] == "no-store"
    style = await get(address, "/console.css")
    assert style.headers["content-type"].startswith("text/css")
    assert b"url(" not in style.body


async def test_whatever_it_shows_is_text(address: str, desk: Desk) -> None:
    """A name, a cause, a mistake of the configuration that looks like HTML is not."""
    order = OrderRow(1, NASTY, 2, 900_000, NASTY, NOW_MS, NASTY)
    desk.shown = view(
        ready=False,
        detail={
            "revision": NASTY,
            "store": NASTY,
            "reload": {"ok": False, "at": NASTY, "mistakes": [NASTY]},
        },
        by_state={NASTY: 1},
        providers=[ProviderRow(NASTY, NASTY, NASTY, 1, NASTY, True, 0, 0, 0)],
        doubts=[order],
        queue=[order],
        alerts=[AlertRow(NOW_MS, NASTY, NASTY)],
    )
    said = await page(address)
    assert "script" not in Elements(said).tags
    assert said.count("&lt;script&gt;") == 17


async def test_what_it_says(address: str, desk: Desk) -> None:
    """Ages, money and what there is more of are written for people."""
    desk.shown = view(
        providers=[
            ProviderRow("gulf", "smmgulf", "ok", 12_500_000, "EUR", False, 2, 3, 61_000),
            ProviderRow("owner", "smmowner", "paused by you", None, "USD", False, 0, 0, 0),
        ],
        doubts=[OrderRow(17, "shop", 1, 900_000, "gulf", NOW_MS - 5_000, "needs a person")],
    )
    said = await page(address)
    for part in (
        "takes orders",
        "up for 1 d 2 h",
        "12.50 EUR",
        "not read",
        "paused by you",
        "3, by 1 min 1 s",
    ):
        assert part in said
    for part in ("1 min 1 s ago", "needs a person", "The newest 1 of 60.", "0.90", "5 s"):
        assert part in said


async def test_before_anything_happened(address: str, desk: Desk) -> None:
    """An installation that sells nothing yet has a page, too."""
    desk.shown = view(by_state={}, verified=None)
    said = await page(address)
    for part in ("None is configured.", "No order is in doubt.", "not yet", "None since the start"):
        assert part in said


async def test_books_that_do_not_balance(address: str, desk: Desk) -> None:
    """What the nightly look at the books found wrong stands out."""
    desk.shown = view(verified=(NOW_MS, 2))
    assert '<dd class="bad">2 wrong</dd>' in await page(address)


async def test_no_token_no_page(desk: Desk) -> None:
    """Without a token configured it is closed."""
    admin = Admin(Ready(), Metrics(), look=desk.look)
    reply = await get(await admin.start("127.0.0.1:0"), "/console", basic("", ""))
    await admin.close()
    assert reply.status == 403
