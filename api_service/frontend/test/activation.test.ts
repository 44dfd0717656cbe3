import assert from "node:assert/strict";
import { test } from "node:test";
import { activationShown } from "../src/activation";
import { activationAnnouncement, announcementOf } from "../src/announce";
import { ACTIVATION_STATUSES } from "../src/protocol";
import { nextWakeAt } from "../src/schedule";
import { screenOf } from "../src/screen";
import { texts } from "../src/texts.ru";
import { Driver, PHONE } from "./driver";

function linked(): Driver {
  return Driver.online("connected", { tab: "code" }, { phone: PHONE });
}

function announced(page: Driver): string {
  return activationAnnouncement(page.state, texts);
}

for (const screen of ["connected", "reconnecting"]) {
  test(`${screen}: every step is told, and WhatsApp's screen stays`, () => {
    for (const status of ACTIVATION_STATUSES) {
      const page = Driver.online(screen).say("activation", { status }).wait(1_000);
      assert.equal(activationShown(page.state)?.status, status);
      assert.equal(screenOf(page.state).kind, screen);
      assert.match(announced(page), /YClients/);
    }
  });
}

test("what is done within a second is never shown as under way", () => {
  const page = linked().say("activation", { status: "activating" });
  assert.equal(announced(page), "");
  page.wait(999);
  assert.equal(announced(page), "");
  page.say("activation", { status: "active" });
  assert.equal(announced(page), texts.activation.active.message);
  assert.equal(nextWakeAt(page.state), null);
});

test("what takes longer is shown as progress, then as slow, and then the page rests", () => {
  const page = linked().say("activation", { status: "activating" }).wait(1_000);
  assert.equal(announced(page), texts.activation.activating.message);
  const woken = page.wakes;
  page.wait(600_000);
  assert.equal(page.wakes, woken + 1);
  assert.equal(announced(page), texts.activation.activating.message);
  assert.equal(nextWakeAt(page.state), null);
});

test("the server's words win over the page's own", () => {
  const page = linked().say("activation", {
    status: "activation_failed",
    message: "Не вышло.",
    nextStep: "Попробуем сами.",
  });
  assert.equal(announced(page), "Не вышло. Попробуем сами.");
});

for (const status of ["activation_failed", "activation_pending", "pending_callback"]) {
  test(`${status}: another try is no news, its outcome is`, () => {
    const page = linked().say("activation", { status });
    const before = announced(page);
    page.say("activation", { status: "activating" }).wait(60_000);
    assert.equal(announced(page), before);
    page.say("activation", { status });
    assert.equal(announced(page), before);
    page.say("activation", { status: "active" });
    assert.notEqual(announced(page), before);
  });
}

test("what is said of WhatsApp is not said again", () => {
  const page = linked();
  const before = announcementOf(page.state, texts);
  page.say("activation", { status: "active" });
  assert.equal(announcementOf(page.state, texts), before);
});

test("it may be told before the link is, and is kept", () => {
  const page = Driver.online("linking").say("activation", { status: "active" });
  assert.equal(activationShown(page.state), null);
  page.say("whatsapp-connected", { success: true, phone: PHONE });
  assert.equal(activationShown(page.state)?.status, "active");
});

test("with the link it goes: a new one begins anew", () => {
  const page = linked().say("activation", { status: "activation_failed" });
  page.say("status", { status: "logged_out" }).say("status", { status: "connected" });
  assert.equal(activationShown(page.state), null);
});
