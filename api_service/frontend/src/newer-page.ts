// Whether the server has a newer page than this one: after a deployment an old tab goes on running.

/** True when the page as it is served now is built from other scripts. Never rejects. */
export async function newerPageExists(): Promise<boolean> {
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) return false;
    const served = new DOMParser().parseFromString(await answer.text(), "text/html");
    const there = scriptOf(served);
    return there !== null && there !== scriptOf(document);
  } catch {
    return false;
  }
}

function scriptOf(page: Document): string | null {
  return page.querySelector("script[src]")?.getAttribute("src") ?? null;
}
