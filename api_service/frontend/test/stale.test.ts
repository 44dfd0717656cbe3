import assert from "node:assert/strict";
import { test } from "node:test";
import { bannerOf, codeViewOf, qrViewOf, tokenEndsSoon } from "../src/screen";
import { Driver } from "./driver";

function hide(page: Driver, ms: number): Driver {
  page.act({ type: "visibility-changed", visible: false }).wait(ms);
  return page.act({ type: "visibility-changed", visible: true });
}

test("a page that slept shows nothing as live until the server has spoken", () => {
  const page = Driver.online("pairing").qr("one", 600).code("ABCD-1234", 600).sleep(60_000);
  assert.equal(page.count("connect"), 1);
  assert.equal(page.state.unsure, true);
  assert.equal(qrViewOf(page.state).kind, "stale");
  page.wait(2_000);
  assert.equal(bannerOf(page.state)?.kind, "refreshing");
  page.act({ type: "link-opened" });
  assert.equal(qrViewOf(page.state).kind, "stale");
  page.say("status", { status: "pairing" });
  assert.equal(qrViewOf(page.state).kind, "live");
  assert.equal(bannerOf(page.state), null);
});

test("back from the browser's memory, a code that is over meanwhile says so", () => {
  const page = Driver.online("pairing", { tab: "code" }).code("ABCD-1234", 600);
  page
    .act({ type: "page-restored" })
    .act({ type: "link-opened" })
    .say("status", { status: "idle" });
  const view = codeViewOf(page.state);
  assert.ok(view.kind === "code" && view.expired);
});

test("a short look at another window changes nothing, a long one asks the server", () => {
  const page = hide(Driver.online("connected"), 20_000);
  assert.equal(page.count("connect"), 0);
  hide(page, 31_000);
  assert.equal(page.count("connect"), 1);
});

test("a page whose token is of no use does not wake up", () => {
  const page = Driver.online("qr").say("error", { code: "TOKEN_EXPIRED" });
  page.act({ type: "page-restored" });
  assert.equal(page.state.link.phase, "closed");
  assert.equal(page.count("connect"), 0);
});

test("the end of the token is foretold on the server's clock, while it is still needed", () => {
  const page = new Driver();
  page.serverAhead = -7_200_000;
  const tokenEndsAt = page.at + page.serverAhead + 3_600_000;
  const late = new Driver({ tokenEndsAt, tab: "code" });
  late.serverAhead = page.serverAhead;
  late
    .act({ type: "link-opened" })
    .say("status", { status: "idle" })
    .wait(54 * 60_000);
  assert.equal(tokenEndsSoon(late.state), false);
  late.wait(60_000);
  assert.equal(tokenEndsSoon(late.state), true);
  late.say("status", { status: "connected" });
  assert.equal(tokenEndsSoon(late.state), false);
});
