import assert from "node:assert/strict";
import { test } from "node:test";
import { clockOffset, formatCountdown, nextSecondAt, remainingMs, secondsLeft } from "../src/clock";

const HOUR_MS = 3_600_000;

test("the offset is learnt from the message with the least delay", () => {
  const first = clockOffset(null, 1_000_000 + HOUR_MS, 1_000_300);
  const second = clockOffset(first, 1_005_000 + HOUR_MS, 1_005_040);
  const third = clockOffset(second, 1_009_000 + HOUR_MS, 1_009_900);
  assert.equal(first, HOUR_MS - 300);
  assert.equal(second, HOUR_MS - 40);
  assert.equal(third, HOUR_MS - 40);
});

test("a device clock that was set anew is noticed", () => {
  assert.equal(clockOffset(0, 2_000_000, 1_000_000), 1_000_000);
  assert.equal(clockOffset(HOUR_MS, 2_000_000, 2_000_000), 0);
});

test("a message without a time changes nothing", () => {
  assert.equal(clockOffset(null, null, 5), null);
  assert.equal(clockOffset(7, null, 5), 7);
});

test("time left counts on the server's clock and ends at zero", () => {
  const countdown = { expiresAt: 50_000, totalMs: 20_000 };
  assert.equal(remainingMs(countdown, null, 40_000), 10_000);
  assert.equal(remainingMs(countdown, 4_000, 40_000), 6_000);
  assert.equal(remainingMs(countdown, 4_000, 90_000), 0);
});

test("the next second is where the shown number changes", () => {
  const countdown = { expiresAt: 10_500, totalMs: 20_000 };
  for (const at of [0, 1, 499, 500, 501, 9_999, 10_499]) {
    const next = nextSecondAt(countdown, 0, at);
    assert.ok(next !== null && next > at);
    const before = secondsLeft(remainingMs(countdown, 0, at));
    const justBefore = secondsLeft(remainingMs(countdown, 0, next - 1));
    assert.equal(justBefore, before);
    assert.equal(secondsLeft(remainingMs(countdown, 0, next)), before - 1);
  }
  assert.equal(nextSecondAt(countdown, 0, 10_500), null);
});

test("countdowns read as minutes and seconds", () => {
  const table: [number, string][] = [
    [0, "0:00"],
    [1, "0:01"],
    [32_000, "0:32"],
    [59_001, "1:00"],
    [125_000, "2:05"],
    [600_000, "10:00"],
  ];
  for (const [ms, shown] of table) assert.equal(formatCountdown(ms), shown);
});
