// Which screen a state is shown as.

import { hasExpired } from "./clock";
import { LOSS_SHOWN_AFTER_MS, MAX_AUTO_QRS, TOKEN_ENDS_SOON_MS } from "./limits";
import type { Status } from "./protocol";
import type { Code, Problem, Session, State } from "./state";

export type StoppedStatus = Extract<Status, "logged_out" | "replaced" | "banned" | "outdated">;

export type Screen =
  /** No way in: the token is missing, expired or wrong. */
  | { readonly kind: "no-entry"; readonly refusal: Problem }
  /** The server sent us away before it told anything. */
  | { readonly kind: "refused"; readonly refusal: Problem; readonly retryAt: number | null }
  | { readonly kind: "loading" }
  | { readonly kind: "form"; readonly session: Session }
  | { readonly kind: "linking"; readonly session: Session }
  | { readonly kind: "reconnecting"; readonly session: Session }
  | { readonly kind: "connected"; readonly session: Session }
  | { readonly kind: "frozen"; readonly session: Session }
  | { readonly kind: "stopped"; readonly session: Session; readonly status: StoppedStatus };

export function screenOf({ link, session, relinking }: State): Screen {
  if (link.phase === "closed") return { kind: "no-entry", refusal: link.refusal };
  if (session === null) {
    return link.phase === "waiting"
      ? { kind: "refused", refusal: link.refusal, retryAt: link.retryAt }
      : { kind: "loading" };
  }
  switch (session.status) {
    case "connected":
    case "reconnecting":
    case "frozen":
      return { kind: session.status, session };
    case "linking":
      return { kind: relinking ? "form" : "linking", session };
    case "logged_out":
    case "replaced":
    case "banned":
    case "outdated":
      return relinking
        ? { kind: "form", session }
        : { kind: "stopped", session, status: session.status };
    default:
      return { kind: "form", session };
  }
}

export type Banner =
  | { readonly kind: "lost" }
  /** Back from sleep: the server is being asked where things stand. */
  | { readonly kind: "refreshing" }
  | { readonly kind: "waiting"; readonly refusal: Problem; readonly retryAt: number | null };

/** Shown above any screen that has something to show. */
export function bannerOf({ link, session, now, unsure }: State): Banner | null {
  if (link.phase === "lost" && now - link.since >= LOSS_SHOWN_AFTER_MS) return { kind: "lost" };
  const opening = link.phase === "opening" || link.phase === "online";
  if (unsure && opening && now - link.since >= LOSS_SHOWN_AFTER_MS) return { kind: "refreshing" };
  return link.phase === "waiting" && session !== null
    ? { kind: "waiting", refusal: link.refusal, retryAt: link.retryAt }
    : null;
}

export type CodeView =
  | { readonly kind: "form" }
  | { readonly kind: "code"; readonly code: Code; readonly expired: boolean };

export function codeViewOf(state: State): CodeView {
  const { code, editingPhone } = state;
  if (code === null || editingPhone) return { kind: "form" };
  return { kind: "code", code, expired: isOver(code, state) };
}

function isOver(code: Code, { clockOffset, now }: State): boolean {
  return code.isVoid || hasExpired(code, clockOffset, now);
}

/** The running code that the present view does not show. */
export function hiddenCodeOf(state: State): Code | null {
  const { code, tab, editingPhone } = state;
  if (code === null || isOver(code, state)) return null;
  return tab === "qr" || editingPhone ? code : null;
}

export type QrView =
  | { readonly kind: "waiting"; readonly sinceMs: number }
  | { readonly kind: "live" }
  | { readonly kind: "stale" }
  /** Nothing will come by itself. */
  | { readonly kind: "ask" };

export function qrViewOf(state: State): QrView {
  const { qr, qrRequest, session, link, clockOffset, now, problems } = state;
  if (problems.qr !== null) return { kind: "ask" };
  if (qr !== null && !hasExpired(qr, clockOffset, now)) {
    return { kind: state.unsure ? "stale" : "live" };
  }
  const asked = qrRequest !== null || state.autoQrs <= MAX_AUTO_QRS;
  if (qr !== null) return { kind: asked ? "stale" : "ask" };
  if (qrRequest !== null) return { kind: "waiting", sinceMs: now - qrRequest.startedAt };
  const comes =
    link.phase !== "online" ||
    session?.status === "connecting" ||
    session?.status === "queued" ||
    session?.status === "qr" ||
    session?.status === "pairing";
  return comes ? { kind: "waiting", sinceMs: now - (session?.since ?? now) } : { kind: "ask" };
}

/** Whether the token will be refused within minutes, while it is still needed. */
export function tokenEndsSoon(state: State): boolean {
  const { tokenEndsAt, clockOffset, now } = state;
  if (tokenEndsAt === null || clockOffset === null || screenOf(state).kind !== "form") return false;
  return tokenEndsAt - (now + clockOffset) <= TOKEN_ENDS_SOON_MS;
}

/** The phone that linked, when it is not the one a code was asked for. */
export function unexpectedPhone({ session, requestedPhone }: State): string | null {
  const phone = session?.phone ?? null;
  return phone !== null && requestedPhone !== null && phone !== requestedPhone ? phone : null;
}
