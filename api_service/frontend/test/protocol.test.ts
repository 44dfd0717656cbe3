import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIVATION_STATUSES, decode, STATUSES } from "../src/protocol";
import { readToken } from "../src/token";

const QR = { qr: "ref", image: "data:image/svg+xml;base64,AA==", expiresIn: 20, serverTime: 5 };

test("documented messages are understood", () => {
  assert.deepEqual(decode("qr-update", { ...QR, expiresAt: 20_005 }), {
    kind: "qr",
    text: "ref",
    image: QR.image,
    lifetime: { expiresAt: 20_005, expiresInMs: 20_000 },
    serverTime: 5,
  });
  assert.deepEqual(
    decode("pairing-code", { code: "ABCD-1234", phoneNumber: "79990000001", expiresIn: 50 }),
    {
      kind: "code",
      code: "ABCD-1234",
      phone: "79990000001",
      lifetime: { expiresAt: null, expiresInMs: 50_000 },
      serverTime: null,
    },
  );
  for (const status of STATUSES) assert.equal(decode("status", { status })?.kind, "status");
  for (const status of ACTIVATION_STATUSES)
    assert.equal(decode("activation", { status })?.kind, "activation");
});

test("the bare contract is enough: fields beside it may be missing", () => {
  assert.equal(decode("error", { message: "Токен не подошёл" })?.kind, "error");
  assert.equal(decode("error", "Токен не подошёл")?.kind, "error");
  assert.equal(
    decode("whatsapp-connected", { success: true, phone: "79990000001" })?.kind,
    "connected",
  );
  const failure = decode("pairing-code-error", { message: "Нет" });
  assert.equal(failure?.kind === "code-error" && failure.code, "PAIRING_CODE_FAILED");
});

test("what the protocol does not promise is ignored", () => {
  const nonsense: [string, unknown][] = [
    ["status", { status: "dancing" }],
    ["status", null],
    ["status", "connected"],
    ["qr-update", { ...QR, image: "https://example.com/qr.png" }],
    ["qr-update", { ...QR, image: undefined }],
    ["qr-update", { ...QR, expiresIn: "20" }],
    ["qr-update", { ...QR, expiresIn: -1 }],
    ["pairing-code", { code: 12345678, phoneNumber: "79990000001", expiresIn: 50 }],
    ["activation", { status: "dancing" }],
    ["activation", { message: "Готово" }],
    ["activation", null],
    ["pairing-code", []],
    ["something-else", {}],
  ];
  for (const [event, payload] of nonsense) assert.equal(decode(event, payload), null, event);
});

function token(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;
}

test("the salon's title is read from the token", () => {
  assert.equal(readToken(token({ company_title: "Салон «Ромашка» ✂" })).title, "Салон «Ромашка» ✂");
  assert.equal(readToken(token({ company_title: "  " })).title, null);
  assert.equal(readToken(token({ company_title: 7 })).title, null);
  assert.equal(readToken(token({ company_title: "я".repeat(500) })).title?.length, 80);
  for (const broken of ["", "a", "a.b", "a.%%%.c", `a.${btoa("null")}.c`, `a.${btoa("{")}.c`]) {
    assert.equal(readToken(broken).title, null, broken);
  }
});
