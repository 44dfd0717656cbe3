import assert from "node:assert/strict";
import { test } from "node:test";
import { nextWakeAt } from "../src/schedule";
import { bannerOf, screenOf } from "../src/screen";
import { Driver } from "./driver";

test("without a token nothing is connected and nothing is waited for", () => {
  const page = new Driver({ token: null });
  assert.equal(page.state.connects, 0);
  assert.equal(screenOf(page.state).kind, "no-entry");
  assert.equal(nextWakeAt(page.state), null);
});

for (const code of ["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_MISSING"]) {
  test(`after ${code} nothing is tried again`, () => {
    const page = new Driver().act({ type: "link-opened" }).say("error", { code, message: "Нет" });
    page.act({ type: "link-refused", jitter: 0 }).wait(3_600_000);
    page.act({ type: "network-returned" }).act({ type: "visibility-changed", visible: true });
    page.act({ type: "reconnect-asked" }).act({ type: "qr-asked" });
    assert.equal(page.count("connect"), 0);
    assert.equal(page.count("ask-qr"), 0);
    assert.equal(page.count("disconnect"), 1);
    assert.equal(screenOf(page.state).kind, "no-entry");
  });
}

test("a state that arrives just before the connection is confirmed counts", () => {
  const page = new Driver().say("status", { status: "idle" }).act({ type: "link-opened" });
  assert.equal(screenOf(page.state).kind, "form");
  assert.equal(page.count("ask-qr"), 1);
  page.act({ type: "link-lost" }).wait(1_000).say("status", { status: "idle" });
  page.act({ type: "link-opened" }).wait(2_000);
  assert.equal(bannerOf(page.state), null);
});

test("a short loss heals unseen, a longer one is shown and heals", () => {
  const page = Driver.online("qr").qr("one").act({ type: "link-lost" }).wait(1_000);
  assert.equal(bannerOf(page.state), null);
  page.wait(1_000);
  assert.equal(bannerOf(page.state)?.kind, "lost");
  page.act({ type: "link-lost" }).wait(1_000);
  assert.equal(bannerOf(page.state)?.kind, "lost");
  page.act({ type: "link-opened" }).say("status", { status: "qr" }).qr("one", 12);
  assert.equal(bannerOf(page.state), null);
  assert.equal(page.state.qr?.text, "one");
});

test("a request under way is sent again after a reconnect, once its state is known", () => {
  const page = Driver.online("idle", { tab: "code" }).askCode().wait(1_000);
  page.act({ type: "link-lost" }).wait(2_000).act({ type: "link-opened" });
  assert.equal(page.count("ask-code"), 1);
  page.say("status", { status: "idle" });
  assert.equal(page.count("ask-code"), 2);
  page.say("status", { status: "connecting" });
  assert.equal(page.count("ask-code"), 2);
});

test("a request under way is dropped when the salon turns out to be connected", () => {
  const page = Driver.online("idle", { tab: "code" }).askCode().act({ type: "link-lost" });
  page.act({ type: "link-opened" }).say("status", { status: "connected", phone: "79990000001" });
  assert.equal(page.count("ask-code"), 1);
  assert.equal(screenOf(page.state).kind, "connected");
});

test("a code asked for while away goes out when the server is back", () => {
  const page = Driver.online("idle", { tab: "code" }).act({ type: "link-lost" }).askCode();
  assert.equal(page.count("ask-code"), 0);
  page.act({ type: "link-opened" }).say("status", { status: "idle" });
  assert.equal(page.count("ask-code"), 1);
});

test("sent away without a reason, the page comes back later and later, then asks", () => {
  const page = Driver.online("idle");
  const gaps: number[] = [];
  for (let refusal = 0; refusal < 5; refusal += 1) {
    page.act({ type: "link-refused", jitter: 0 });
    assert.equal(page.state.link.phase, "waiting");
    const before = page.at;
    const connects = page.count("connect");
    while (page.count("connect") === connects) page.wait(1_000);
    gaps.push(page.at - before);
    page.act({ type: "link-opened" });
  }
  assert.deepEqual(gaps, [3_000, 6_000, 12_000, 24_000, 48_000]);
  page.act({ type: "link-refused", jitter: 0 }).wait(3_600_000);
  assert.equal(page.count("connect"), 5);
  page.act({ type: "reconnect-asked" });
  assert.equal(page.count("connect"), 6);
});

test("too many connections: a minute of rest, told in the server's words", () => {
  const page = new Driver().act({ type: "link-opened" });
  page.say("error", { code: "TOO_MANY_CONNECTIONS", message: "Много вкладок" });
  page.act({ type: "link-refused", jitter: 0.5 });
  const screen = screenOf(page.state);
  assert.ok(screen.kind === "refused" && screen.refusal.message === "Много вкладок");
  page.act({ type: "network-returned" }).wait(59_000);
  assert.equal(page.count("connect"), 0);
  page.wait(1_000);
  assert.equal(page.count("connect"), 1);
});

test("the server's own pause is kept", () => {
  const page = new Driver().act({ type: "link-opened" });
  page.say("error", { code: "TOO_MANY_CONNECTIONS", message: "Много", retryAfter: 7 });
  page.act({ type: "link-refused", jitter: 0.5 }).wait(7_000);
  assert.equal(page.count("connect"), 1);
});

test("when the socket's tries ran out, the returning person or network starts them again", () => {
  for (const action of [
    { type: "network-returned" },
    { type: "visibility-changed", visible: true },
    { type: "reconnect-asked" },
  ] as const) {
    const page = new Driver()
      .act({ type: "link-lost" })
      .act({ type: "link-gave-up" })
      .wait(3_600_000);
    assert.equal(page.count("connect"), 0);
    assert.equal(page.act(action).count("connect"), 1);
  }
});

test("a server that accepts and then tells nothing is left and tried again", () => {
  const page = new Driver().act({ type: "link-opened" }).wait(10_000);
  assert.equal(page.count("disconnect"), 1);
  page.wait(3_000);
  assert.equal(page.count("connect"), 1);
});

test("a refusal in the middle of a session keeps its screen", () => {
  const page = Driver.online("connected", {}, { phone: "79990000001" });
  page.act({ type: "link-refused", jitter: 0 });
  assert.equal(screenOf(page.state).kind, "connected");
  assert.equal(bannerOf(page.state)?.kind, "waiting");
});
