"""What axe-core finds wrong with a page. The built page's folder has it."""

from typing import Final

from playwright.async_api import Page

from api_service.frontend.build import FRONTEND

AXE: Final = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
_RUN_AXE: Final = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(({impact}) => impact === "serious" || impact === "critical" || impact === "moderate")
  .map(({id, nodes}) => `${id}: ${nodes.map(({target, failureSummary}) =>
     `${target} ${failureSummary}`).join("; ")}`)"""


async def accessibility_faults(page: Page) -> list[str]:
    """Moderate and worse."""
    await page.evaluate(AXE.read_text())
    faults: list[str] = await page.evaluate(_RUN_AXE)
    return faults


async def overflow_px(page: Page) -> int:
    """How far the content sticks out of the window's width."""
    width: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width
