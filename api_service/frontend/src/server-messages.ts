// How each message of the server changes the state.

import { applyActivation } from "./activation";
import { clockOffset, remainingMs } from "./clock";
import {
  CODE_END_SLACK_MS,
  CODE_LIFETIME_MS,
  QR_LIFETIME_MS,
  QUEUE_DEADLINE_MS,
  REQUEST_DEADLINE_MS,
} from "./limits";
import type {
  CodeErrorMessage,
  CodeMessage,
  ErrorMessage,
  Lifetime,
  QrMessage,
  ServerMessage,
  Status,
  StatusMessage,
} from "./protocol";
import { planRetry } from "./retries";
import { type Problem, problem, type Session, type State } from "./state";
import { isLinked, unlinked, unlinkFailed } from "./unlinking";

const NO_PROBLEMS = { qr: null, code: null } as const;

export function applyMessage(known: State, message: ServerMessage): State {
  const state = {
    ...known,
    clockOffset: clockOffset(known.clockOffset, message.serverTime, known.now),
  };
  switch (message.kind) {
    case "status":
      return applyStatus(state, message);
    case "qr":
      return applyQr(state, message);
    case "code":
      return applyCode(state, message);
    case "code-error":
      return applyCodeError(state, message);
    case "connected":
      return {
        ...state,
        ...ENDED,
        ...FRESH,
        session: session(state, { ...message, status: "connected", reason: null }),
      };
    case "activation":
      return applyActivation(state, message);
    case "error":
      return applyError(state, message);
  }
}

/** The server has told where things stand: the connection is of use. */
const FRESH = { stateIsFresh: true, refusals: 0, unsure: false } as const;

/** What a session that linked, or cannot be linked any more, leaves on the page: nothing. */
const ENDED = {
  qr: null,
  qrRequest: null,
  code: null,
  codeRequest: null,
  editingPhone: false,
  relinking: false,
  note: null,
  problems: NO_PROBLEMS,
} as const;

type Effect = "frozen" | "ended" | "linking" | "failed" | "expired" | "nothing-live" | "under-way";

const EFFECTS: { readonly [status in Status]: Effect } = {
  connected: "ended",
  reconnecting: "ended",
  logged_out: "ended",
  replaced: "ended",
  banned: "ended",
  outdated: "ended",
  frozen: "frozen",
  linking: "linking",
  error: "failed",
  qr_expired: "expired",
  idle: "nothing-live",
  queued: "under-way",
  connecting: "under-way",
  qr: "under-way",
  pairing: "under-way",
};

const AFRESH = { status: "idle", reason: null, code: null, message: null, nextStep: null } as const;

function applyStatus(before: State, message: StatusMessage): State {
  const linked = isLinked(message);
  const state: State = {
    ...before,
    ...FRESH,
    session: session(before, message),
    activation: linked ? before.activation : null,
  };
  if (before.unlink !== null && !linked) {
    return before.unlink.request === null || message.status === "frozen"
      ? applyStatus({ ...before, unlink: null }, message)
      : unlinked(end(state));
  }
  switch (EFFECTS[message.status]) {
    case "frozen":
      return end(state);
    case "ended":
      // A request already on its way to link again is not undone by the state it starts from.
      return before.relinking && isBehind(message.status)
        ? { ...state, relinking: true }
        : end(state);
    case "linking":
      return { ...state, qrRequest: null, codeRequest: null, problems: NO_PROBLEMS };
    case "failed":
      // What failed before this page was opened is not its own trouble: it begins anew.
      if (before.session === null) return applyStatus(before, { ...message, ...AFRESH });
      return { ...failed(state, problem(message.code ?? "ERROR", message)), code: voided(state) };
    case "expired":
      return { ...state, relinking: false, qr: null, qrRequest: null, code: voided(state) };
    case "nothing-live":
      return { ...state, relinking: false, qr: null, code: voided(state) };
    case "under-way":
      return {
        ...state,
        relinking: false,
        code: message.status === "pairing" ? state.code : voided(state),
        ...waitInQueue(state, message.queuePosition),
      };
  }
}

function end(state: State): State {
  return { ...state, ...ENDED };
}

function isBehind(status: Status): boolean {
  return status !== "connected" && status !== "reconnecting";
}

/** A code that is over stays, so that a new one for its number is one tap away. */
function voided({ code, clockOffset, now }: State): State["code"] {
  if (code === null || remainingMs(code, clockOffset, now) <= CODE_END_SLACK_MS) return code;
  return { ...code, isVoid: true };
}

function waitInQueue(state: State, place: number | null): Pick<State, "qrRequest" | "codeRequest"> {
  const { qrRequest, codeRequest } = state;
  if (place === null) return { qrRequest, codeRequest };
  const deadline = state.now + QUEUE_DEADLINE_MS;
  return {
    qrRequest: qrRequest && { ...qrRequest, deadline },
    codeRequest: codeRequest && { ...codeRequest, deadline },
  };
}

