// What follows from the passing of time alone.

import { hasExpired } from "./clock";
import { MAX_AUTO_QRS, OPENING_MS, QR_GRACE_MS, SETTLES_MS, SILENCE_MS } from "./limits";
import { reconnect, sentAway } from "./link";
import { requestCode, requestQr } from "./requests";
import { problem, type State } from "./state";
import { unlinkFailed } from "./unlinking";

export function applyDeadlines(state: State): State {
  return renewQr(retryCode(retryQr(endUnlink(endRequests(watchLink(state))))));
}

function watchLink(state: State): State {
  const { link, now } = state;
  if (link.phase === "waiting" && link.retryAt !== null && link.retryAt <= now) {
    return reconnect(state);
  }
  const silent =
    (link.phase === "online" && !state.stateIsFresh && link.since + SILENCE_MS <= now) ||
    (link.phase === "opening" && link.since + OPENING_MS <= now);
  return silent ? sentAway(state, 0) : state;
}

function endRequests(state: State): State {
  const { qrRequest, codeRequest, now } = state;
  let next = state;
  if (qrRequest !== null && qrRequest.deadline <= now) {
    const problems = { ...next.problems, qr: problem("QR_TIMEOUT") };
    next = { ...next, qrRequest: null, problems };
  }
  if (codeRequest !== null && codeRequest.deadline <= now) {
    const problems = { ...next.problems, code: problem("CODE_TIMEOUT") };
    next = { ...next, codeRequest: null, problems };
  }
  const { code } = next.problems;
  if (code?.code === "REQUEST_IN_PROGRESS" && code.retryAt !== null && code.retryAt <= now) {
    next = { ...next, problems: { ...next.problems, code: problem("CODE_TIMEOUT") } };
  }
  return next;
}

function endUnlink(state: State): State {
  const request = state.unlink?.request ?? null;
  const over = request !== null && request.deadline <= state.now;
  return over ? unlinkFailed(state, problem("UNLINK_FAILED")) : state;
}

function retryCode(state: State): State {
  const { problems, requestedPhone, now } = state;
  const due =
    problems.code?.byItself === true &&
    (problems.code.retryAt ?? 0) <= now &&
    requestedPhone !== null &&
    state.codeRequest === null &&
    state.tab === "code" &&
    state.visible &&
    isReady(state);
  return due ? requestCode(state, requestedPhone) : state;
}

function isReady({ link, stateIsFresh }: State): boolean {
  return link.phase === "online" && stateIsFresh;
}

/** The server said when to try again, and the person is still looking. */
function retryQr(state: State): State {
  const retryAt = state.problems.qr?.retryAt ?? null;
  const due = retryAt !== null && retryAt <= state.now && mayAskByItself(state);
  return due ? requestQr(state) : state;
}

function renewQr(state: State): State {
  const due = mayAskByItself(state) && state.problems.qr === null && qrIsMissing(state);
  return due ? requestQr(state) : state;
}

/** One QR for opening the page or pressing a button, and MAX_AUTO_QRS renewals of it. */
function mayAskByItself(state: State): boolean {
  return (
    state.visible &&
    state.tab === "qr" &&
    isReady(state) &&
    state.qrRequest === null &&
    state.autoQrs <= MAX_AUTO_QRS
  );
}

function qrIsMissing(state: State): boolean {
  switch (state.session?.status) {
    case "idle":
    case "qr_expired":
    case "error":
      return state.qr === null || isOverdue(state);
    case "qr":
    case "pairing":
      return isOverdue(state);
    case "logged_out":
    case "replaced":
    case "banned":
    case "outdated":
      return state.relinking && state.qr === null;
    default:
      return false;
  }
}

/** The server renews a live QR by itself; only its silence makes the page ask. */
function isOverdue(state: State): boolean {
  const dueAt = qrOverdueAt(state);
  return dueAt !== null && dueAt <= state.now;
}

/** When a QR that ought to be live should be asked for; null while it is live or not due at all. */
export function qrOverdueAt(state: State): number | null {
  const { link, qr, session, clockOffset, now } = state;
  if (link.phase !== "online" || session === null) return null;
  const settledAt = link.since + SETTLES_MS;
  if (qr !== null) {
    if (!hasExpired(qr, clockOffset, now)) return null;
    return Math.max(settledAt, qr.expiresAt - (clockOffset ?? 0) + QR_GRACE_MS);
  }
  return session.status === "qr" ? Math.max(settledAt, session.since + QR_GRACE_MS) : settledAt;
}
