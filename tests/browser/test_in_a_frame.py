"""The page inside YClients: a frame on another site, which may keep nothing and has no cookies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from playwright.async_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from shared.company_id import SalonId, session_id_of
from shared.http_server import Server, listen
from shared.messages.commands import Command, RequestQr
from tests.browser.scenes import QR_TEXT
from tests.support.api import api_settings, running_api, signed_query
from tests.support.waiting import wait_until
from tests.support.whatsapp_side import whatsapp_side

SESSION = session_id_of(SalonId(1001))
PHONE = "79990000001"

_NOTHING_MAY_BE_KEPT = """if (window.top !== window) {
  const forbidden = () => { throw new DOMException("Access is denied", "SecurityError"); };
  for (const name of ["sessionStorage", "localStorage"])
    Object.defineProperty(window, name, {get: forbidden});
  window.BroadcastChannel = new Proxy(BroadcastChannel, {construct: forbidden});
}"""


class Embedding:
    """Another site: `localhost` is not `127.0.0.1`."""

    def __init__(self) -> None:
        self.shown = ""
        self._listener = listen("PORT", "127.0.0.1", 0)
        self.origin = f"http://localhost:{self._listener.getsockname()[1]}"

    async def _page(self, _request: Request) -> HTMLResponse:
        return HTMLResponse(
            f'<iframe src="{self.shown}" width="1000" height="900" title="AI Admin"></iframe>'
        )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        app = Starlette(routes=[Route("/", self._page)])
        server = Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[self._listener]), name="embedding")
        await wait_until(lambda: server.started, what="the embedding page is served")
        try:
            yield
        finally:
            server.should_exit = True
            await serving


async def test_salon_links_by_qr_in_a_frame_that_may_keep_nothing(
    browser: Browser, page_dir: Path, database_url: str, redis_url: str
) -> None:
    embedding = Embedding()
    settings = api_settings(
        database_url, redis_url, page_dir=page_dir, frame_ancestors=(embedding.origin,)
    )
    async with (
        embedding.served(),
        running_api(settings) as api,
        whatsapp_side(redis_url) as whatsapp,
        await browser.new_context() as context,
    ):

        async def react(command: Command) -> None:
            assert isinstance(command, RequestQr)
            await whatsapp.qr(SESSION, QR_TEXT)

        whatsapp.reaction = react
        signed = api.http.build_request(
            "GET", "/auth/yclients/redirect", params={"salon_id": "1001", **signed_query()}
        )
        embedding.shown = str(signed.url)
        await context.add_init_script(_NOTHING_MAY_BE_KEPT)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(embedding.origin)

        frame = page.frame_locator("iframe")
        await expect(frame.get_by_alt_text("QR-код для привязки WhatsApp")).to_be_visible()
        inner = page.frames[1]
        assert inner.url.startswith(f"{api.url}/marketplace/onboarding")
        assert await inner.evaluate("try { sessionStorage } catch (error) { error.name }") == (
            "SecurityError"
        )
        await whatsapp.connected(SESSION, PHONE)

        await expect(frame.get_by_role("heading", name="Готово")).to_be_visible()
        assert await context.cookies() == []
        assert complaints == []


async def test_page_of_another_site_may_not_show_it(
    browser: Browser, page_dir: Path, database_url: str, redis_url: str
) -> None:
    embedding = Embedding()
    async with (
        embedding.served(),
        running_api(api_settings(database_url, redis_url, page_dir=page_dir)) as api,
        await browser.new_context() as context,
    ):
        embedding.shown = f"{api.url}/marketplace/onboarding?token=any"
        page = await context.new_page()
        async with page.expect_event("console", lambda message: "frame-ancestors" in message.text):
            await page.goto(embedding.origin)
        assert not page.frames[1].url.startswith(api.url)
