// Keeps the page fresh and saves its forms the reload. Without it every button still works.
const EVERY_MS = 1500;
const PATIENCE_MS = 5000;
const AWAY = "Стенд не отвечает. Показано последнее известное.";

let round = 0;
let busy = false;

function states(root) {
  return new Map(
    [...root.querySelectorAll(".salon")].map((salon) => [
      salon.id,
      `${salon.querySelector(".salon__title").textContent}: ${salon.querySelector(".state").textContent}`,
    ]),
  );
}

function announce(before, after) {
  const news = [...after].filter(([id, text]) => before.has(id) && before.get(id) !== text);
  if (news.length > 0) {
    document.getElementById("news").textContent = news.map(([, text]) => text).join(". ");
  }
}

/** Whoever is on a button that is replaced stays where they are: there, or at its card's first. */
function keepFocus(part, replace) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const card = focused?.closest("[id^=salon-]")?.id;
  const name = focused?.id;
  replace();
  if (focused === null) return;
  const again = (name && document.getElementById(name)) || (card && document.querySelector(`#${card} .button`));
  const section = part.closest("details, section");
  (again || section?.querySelector("button, summary"))?.focus({ preventScroll: true });
}

function show(fresh) {
  const before = states(document);
  for (const part of document.querySelectorAll("[data-live]")) {
    const found = fresh.getElementById(part.id);
    if (found === null || found.innerHTML === part.innerHTML) continue;
    keepFocus(part, () => part.replaceChildren(...found.childNodes));
  }
  announce(before, states(document));
}

function say(text) {
  const notice = document.getElementById("notice");
  if (notice.textContent !== text) notice.textContent = text;
}

/** What was wrong with the last thing that was asked stays until the next one. */
async function ask(url, options) {
  const mine = (round += 1);
  const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  const html = await answer.text();
  // A later question has overtaken this one: what it says is older.
  if (mine !== round) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  show(fresh);
  const notice = document.getElementById("notice").textContent;
  if (options !== undefined || notice === AWAY) say(fresh.getElementById("notice").textContent);
}

async function refresh() {
  if (document.hidden || busy) return;
  await ask("/").catch(() => say(AWAY));
}

async function submit(event) {
  event.preventDefault();
  busy = true;
  const form = event.target;
  const body = new URLSearchParams(new FormData(form));
  await ask(form.action, { method: "POST", body }).catch(() => say(AWAY));
  busy = false;
}

document.addEventListener("submit", submit);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
