import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../../tests/contract/phone_numbers.json";
import {
  caretAfterMask,
  digitsOf,
  formatPhone,
  formatPhoneMasked,
  maskPhone,
  normalisePhone,
} from "../src/phone";

test("typed numbers are normalised as the server does", () => {
  assert.ok(cases.length > 30);
  for (const { input, expected } of cases) {
    assert.equal(normalisePhone(input), expected, JSON.stringify(input));
  }
});

test("numbers are grouped the way their country prints them", () => {
  const table = {
    "79990000001": "+7 999 000-00-01",
    "77010000001": "+7 701 000-00-01",
    "375290000001": "+375 29 000-00-01",
    "998900000001": "+998 90 000-00-01",
    "996555000001": "+996 555 00-00-01",
    "12025550101": "+1 202 555-0101",
    "4915100000001": "+49 151 000 000 01",
    "5511900000001": "+551 190 000 000 1",
  };
  for (const [digits, shown] of Object.entries(table)) assert.equal(formatPhone(digits), shown);
});

test("a masked number shows its country, its start and its last two digits", () => {
  assert.equal(formatPhoneMasked("79990000001"), "+7 999 •••-••-01");
  assert.equal(formatPhoneMasked("375290000001"), "+375 29 0••-••-01");
});

function typed(keys: string): string {
  let value = "";
  for (const key of keys) value = maskPhone(value + key);
  return value;
}

test("the mask follows what is typed", () => {
  const table = {
    "+7": "+7",
    "+79": "+7 9",
    "+79990": "+7 999 0",
    "+79990000001": "+7 999 000-00-01",
    "89990000001": "+7 999 000-00-01",
    "79990000001": "+7 999 000-00-01",
    "999000": "999 000",
    "9990000001": "999 000-00-01",
    "8999000": "8 999 000",
    "+375290000001": "+375 29 000-00-01",
    "998900000001": "+998 90 000-00-01",
    "+": "+",
    abc: "",
  };
  for (const [keys, shown] of Object.entries(table)) assert.equal(typed(keys), shown, keys);
});

test("typing digit by digit never changes which number is meant", () => {
  for (const { input, expected } of cases) {
    if (expected === null || /[\u2011\u2013\u00a0]/.test(input)) continue;
    assert.equal(normalisePhone(typed(input.trim())), expected, input);
  }
});

test("masking a masked number changes nothing", () => {
  for (const { input } of cases) {
    const masked = maskPhone(input);
    assert.equal(maskPhone(masked), masked, input);
  }
});

test("two numbers pasted together stay too long to be taken for one", () => {
  assert.equal(normalisePhone(maskPhone("79990000001 79990000002")), null);
});

test("deleting from the end takes one digit at a time", () => {
  let value = "+7 999 000-00-01";
  for (let left = 10; left >= 1; left -= 1) {
    value = maskPhone(value.slice(0, -1));
    assert.equal(digitsOf(value).length, left, value);
  }
});

test("the caret stays behind the same digit", () => {
  assert.equal(caretAfterMask("+7 999 000-00-01", 4), 6);
  assert.equal(caretAfterMask("+7 999 000-00-01", 11), 16);
  assert.equal(caretAfterMask("+7 999", 0), 1);
  assert.equal(caretAfterMask("", 0), 0);
  assert.equal(caretAfterMask("999", 7), 3);
});
