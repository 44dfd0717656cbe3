import assert from "node:assert/strict";
import { test } from "node:test";
import { announcementOf } from "../src/announce";
import { STATUSES } from "../src/protocol";
import { nextWakeAt } from "../src/schedule";
import { qrViewOf, screenOf, unexpectedPhone } from "../src/screen";
import type { Action } from "../src/state";
import { texts } from "../src/texts.ru";
import { Driver, PHONE } from "./driver";

test("every status has its screen", () => {
  const screens = Object.fromEntries(
    STATUSES.map((status) => [status, screenOf(Driver.online(status).state).kind]),
  );
  assert.deepEqual(screens, {
    idle: "form",
    queued: "form",
    connecting: "form",
    qr: "form",
    pairing: "form",
    linking: "linking",
    qr_expired: "form",
    connected: "connected",
    reconnecting: "reconnecting",
    logged_out: "stopped",
    replaced: "stopped",
    banned: "stopped",
    outdated: "stopped",
    frozen: "frozen",
    error: "form",
  });
});

test("linking to connected: nothing is left running", () => {
  const page = Driver.online("idle", { tab: "code" })
    .askCode()
    .say("status", { status: "pairing" })
    .code();
  page.say("status", { status: "linking" });
  assert.equal(screenOf(page.state).kind, "linking");
  page.say("whatsapp-connected", { success: true, phone: PHONE, message: "Готово" });
  assert.equal(screenOf(page.state).kind, "connected");
  assert.equal(page.state.code, null);
  assert.equal(nextWakeAt(page.state), null);
  assert.equal(unexpectedPhone(page.state), null);
});

test("a linked number that is not the one asked for is noticed", () => {
  const page = Driver.online("idle", { tab: "code" }).askCode();
  page.say("whatsapp-connected", { success: true, phone: "79990000002" });
  assert.equal(unexpectedPhone(page.state), "79990000002");
});

test("a screen reader is told why the connection is away, too", () => {
  const page = Driver.online("connected");
  const message = "Наш сервис перезапускается, WhatsApp остаётся привязан.";
  page.say("status", { status: "reconnecting", reason: "owner_lost", message });
  assert.equal(announcementOf(page.state, texts), message);
  page.say("status", { status: "reconnecting" });
  assert.equal(announcementOf(page.state, texts), texts.reconnecting.title);
});

for (const status of ["logged_out", "replaced", "banned", "outdated"]) {
  test(`${status}: nothing happens by itself, and linking again is one tap away`, () => {
    const page = Driver.online(status).wait(600_000);
    assert.equal(page.count("ask-qr"), 0);
    page.act({ type: "relink-asked" });
    assert.equal(screenOf(page.state).kind, "form");
    assert.equal(page.count("ask-qr"), 1);
    page.say("status", { status: "connecting" }).say("status", { status: "qr" }).qr("one");
    assert.equal(qrViewOf(page.state).kind, "live");
    page.say("status", { status });
    assert.equal(screenOf(page.state).kind, "stopped");
  });
}

test("linking again behind the code tab shows the form, and its errors", () => {
  const page = Driver.online("logged_out", { tab: "code" }).act({ type: "relink-asked" }).askCode();
  assert.equal(page.count("ask-code"), 1);
  page.say("pairing-code-error", { code: "PAIRING_CODE_FAILED", message: "Нет" });
  assert.equal(screenOf(page.state).kind, "form");
  assert.equal(page.state.problems.code?.message, "Нет");
});

test("the state told at a reconnect does not undo the wish to link again", () => {
  const page = Driver.online("logged_out").act({ type: "relink-asked" }).act({ type: "link-lost" });
  page.act({ type: "link-opened" }).say("status", { status: "logged_out" });
  assert.equal(screenOf(page.state).kind, "form");
  assert.equal(page.count("ask-qr"), 2);
});

