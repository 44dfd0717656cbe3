import assert from "node:assert/strict";
import { test } from "node:test";
import { announcementOf } from "../src/announce";
import { remainingMs } from "../src/clock";
import { nextWakeAt } from "../src/schedule";
import { qrViewOf } from "../src/screen";
import { texts } from "../src/texts.ru";
import { Driver } from "./driver";

test("a QR is asked for once the server has said that there is none", () => {
  const page = new Driver().act({ type: "link-opened" });
  assert.equal(page.count("ask-qr"), 0);
  page.say("status", { status: "idle" });
  assert.equal(page.count("ask-qr"), 1);
  page.say("status", { status: "connecting" }).wait(5_000);
  assert.equal(page.count("ask-qr"), 1);
});

test("no QR is asked for behind the code tab, nor while the page is hidden", () => {
  assert.equal(Driver.online("idle", { tab: "code" }).wait(60_000).count("ask-qr"), 0);
  const hidden = Driver.online("idle", { visible: false }).wait(60_000);
  assert.equal(hidden.count("ask-qr"), 0);
  hidden.act({ type: "visibility-changed", visible: true });
  hidden.act({ type: "link-opened" }).say("status", { status: "idle" });
  assert.equal(hidden.count("ask-qr"), 1);
});

test("a late tab shows the live QR without asking", () => {
  const page = Driver.online("qr").wait(300).qr("one", 12);
  assert.equal(qrViewOf(page.state).kind, "live");
  assert.equal(page.wait(11_000).count("ask-qr"), 0);
});

test("the server's next QR replaces the old one in place", () => {
  const page = Driver.online("qr").qr("one").wait(20_000);
  assert.equal(qrViewOf(page.state).kind, "stale");
  page.wait(200).qr("two");
  assert.equal(qrViewOf(page.state).kind, "live");
  assert.equal(page.state.qr?.text, "two");
  assert.equal(page.count("ask-qr"), 0);
});

test("a QR that nobody renews is asked for after the grace, five times, then by hand", () => {
  const page = Driver.online("idle").say("status", { status: "qr" }).qr("one");
  assert.equal(page.count("ask-qr"), 1);
  for (let renewal = 1; renewal <= 5; renewal += 1) {
    page.wait(22_900);
    assert.equal(page.count("ask-qr"), renewal);
    page.wait(200);
    assert.equal(page.count("ask-qr"), renewal + 1);
    page.qr(`renewed ${renewal}`);
  }
  page.wait(600_000);
  assert.equal(page.count("ask-qr"), 6);
  assert.equal(qrViewOf(page.state).kind, "ask");
  assert.equal(nextWakeAt(page.state), null);
  page.act({ type: "qr-asked" });
  assert.equal(page.count("ask-qr"), 7);
});

test("after the whole QR session ran out it is renewed five times, then by hand", () => {
  const page = Driver.online("idle");
  for (let round = 0; round < 8; round += 1) {
    page.say("status", { status: "connecting" }).wait(500);
    page.say("status", { status: "qr" }).qr(`round ${round}`).wait(19_000);
    page.say("status", { status: "qr_expired" });
  }
  assert.equal(page.count("ask-qr"), 6);
  assert.equal(qrViewOf(page.state).kind, "ask");
});

test("a request without an answer ends after twenty seconds and can be repeated", () => {
  const page = Driver.online("idle").wait(19_900);
  assert.notEqual(page.state.qrRequest, null);
  page.wait(200);
  assert.equal(page.state.qrRequest, null);
  assert.equal(page.state.problems.qr?.code, "QR_TIMEOUT");
  page.act({ type: "qr-asked" });
  assert.equal(page.count("ask-qr"), 2);
  assert.equal(page.state.problems.qr, null);
});

test("waiting in the queue is no timeout, but silence in it ends", () => {
  const page = Driver.online("idle").say("status", { status: "queued", queuePosition: 3 });
  page.wait(100_000).say("status", { status: "queued", queuePosition: 1 }).wait(100_000);
  assert.notEqual(page.state.qrRequest, null);
  assert.equal(page.state.session?.queuePosition, 1);
  page.wait(30_000);
  assert.equal(page.state.problems.qr?.code, "QR_TIMEOUT");
});

test("when the server says when to try again, the page does, and not for ever", () => {
  const page = Driver.online("idle");
  for (let refusal = 0; refusal < 10; refusal += 1) {
    page.say("error", { code: "SERVICE_UNAVAILABLE", message: "Занято", retryAfter: 60 });
    assert.equal(page.state.problems.qr?.message, "Занято");
    page.wait(60_000);
  }
  assert.equal(page.count("ask-qr"), 6);
});

test("countdowns follow the server's clock on a device whose clock is wrong", () => {
  for (const serverAhead of [-3_600_000, 0, 86_400_000]) {
    const page = new Driver();
    page.serverAhead = serverAhead;
    page.act({ type: "link-opened" }).say("status", { status: "qr" }).qr("one");
    page.wait(5_000);
    const { qr, clockOffset, now } = page.state;
    assert.ok(qr !== null);
    assert.equal(remainingMs(qr, clockOffset, now), 15_000);
  }
});

test("a device that slept sees at once that the QR is gone", () => {
  const page = Driver.online("qr").qr("one").sleep(300_000);
  assert.notEqual(qrViewOf(page.state).kind, "live");
  assert.equal(page.count("connect"), 1);
  page.act({ type: "link-opened" }).say("status", { status: "qr_expired" });
  assert.equal(page.count("ask-qr"), 1);
});

test("a countdown wakes the page once a second and tells screen readers nothing new", () => {
  const page = Driver.online("qr").qr("one");
  const told = new Set<string>();
  for (let second = 0; second < 19; second += 1) {
    page.wait(1_000);
    told.add(announcementOf(page.state, texts));
  }
  assert.deepEqual([...told], [texts.announce.qr]);
  assert.ok(page.wakes <= 22, `${page.wakes} wakes in 19 s`);
});

test("a hidden page rests: no second is counted that nobody sees", () => {
  const page = Driver.online("qr").qr("one", 60).code();
  page.act({ type: "visibility-changed", visible: false }).wait(55_000);
  assert.ok(page.wakes <= 2, `${page.wakes} wakes`);
});
