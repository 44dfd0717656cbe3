// Phone numbers as people type and paste them. The same table of cases checks this and the server:
// tests/contract/phone_numbers.json.

import { countryOf } from "./countries";

const MIN_DIGITS = 10;
const MAX_DIGITS = 15;
/** Of every number of the countries that share the calling code 7: Russia and Kazakhstan. */
const RUSSIAN_DIGITS = 11;
const MAX_LENGTH = 40;
/** Digits too many stay visible, so that a number pasted twice is refused and not cut to another. */
const MAX_TYPED = 20;
const ALLOWED = /^[0-9+()\-.\s\u00a0\u2011\u2013]+$/;
const RUSSIAN_PATTERN = "### ###-##-##";

/**
 * E.164 digits without the plus, or null for what is no phone number.
 *
 * 11 digits starting with 8 and bare 10 digits are Russian, unless a plus was given. What begins with 7
 * has 11 digits.
 */
export function normalisePhone(input: string): string | null {
  const trimmed = input.trim();
  if (input.length > MAX_LENGTH || !ALLOWED.test(trimmed) || trimmed.lastIndexOf("+") > 0) {
    return null;
  }
  const typed = digitsOf(trimmed);
  const digits = trimmed.startsWith("+") ? typed : asRussian(typed);
  const fits = digits.length >= MIN_DIGITS && digits.length <= MAX_DIGITS;
  const torn = digits.startsWith("7") && digits.length !== RUSSIAN_DIGITS;
  return fits && !torn && !digits.startsWith("0") ? digits : null;
}

function asRussian(digits: string): string {
  if (digits.length === RUSSIAN_DIGITS && digits.startsWith("8")) return `7${digits.slice(1)}`;
  return digits.length === 10 ? `7${digits}` : digits;
}

export function digitsOf(text: string): string {
  return text.replace(/[^0-9]/g, "");
}

/** "+7 999 000-00-01" for 79990000001. */
export function formatPhone(digits: string): string {
  const country = countryOf(digits);
  const codeLength = country?.callingCodeLength ?? 0;
  const code = digits.slice(0, codeLength);
  const rest = group(digits.slice(codeLength), country?.pattern ?? null);
  return `+${[code, rest].filter(Boolean).join(" ")}`;
}

/** "+7 999 •••-••-01": enough for the owner to know the number, too little for a passer-by. */
export function formatPhoneMasked(digits: string): string {
  const visibleHead = (countryOf(digits)?.callingCodeLength ?? 1) + 3;
  let seen = 0;
  return formatPhone(digits).replace(/[0-9]/g, (digit) => {
    seen += 1;
    return seen <= visibleHead || seen > digits.length - 2 ? digit : "•";
  });
}

/**
 * The text of the phone field while it is being typed.
 *
 * A number that is complete or carries a plus is shown in the international form; a bare start is
 * only grouped, because "998…" may be a Russian mobile or an Uzbek number until more is known.
 */
export function maskPhone(input: string): string {
  const text = input.trim();
  const typed = digitsOf(text).slice(0, MAX_TYPED);
  if (text.startsWith("+")) return typed === "" ? "+" : formatPhone(typed);
  if (typed === "") return "";
  if (typed.length <= 10 && !/^[78]/.test(typed)) return group(typed, RUSSIAN_PATTERN);
  if (typed.length <= 10) {
    return [typed.slice(0, 1), group(typed.slice(1), RUSSIAN_PATTERN)].filter(Boolean).join(" ");
  }
  return formatPhone(asRussian(typed));
}

/** Where the caret belongs after masking: behind as many digits as before. */
export function caretAfterMask(masked: string, digitsBefore: number): number {
  if (digitsBefore === 0) return masked.startsWith("+") ? 1 : 0;
  let seen = 0;
  for (let index = 0; index < masked.length; index += 1) {
    if (/[0-9]/.test(masked.charAt(index))) seen += 1;
    if (seen === digitsBefore) return index + 1;
  }
  return masked.length;
}

function group(digits: string, pattern: string | null): string {
  if (pattern === null) return digits.replace(/(\d{3})(?=\d)/g, "$1 ");
  let used = 0;
  let text = "";
  for (const sign of pattern) {
    if (used === digits.length) return text.replace(/\D+$/, "");
    text += sign === "#" ? digits.charAt(used++) : sign;
  }
  return text + digits.slice(used);
}