test("an error goes to whoever asked; when nobody did, to both", () => {
  const qr = Driver.online("idle").say("error", { message: "Сбой" });
  assert.deepEqual([qr.state.problems.qr?.message, qr.state.problems.code], ["Сбой", null]);
  const code = Driver.online("idle", { tab: "code" }).askCode().say("error", { message: "Сбой" });
  assert.deepEqual([code.state.problems.qr, code.state.problems.code?.message], [null, "Сбой"]);
  const late = Driver.online("qr");
  late.say("status", { status: "error", code: "LINKER_FAILED", message: "Сбой" });
  assert.deepEqual(
    [late.state.problems.qr?.code, late.state.problems.code?.code],
    ["LINKER_FAILED", "LINKER_FAILED"],
  );
});

test("what failed before the page was opened is not its trouble: it asks anew", () => {
  const page = Driver.online("error", {}, { code: "LINKER_FAILED", message: "Сбой" });
  assert.equal(screenOf(page.state).kind, "form");
  assert.deepEqual(page.state.problems, { qr: null, code: null });
  assert.equal(page.count("ask-qr"), 1);
});

test("the server's words come with the state and go with it", () => {
  const page = Driver.online("logged_out", {}, { message: "Отвязано", nextStep: "Подключите" });
  assert.equal(page.state.session?.message, "Отвязано");
  page.say("status", { status: "idle" });
  assert.equal(page.state.session?.message, null);
});

test("whatever happens in whatever order, the page stays sane", () => {
  // A small generator of its own (mulberry32), so that a failure can be run again.
  let seed = 20261121;
  function random(): number {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const actions: readonly Action[] = [
    { type: "link-opened" },
    { type: "link-lost" },
    { type: "link-refused", jitter: 0.3 },
    { type: "link-gave-up" },
    { type: "network-returned" },
    { type: "tab-chosen", tab: "qr" },
    { type: "tab-chosen", tab: "code" },
    { type: "phone-typed", text: "+79990000001" },
    { type: "phone-left" },
    { type: "code-asked" },
    { type: "code-renewed" },
    { type: "phone-edited" },
    { type: "code-reopened" },
    { type: "qr-asked" },
    { type: "relink-asked" },
    { type: "reconnect-asked" },
    { type: "visibility-changed", visible: true },
    { type: "visibility-changed", visible: false },
  ];
  const messages: ((page: Driver) => unknown)[] = [
    (page) => page.say("status", { status: pick(STATUSES) }),
    (page) => page.say("status", { status: "queued", queuePosition: 2 }),
    (page) => page.qr(`qr ${random()}`),
    (page) => page.code(),
    (page) =>
      page.say("pairing-code-error", { code: "RATE_LIMITED", message: "…", retryAfter: 30 }),
    (page) => page.say("error", { code: "SERVICE_UNAVAILABLE", message: "…", retryAfter: 60 }),
    (page) => page.say("whatsapp-connected", { success: true, phone: PHONE }),
  ];
  for (let run = 0; run < 300; run += 1) {
    const page = new Driver({ tab: pick(["qr", "code"]) });
    for (let step = 0; step < 60; step += 1) {
      if (random() < 0.5) page.act(pick(actions));
      else pick(messages)(page);
      page.wait(Math.floor(random() * 8_000));
      const { qrRequest, codeRequest, now } = page.state;
      for (const request of [qrRequest, codeRequest]) {
        assert.ok(request === null || request.deadline > now, "a request outlived its deadline");
      }
    }
    // Left alone, every page comes to rest: nothing asks, connects or ticks for ever.
    page.act({ type: "link-gave-up" }).wait(3_600_000);
    assert.equal(nextWakeAt(page.state), null);
  }
});

test("a salon that has left while it was frozen: its page shows the way back, not the form", () => {
  const page = Driver.online("frozen").say("status", { status: "idle" });
  assert.equal(page.count("ask-qr"), 1);
  page
    .say("error", { code: "REGISTRATION_NOT_FOUND", message: "Нет", nextStep: "Подключить" })
    .say("status", { status: "logged_out", reason: "uninstalled", message: "Отключён" });
  assert.equal(screenOf(page.state).kind, "stopped");
  assert.equal(page.state.problems.qr, null);
});
