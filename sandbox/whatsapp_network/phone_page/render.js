// Draws what the API told. A list is drawn anew only when it changed, so that focus stays.

import { EVENTS, faultText, timeText } from "./texts.js";

const EVENTS_SHOWN = 100;
const drawn = new Map();

function changed(name, value) {
  const text = JSON.stringify(value);
  if (drawn.get(name) === text) return false;
  drawn.set(name, text);
  return true;
}

function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function button(text, label, action) {
  const node = element("button", text, { type: "button", "aria-label": label });
  node.addEventListener("click", action);
  return node;
}

export function drawPhones(select, phones, chosen) {
  if (!changed("phones", [phones.map(({ number, name }) => [number, name]), chosen])) return;
  select.replaceChildren(
    ...phones.map(({ number, name }) => element("option", `${name}, +${number}`, { value: number })),
  );
  select.value = chosen ?? "";
  select.disabled = phones.length === 0;
}

export function drawDevices(list, devices, unlink) {
  if (!changed("devices", devices)) return;
  const cards = devices.map((device) => {
    const card = document.createElement("li");
    const state = device.online ? "в сети" : `был в сети: ${timeText(device.last_seen_ms)}`;
    card.append(
      element("p", device.name, device.online ? { class: "online" } : {}),
      element("p", state, { class: "hint" }),
      button("Отвязать", `Отвязать ${device.name}`, () => unlink(device.device)),
    );
    return card;
  });
  list.replaceChildren(...(cards.length ? cards : [element("li", "Ничего не привязано")]));
}

export function drawFaults(list, faults, remove) {
  if (!changed("faults", faults)) return;
  list.replaceChildren(
    ...faults.map((fault) => {
      const card = element("li", faultText(fault));
      card.append(button("Выключить", `Выключить: ${faultText(fault)}`, () => remove(fault.id)));
      return card;
    }),
  );
}

// One page of several that show a QR is chosen, and stays so when another one renews its own.
export function drawScreens(choice, screens) {
  const labels = screens.map(({ label }) => label);
  if (!changed("screens", [...labels].sort())) return;
  const chosen = labels.includes(choice.value) ? choice.value : labels.at(0);
  choice.replaceChildren(...labels.map((label) => element("option", label, { value: label })));
  choice.value = chosen ?? "";
  choice.parentElement.hidden = labels.length < 2;
}

export function drawScreen(hint, screens, chosen) {
  const shown = screens.find(({ label }) => label === chosen);
  const text = shown
    ? `На экране: ${shown.label || "QR-код"}, показан ${Math.round(shown.age_s)} с назад`
    : "На экранах сейчас нет QR-кода";
  if (hint.textContent !== text) hint.textContent = text;
}

export function addEvents(list, events) {
  for (const event of events) {
    const where = event.number ? ` +${event.number}` : "";
    const device = event.device === null ? "" : `, устройство ${event.device}`;
    const detail = event.detail ? `: ${event.detail}` : "";
    const item = element("li", `${EVENTS[event.kind] ?? event.kind}${where}${device}${detail} `);
    item.append(element("time", timeText(event.at_ms)));
    list.prepend(item);
  }
  while (list.children.length > EVENTS_SHOWN) list.lastElementChild.remove();
}
