import assert from "node:assert/strict";
import { test } from "node:test";
import { screenOf } from "../src/screen";
import { Driver, PHONE } from "./driver";

const FROZEN = { status: "frozen", reason: "frozen", code: "SALON_FROZEN", phone: PHONE };

test("nothing is asked for, whatever was under way, and nothing is left running", () => {
  for (const status of ["idle", "qr", "pairing", "logged_out", "connected"]) {
    const page = Driver.online(status).act({ type: "relink-asked" }).qr("one").code();
    const asked = page.count("ask-qr");
    page.say("status", FROZEN).wait(600_000);
    assert.equal(screenOf(page.state).kind, "frozen");
    assert.equal(page.count("ask-qr"), asked);
    assert.deepEqual([page.state.qr, page.state.code, page.state.relinking], [null, null, false]);
  }
});

test("a request that is refused because of it ends on its screen", () => {
  const page = Driver.online("idle").say("error", { code: "SALON_FROZEN" }).say("status", FROZEN);
  assert.equal(screenOf(page.state).kind, "frozen");
  assert.deepEqual(page.state.problems, { qr: null, code: null });
});

test("paid: the page follows without being touched", () => {
  const page = Driver.online("frozen", {}, FROZEN);
  page.say("status", { status: "reconnecting", phone: PHONE });
  page.say("whatsapp-connected", { success: true, phone: PHONE });
  assert.equal(screenOf(page.state).kind, "connected");
  page.say("status", FROZEN).say("status", { status: "idle" }).wait(2_000);
  assert.equal(screenOf(page.state).kind, "form");
  assert.equal(page.count("ask-qr"), 1);
});

test("unlinked meanwhile: it stays frozen, without a number", () => {
  const page = Driver.online("frozen", {}, FROZEN);
  page.act({ type: "unlink-offered" }).act({ type: "unlink-confirmed" });
  page.say("status", FROZEN);
  assert.notEqual(page.state.unlink, null);
  page.say("status", { ...FROZEN, phone: undefined });
  assert.equal(screenOf(page.state).kind, "frozen");
  assert.equal(page.state.unlink, null);
  assert.equal(page.state.session?.phone, null);
});

test("a freeze in the middle of unlinking leaves it under way", () => {
  const page = Driver.online("connected", {}, { phone: PHONE });
  page.act({ type: "unlink-offered" }).act({ type: "unlink-confirmed" }).say("status", FROZEN);
  assert.notEqual(page.state.unlink?.request ?? null, null);
});
