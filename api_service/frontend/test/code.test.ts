import assert from "node:assert/strict";
import { test } from "node:test";
import { announcementOf } from "../src/announce";
import { remainingMs } from "../src/clock";
import { codeViewOf, hiddenCodeOf } from "../src/screen";
import { texts } from "../src/texts.ru";
import { Driver, PHONE } from "./driver";

const ON_CODE_TAB = { tab: "code" } as const;

test("a code is asked for with the normalised number, and only once at a time", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode("8 (999) 000-00-01");
  page.act({ type: "code-asked" }).act({ type: "code-asked" });
  assert.deepEqual(
    page.effects.filter(({ kind }) => kind === "ask-code"),
    [{ kind: "ask-code", phone: PHONE }],
  );
});

test("a number that is none is refused on the page", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode(" ");
  assert.equal(page.state.phoneError, "PHONE_REQUIRED");
  page.askCode("999");
  assert.equal(page.state.phoneError, "INVALID_PHONE_FORMAT");
  assert.equal(page.count("ask-code"), 0);
  page.type("9990");
  assert.equal(page.state.phoneError, null);
});

test("what was said of one number is not left beside another that is none", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode();
  page.say("pairing-code-error", { code: "BAILEYS_ERROR", message: "Нет", nextStep: "Другой" });
  assert.equal(page.state.problems.code?.code, "BAILEYS_ERROR");
  page.askCode("+7 999 000-00-0");
  assert.equal(page.state.phoneError, "INVALID_PHONE_FORMAT");
  assert.equal(page.state.problems.code, null);
  assert.equal(page.count("ask-code"), 1);
});

test("a number left finished is shown as it was understood", () => {
  const page = Driver.online("idle", ON_CODE_TAB).type("999 000-00-01").act({ type: "phone-left" });
  assert.equal(page.state.phoneInput, "+7 999 000-00-01");
});

test("the code is shown, counts down, runs out and can be renewed for the same number", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode();
  page
    .say("status", { status: "connecting" })
    .wait(700)
    .say("status", { status: "pairing" })
    .code();
  assert.equal(page.state.codeRequest, null);
  const view = codeViewOf(page.state);
  assert.ok(view.kind === "code" && !view.expired);
  page.wait(50_000);
  const later = codeViewOf(page.state);
  assert.ok(later.kind === "code" && later.expired);
  page.type("").act({ type: "code-renewed" });
  assert.deepEqual(page.effects.at(-1), { kind: "ask-code", phone: PHONE });
});

test("an error ends the request and says what to do; a new try clears it", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode();
  page.say("pairing-code-error", {
    code: "RATE_LIMITED",
    message: "Много",
    nextStep: "Ждите",
    retryAfter: 90,
  });
  assert.equal(page.state.codeRequest, null);
  assert.equal(page.state.problems.code?.message, "Много");
  assert.equal(page.state.problems.code?.retryAt, page.at + 90_000);
  page.askCode();
  assert.equal(page.state.problems.code, null);
  assert.equal(page.count("ask-code"), 2);
});

test("a number the server refuses is marked in the field", () => {
  const page = Driver.online("pairing", ON_CODE_TAB).code().act({ type: "code-renewed" });
  page.say("pairing-code-error", { code: "INVALID_PHONE_FORMAT", message: "Не тот" });
  assert.equal(page.state.phoneError, "INVALID_PHONE_FORMAT");
  assert.equal(codeViewOf(page.state).kind, "form");
});

test("no answer within twenty seconds is an error, and the button works again", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode().wait(20_000);
  assert.equal(page.state.codeRequest, null);
  assert.equal(page.state.problems.code?.code, "CODE_TIMEOUT");
  page.askCode();
  assert.equal(page.count("ask-code"), 2);
});

test("looking at the QR never disturbs a running code", () => {
  const page = Driver.online("idle", ON_CODE_TAB)
    .askCode()
    .say("status", { status: "pairing" })
    .code();
  const { code } = page.state;
  page.wait(5_000).act({ type: "tab-chosen", tab: "qr" });
  assert.equal(page.count("ask-qr"), 1);
  page.qr("one").wait(30_000);
  assert.equal(page.state.code, code);
  assert.equal(hiddenCodeOf(page.state), code);
  page.act({ type: "code-reopened" });
  const view = codeViewOf(page.state);
  assert.ok(view.kind === "code" && !view.expired);
  assert.equal(page.count("ask-code"), 1);
});

