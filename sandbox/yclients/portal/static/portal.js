// Keeps what changes by itself fresh. What has the focus is left alone.
const EVERY_MS = 2000;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch("/", { cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const found = fresh.querySelector(`[data-live="${old.dataset.live}"]`);
    if (found === null || found.innerHTML === old.innerHTML) continue;
    if (old.contains(document.activeElement)) continue;
    old.replaceChildren(...found.childNodes);
  }
}

setInterval(() => refresh().catch(() => {}), EVERY_MS);
