import assert from "node:assert/strict";
import { test } from "node:test";
import { announcementOf } from "../src/announce";
import { screenOf } from "../src/screen";
import { texts } from "../src/texts.ru";
import { Driver, PHONE } from "./driver";

const UNLINKED = { status: "logged_out", reason: "unlinked", nextStep: "Удалите и там." };

function confirmed(status = "connected"): Driver {
  return Driver.online(status, {}, { phone: PHONE })
    .act({ type: "unlink-offered" })
    .act({ type: "unlink-confirmed" });
}

test("nothing is unlinked before it is confirmed, and only once at a time", () => {
  const page = Driver.online("connected").act({ type: "unlink-confirmed" });
  page.act({ type: "unlink-offered" });
  assert.equal(page.count("unlink"), 0);
  page.act({ type: "unlink-dismissed" });
  assert.equal(page.state.unlink, null);
  page.act({ type: "unlink-offered" });
  page.act({ type: "unlink-confirmed" }).act({ type: "unlink-confirmed" });
  assert.equal(page.count("unlink"), 1);
  page.act({ type: "unlink-dismissed" });
  assert.notEqual(page.state.unlink, null);
});

for (const status of ["connected", "reconnecting", "linking"]) {
  test(`unlinked while ${status}: the form comes, with a word about it`, () => {
    const page = confirmed(status);
    assert.equal(announcementOf(page.state, texts), texts.unlink.progress);
    page.say("status", UNLINKED);
    assert.equal(screenOf(page.state).kind, "form");
    assert.deepEqual(page.state.note, { hint: "Удалите и там." });
    assert.equal(page.state.unlink, null);
    assert.equal(page.count("ask-qr"), 1);
    page.say("status", { status: "connecting" }).say("status", { status: "qr" }).qr("one");
    page.say("whatsapp-connected", { success: true, phone: PHONE });
    assert.equal(page.state.note, null);
  });
}

test("after a wrong number the one that was meant is filled in", () => {
  const page = Driver.online("pairing").code().say("whatsapp-connected", { phone: "79990000002" });
  page.act({ type: "unlink-offered" }).act({ type: "unlink-confirmed" }).say("status", UNLINKED);
  assert.equal(page.state.tab, "code");
  assert.equal(page.state.phoneInput, "+7 999 000-00-01");
  assert.equal(page.count("ask-qr"), 0);
});

for (const code of ["UNLINK_FAILED", "SERVICE_UNAVAILABLE"]) {
  test(`${code} is shown, and it can be tried again`, () => {
    const page = confirmed().say("error", { code });
    assert.equal(page.state.unlink?.problem?.code, code);
    assert.deepEqual(page.state.problems, { qr: null, code: null });
    page.act({ type: "unlink-confirmed" });
    assert.equal(page.state.unlink?.problem, null);
    assert.equal(page.count("unlink"), 2);
  });
}

test("no answer within twenty seconds is a failure", () => {
  const page = confirmed().wait(20_000);
  assert.equal(page.state.unlink?.problem?.code, "UNLINK_FAILED");
  page.say("status", UNLINKED);
  assert.equal(screenOf(page.state).kind, "stopped");
});

test("a connection lost meanwhile: it is asked again, unless it is done", () => {
  const page = confirmed().act({ type: "link-lost" }).act({ type: "link-opened" });
  page.say("status", { status: "connected", phone: PHONE });
  assert.equal(page.count("unlink"), 2);
  page.act({ type: "link-lost" }).act({ type: "link-opened" }).say("status", UNLINKED);
  assert.equal(page.count("unlink"), 2);
  assert.notEqual(page.state.note, null);
});

test("unlinked by somebody else: this page says so and asks for nothing", () => {
  const page = Driver.online("connected").act({ type: "unlink-offered" }).say("status", UNLINKED);
  assert.equal(screenOf(page.state).kind, "stopped");
  assert.equal(page.state.unlink, null);
  assert.equal(page.count("ask-qr"), 0);
});