test("the same code told again keeps its countdown", () => {
  const page = Driver.online("pairing", ON_CODE_TAB).code().wait(20_000).code("ABCD-1234", 30);
  assert.equal(page.state.code?.totalMs, 50_000);
  assert.ok(page.state.code !== null);
  assert.equal(remainingMs(page.state.code, page.state.clockOffset, page.state.now), 30_000);
});

for (const status of ["connecting", "queued", "qr", "qr_expired", "idle", "error"]) {
  test(`a code that ${status} cut short says so, and a new one is one tap away`, () => {
    const page = Driver.online("pairing", ON_CODE_TAB).code().wait(5_000).say("status", { status });
    const view = codeViewOf(page.state);
    assert.ok(view.kind === "code" && view.expired && view.code.isVoid);
    assert.equal(announcementOf(page.state, texts), texts.code.voided);
    assert.equal(hiddenCodeOf(page.state), null);
    page.act({ type: "code-renewed" });
    assert.deepEqual(page.effects.at(-1), { kind: "ask-code", phone: PHONE });
    page.code("WXYZ-5678");
    assert.equal(page.state.code?.isVoid, false);
  });
}

test("a code that ran out is not said to have been cut short", () => {
  const page = Driver.online("pairing", ON_CODE_TAB).code().wait(48_000);
  page.say("status", { status: "qr" }).wait(5_000);
  const view = codeViewOf(page.state);
  assert.ok(view.kind === "code" && view.expired && !view.code.isVoid);
});

test("a code asked for on another device is shown here too, as a chip behind the QR", () => {
  const page = Driver.online("qr").qr("one").code();
  assert.equal(page.state.tab, "qr");
  assert.equal(hiddenCodeOf(page.state)?.text, "ABCD-1234");
  page.wait(60_000);
  assert.equal(hiddenCodeOf(page.state), null);
});

test("screen readers hear the code once, and once that it ends soon", () => {
  const page = Driver.online("pairing", ON_CODE_TAB).code();
  const told: string[] = [];
  for (let second = 0; second < 52; second += 1) {
    const text = announcementOf(page.state, texts);
    if (told.at(-1) !== text) told.push(text);
    page.wait(1_000);
  }
  assert.deepEqual(told, [
    texts.announce.code("A B C D , 1 2 3 4"),
    texts.announce.codeEndsSoon,
    texts.code.expired,
  ]);
});

test("a code asked for elsewhere comes here by itself, or the wait has an end", () => {
  const page = Driver.online("connecting", ON_CODE_TAB).askCode();
  page.say("pairing-code-error", { code: "REQUEST_IN_PROGRESS", message: "Уже запрашивается." });
  assert.equal(page.state.problems.code?.message, null);
  page.wait(15_000).code();
  assert.equal(codeViewOf(page.state).kind, "code");
  assert.equal(page.state.problems.code, null);
  const other = Driver.online("connecting", ON_CODE_TAB).askCode();
  other.say("pairing-code-error", { code: "REQUEST_IN_PROGRESS" }).wait(20_000);
  assert.equal(other.state.problems.code?.code, "CODE_TIMEOUT");
});

test("what is unavailable is tried again by itself, a bounded number of times", () => {
  const page = Driver.online("idle", ON_CODE_TAB).askCode();
  for (let answer = 0; answer < 6; answer += 1) {
    page.say("pairing-code-error", { code: "PAIRING_CODE_FAILED", cause: "SERVICE_UNAVAILABLE" });
    page.wait(60_000);
  }
  assert.equal(page.count("ask-code"), 4);
  assert.equal(page.state.problems.code?.byItself, false);
  page.act({ type: "code-asked" });
  assert.equal(page.count("ask-code"), 5);
});

test("a lost owner costs the running code, and a new one is asked for by itself", () => {
  const page = Driver.online("pairing", ON_CODE_TAB).code();
  page.say("status", { status: "error", reason: "owner_lost", code: "SERVICE_UNAVAILABLE" });
  assert.equal(page.state.code?.isVoid, true);
  assert.equal(page.count("ask-code"), 0);
  page.wait(10_000);
  assert.deepEqual(page.effects.at(-1), { kind: "ask-code", phone: PHONE });
});

test("a linker that failed is tried once more, a refused number never", () => {
  const page = Driver.online("idle");
  page.say("error", { code: "LINKER_FAILED" }).wait(5_000);
  assert.equal(page.count("ask-qr"), 2);
  page.say("error", { code: "LINKER_FAILED" }).wait(120_000);
  assert.equal(page.count("ask-qr"), 2);
  const refused = Driver.online("idle", ON_CODE_TAB).askCode();
  refused.say("pairing-code-error", { code: "BAILEYS_ERROR" }).wait(120_000);
  assert.equal(refused.count("ask-code"), 1);
});
