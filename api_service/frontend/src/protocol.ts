// What the server says over Socket.IO, checked before anything else sees it.

export const STATUSES = [
  "idle",
  "queued",
  "connecting",
  "qr",
  "pairing",
  "linking",
  "qr_expired",
  "connected",
  "reconnecting",
  "logged_out",
  "replaced",
  "banned",
  "outdated",
  "frozen",
  "error",
] as const;

export type Status = (typeof STATUSES)[number];

export const ACTIVATION_STATUSES = [
  "activating",
  "active",
  "activation_pending",
  "activation_failed",
  "pending_callback",
] as const;

export type ActivationStatus = (typeof ACTIVATION_STATUSES)[number];

/** Readable words of the server; they win over the page's own. */
export interface Words {
  readonly message: string | null;
  readonly nextStep: string | null;
}

export interface StatusMessage extends Words {
  readonly kind: "status";
  readonly status: Status;
  readonly reason: string | null;
  readonly code: string | null;
  readonly phone: string | null;
  /** 1 is the next to be served. */
  readonly queuePosition: number | null;
  /** Nothing is tried before that instant of the server's clock. */
  readonly retryAt: number | null;
}

export interface QrMessage {
  readonly kind: "qr";
  readonly text: string;
  /** A data: URL. */
  readonly image: string;
  readonly lifetime: Lifetime;
}

export interface CodeMessage {
  readonly kind: "code";
  /** As shown: ABCD-1234. */
  readonly code: string;
  readonly phone: string;
  readonly lifetime: Lifetime;
}

export interface CodeErrorMessage extends Words {
  readonly kind: "code-error";
  readonly code: string;
  readonly retryAfterMs: number | null;
}

export interface ConnectedMessage extends Words {
  readonly kind: "connected";
  readonly phone: string | null;
}

/** How far the salon's connection in YClients has come. */
export interface ActivationMessage extends Words {
  readonly kind: "activation";
  readonly status: ActivationStatus;
}

export interface ErrorMessage extends Words {
  readonly kind: "error";
  readonly code: string | null;
  readonly retryAfterMs: number | null;
}

export type ServerMessage = (
  | StatusMessage
  | QrMessage
  | CodeMessage
  | CodeErrorMessage
  | ConnectedMessage
  | ActivationMessage
  | ErrorMessage
) & { readonly serverTime: number | null };

/** How long something lasts: the instant on the server's clock, and the seconds left when it was sent. */
export interface Lifetime {
  readonly expiresAt: number | null;
  readonly expiresInMs: number;
}

export const SERVER_EVENTS = [
  "status",
  "qr-update",
  "pairing-code",
  "pairing-code-error",
  "whatsapp-connected",
  "activation",
  "error",
] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Null for anything that is not what the protocol promises: it is ignored, never shown. */
export function decode(event: string, payload: unknown): ServerMessage | null {
  const fields: Fields =
    typeof payload === "object" && payload !== null ? (payload as Fields) : { message: payload };
  const serverTime = number(fields.serverTime);
  switch (event) {
    case "status":
      return decodeStatus(fields, serverTime);
    case "qr-update":
      return decodeQr(fields, serverTime);
    case "pairing-code":
      return decodeCode(fields, serverTime);
    case "pairing-code-error":
      return {
        kind: "code-error",
        // The contract's codes are few; the cause tells a finer one.
        code: text(fields.cause) ?? text(fields.code) ?? "PAIRING_CODE_FAILED",
        retryAfterMs: milliseconds(fields.retryAfter),
        ...words(fields),
        serverTime,
      };
    case "whatsapp-connected":
      return { kind: "connected", phone: text(fields.phone), ...words(fields), serverTime };
    case "activation":
      return decodeActivation(fields, serverTime);
    case "error":
      return {
        kind: "error",
        code: text(fields.code),
        retryAfterMs: milliseconds(fields.retryAfter),
        ...words(fields),
        serverTime,
      };
    default:
      return null;
  }
}

function decodeStatus(fields: Fields, serverTime: number | null): ServerMessage | null {
  const status = STATUSES.find((known) => known === fields.status);
  if (status === undefined) return null;
  return {
    kind: "status",
    status,
    reason: text(fields.reason),
    code: text(fields.code),
    phone: text(fields.phone),
    queuePosition: number(fields.queuePosition),
    retryAt: number(fields.retryAt),
    ...words(fields),
    serverTime,
  };
}

function decodeActivation(fields: Fields, serverTime: number | null): ServerMessage | null {
  const status = ACTIVATION_STATUSES.find((known) => known === fields.status);
  return status === undefined ? null : { kind: "activation", status, ...words(fields), serverTime };
}

function decodeQr(fields: Fields, serverTime: number | null): ServerMessage | null {
  const qr = text(fields.qr);
  const image = text(fields.image);
  const lifetime = decodeLifetime(fields);
  if (qr === null || lifetime === null || !image?.startsWith("data:image/")) return null;
  return { kind: "qr", text: qr, image, lifetime, serverTime };
}

function decodeCode(fields: Fields, serverTime: number | null): ServerMessage | null {
  const code = text(fields.code);
  const phone = text(fields.phoneNumber);
  const lifetime = decodeLifetime(fields);
  if (code === null || phone === null || lifetime === null) return null;
  return { kind: "code", code, phone, lifetime, serverTime };
}

function decodeLifetime(fields: Fields): Lifetime | null {
  const expiresInMs = milliseconds(fields.expiresIn);
  return expiresInMs === null ? null : { expiresAt: number(fields.expiresAt), expiresInMs };
}

function words(fields: Fields): Words {
  return { message: text(fields.message), nextStep: text(fields.nextStep) };
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function milliseconds(seconds: unknown): number | null {
  const value = number(seconds);
  return value === null || value < 0 ? null : value * 1000;
}
