// The page of one simulated phone. Which phone it is stands in the address, after the #.

import { api, ApiError } from "./api.js";
import {
  addEvents,
  drawDevices,
  drawFaults,
  drawPhones,
  drawScreen,
  drawScreens,
} from "./render.js";
import { FAULTS } from "./texts.js";

const POLL_MS = 1000;
const NUMBER = /^[1-9]\d{9,14}$/;
const SIGNS = ["read", "wrote"];
const $ = (id) => document.getElementById(id);

let chosen = location.hash.slice(1) || null;
let lastEvent = 0;
let away = false;
let round = 0;

function say(text, alarm = false) {
  const message = $("message");
  message.hidden = false;
  message.className = alarm ? "alarm" : "";
  message.textContent = text;
}

function trouble(error) {
  if (error instanceof ApiError) {
    say(error.message, true);
  } else {
    away = true;
    say("Сеть WhatsApp не отвечает: проверьте, что песочница запущена", true);
  }
}

function back() {
  if (away) say("Сеть WhatsApp снова отвечает");
  away = false;
}

async function attempt(action, done) {
  const buttons = [...document.querySelectorAll("button:enabled")];
  for (const each of buttons) each.disabled = true;
  try {
    const result = await action();
    if (done) say(done(result));
  } catch (error) {
    trouble(error);
  } finally {
    for (const each of buttons) each.disabled = false;
  }
  await refresh().catch(trouble);
}

const linked = (device) => `Привязано: ${device.name}`;

async function refresh() {
  const mine = (round += 1);
  const [phones, screens, faults, events] = await Promise.all([
    api.phones(),
    api.screens(),
    api.faults(),
    api.events(lastEvent),
  ]);
  back();
  // Something was asked or chosen meanwhile: what was told before that is older.
  if (mine !== round) return;
  if (!phones.some(({ number }) => number === chosen)) chosen = phones.at(0)?.number ?? null;
  drawPhones($("phone"), phones, chosen);
  const phone = phones.find(({ number }) => number === chosen);
  drawDevices($("devices"), phone?.devices ?? [], (device) =>
    attempt(() => api.unlink(chosen, device), () => "Устройство отвязано"),
  );
  drawFaults($("faults"), faults, (id) => attempt(() => api.removeFault(id)));
  drawScreens($("which"), screens);
  drawScreen($("screen"), screens, $("which").value);
  const listened = phone?.devices.some(({ online }) => online) ?? false;
  for (const sign of SIGNS) $(sign).disabled = !listened;
  $("scan").disabled = !phone || screens.length === 0;
  if (phones.length === 0) $("new-phone").open = true;
  addEvents($("events"), events);
  lastEvent = events.at(-1)?.sequence ?? lastEvent;
}

async function poll() {
  if (!document.hidden) await refresh().catch(trouble);
  setTimeout(poll, POLL_MS);
}

function digits(typed) {
  const found = typed.replace(/\D/g, "");
  if (typed.trim().startsWith("+")) return found;
  if (found.length === 10) return `7${found}`;
  return found.length === 11 ? found.replace(/^8/, "7") : found;
}

function choose(number) {
  chosen = number;
  round += 1;
  history.replaceState(null, "", `#${number}`);
}

function onSubmit(id, action) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}

$("phone").addEventListener("change", () => {
  choose($("phone").value);
  refresh().catch(trouble);
});
onSubmit("create", () =>
  attempt(async () => {
    const number = digits($("number").value);
    if (!NUMBER.test(number)) throw new ApiError("BAD_NUMBER", "В номере от 10 до 15 цифр");
    const phone = await api.createPhone(number, $("name").value);
    choose(phone.number);
    $("create").reset();
    $("new-phone").open = false;
    return phone;
  }, (phone) => `Телефон готов: +${phone.number}`),
);
$("scan").addEventListener("click", () =>
  attempt(() => api.scanScreen(chosen, $("which").value), linked),
);
$("which").addEventListener("change", () => refresh().catch(trouble));
onSubmit("code-form", () =>
  attempt(async () => {
    const device = await api.typeCode(chosen, $("code").value);
    $("code-form").reset();
    return device;
  }, linked),
);
onSubmit("text-form", () =>
  attempt(async () => {
    const device = await api.scan(chosen, $("qr-text").value.trim());
    $("text-form").reset();
    return device;
  }, linked),
);
for (const sign of SIGNS) {
  $(sign).addEventListener("click", () =>
    attempt(() => api.giveSign(chosen, sign), ({ devices }) => `Узнали устройств: ${devices}`),
  );
}
$("picture").addEventListener("change", () => {
  const [file] = $("picture").files;
  if (!file) return;
  attempt(() => api.scanPicture(chosen, file), linked).finally(() => {
    $("picture").value = "";
  });
});
onSubmit("fault-form", () => {
  const { body, lasting, everybody } = FAULTS[$("fault").value];
  const fault = { ...body };
  if ($("fault-for").value === "phone" && !everybody) fault.number = chosen;
  if ($("fault-once").checked && !lasting) fault.times = 1;
  attempt(() => api.addFault(fault));
});
$("drop").addEventListener("click", () =>
  attempt(() => api.drop(chosen), ({ dropped }) => `Оборвано соединений: ${dropped}`),
);
$("fault").append(
  ...Object.entries(FAULTS).map(([name, { text }]) => new Option(text, name)),
);

poll();