function session(
  state: State,
  message: Omit<Session, "since" | "queuePosition" | "retryAt"> & {
    readonly queuePosition?: number | null;
    readonly retryAt?: number | null;
  },
): Session {
  const same = state.session?.status === message.status && message.status !== "frozen";
  return {
    status: message.status,
    reason: message.reason,
    phone: message.phone ?? (same ? (state.session?.phone ?? null) : null),
    message: message.message,
    nextStep: message.nextStep,
    queuePosition: message.queuePosition ?? null,
    retryAt: message.retryAt ?? null,
    since: same && state.session !== null ? state.session.since : state.now,
  };
}

/** Something live to link with ends the state that a new link started from. */
function relinked(state: State, status: Status): State {
  if (!state.relinking && state.session !== null) return state;
  const silent = { message: null, nextStep: null, reason: null, phone: null };
  return { ...state, relinking: false, session: session(state, { ...silent, status }) };
}

function applyQr(before: State, message: QrMessage): State {
  const state = relinked(before, "qr");
  const same = state.qr?.text === message.text ? state.qr : null;
  return {
    ...state,
    qrRequest: null,
    problems: { ...state.problems, qr: null },
    retries: { ...state.retries, qr: 0 },
    qr: {
      text: message.text,
      image: message.image,
      expiresAt: expiresAt(state, message.lifetime),
      totalMs: same?.totalMs ?? Math.max(message.lifetime.expiresInMs, QR_LIFETIME_MS),
    },
  };
}

function applyCode(before: State, message: CodeMessage): State {
  const state = relinked(before, "pairing");
  const same = state.code?.text === message.code ? state.code : null;
  return {
    ...state,
    codeRequest: null,
    editingPhone: same !== null && state.editingPhone,
    requestedPhone: message.phone,
    problems: { ...state.problems, code: null },
    retries: { ...state.retries, code: 0 },
    code: {
      text: message.code,
      phone: message.phone,
      isVoid: false,
      expiresAt: expiresAt(state, message.lifetime),
      totalMs: same?.totalMs ?? Math.max(message.lifetime.expiresInMs, CODE_LIFETIME_MS),
    },
  };
}

function expiresAt(state: State, lifetime: Lifetime): number {
  return lifetime.expiresAt ?? state.now + (state.clockOffset ?? 0) + lifetime.expiresInMs;
}

function applyCodeError(state: State, message: CodeErrorMessage): State {
  const phoneError =
    message.code === "PHONE_REQUIRED" || message.code === "INVALID_PHONE_FORMAT"
      ? message.code
      : null;
  const next: State = {
    ...state,
    codeRequest: null,
    phoneError,
    // A number that was refused is there to be corrected, not hidden behind an older code.
    editingPhone: state.editingPhone || phoneError !== null,
  };
  const said = problem(message.code, message, retryAt(state, message.retryAfterMs));
  return planRetry(next, "code", message.code === "REQUEST_IN_PROGRESS" ? elsewhere(state) : said);
}

/** Somebody else asked: the code comes here too, and if it does not, the wait has an end. */
function elsewhere({ now }: State): Problem {
  return problem("REQUEST_IN_PROGRESS", undefined, now + REQUEST_DEADLINE_MS);
}

function applyError(state: State, message: ErrorMessage): State {
  const said = problem(message.code ?? "ERROR", message, retryAt(state, message.retryAfterMs));
  const noted: State = { ...state, lastError: said };
  if (said.code.startsWith("TOKEN_")) {
    return { ...noted, ...ENDED, link: { phase: "closed", refusal: said } };
  }
  if (state.unlink?.request != null) return unlinkFailed(noted, said);
  // Before the first state an error is about the connection itself: the disconnect that follows shows it.
  return state.stateIsFresh ? failed(noted, said) : noted;
}

function retryAt(state: State, afterMs: number | null): number | null {
  return afterMs === null ? null : state.now + afterMs;
}

/** Whoever asked gets the answer; when nobody did, both panels show it. */
function failed(state: State, said: Problem): State {
  const { codeRequest, qrRequest } = state;
  const nobody = codeRequest === null && qrRequest === null;
  const idle: State = { ...state, qrRequest: null, codeRequest: null };
  const withQr = nobody || qrRequest !== null ? planRetry(idle, "qr", said) : idle;
  if (!nobody && codeRequest === null) return withQr;
  // Only a code that was on its way or on the screen is worth asking for again.
  return codeRequest !== null || (state.code !== null && !state.editingPhone)
    ? planRetry(withQr, "code", said)
    : { ...withQr, problems: { ...withQr.problems, code: said } };
}
