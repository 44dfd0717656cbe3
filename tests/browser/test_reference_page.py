"""The reference page of the HTTP API in a real browser: whole, and nothing from elsewhere."""

from playwright.async_api import Browser, expect

from tests.support.api import api_settings, running_api


async def test_the_reference_is_shown_and_tried_out_under_its_own_strict_policy(
    browser: Browser,
) -> None:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1")
    async with running_api(nowhere, without_redis=True) as api:
        page = await browser.new_page()
        complaints: list[str] = []
        hosts: set[str] = set()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("request", lambda request: hosts.add(request.url.partition("/docs")[0]))
        await page.goto(f"{api.url}/docs")

        await expect(page.get_by_role("heading", name="AI Admin")).to_be_visible()
        await expect(page.get_by_role("link", name="/marketplace/admin/audit")).to_be_visible()
        link = page.get_by_role("link", name="/health/pubsub", exact=True)
        health = page.locator(".opblock").filter(has=link)
        await health.locator(".opblock-summary-control").click()
        await health.get_by_role("button", name="Try it out").click()
        await health.get_by_role("textbox").fill("20")
        await health.get_by_role("button", name="Execute").click()
        await expect(
            health.locator(".live-responses-table td.response-col_status").last
        ).to_contain_text("503")
        await page.close()

    assert [said for said in complaints if "503" not in said] == []
    assert {host.removeprefix(api.url).partition("/")[0] for host in hosts} <= {"", "data:,"}
