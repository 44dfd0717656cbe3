// The way to our own server: found, lost, refused and found again.

import { MAX_REFUSALS, REFUSAL_BACKOFF_MS, TOO_MANY_CONNECTIONS_MS } from "./limits";
import { type Problem, problem, type State } from "./state";

export const UNREACHABLE = "SERVER_UNREACHABLE";

/** What was sent while the connection was being confirmed is delivered just before it is. */
export function opened(state: State): State {
  if (state.link.phase !== "opening" && state.link.phase !== "lost") return state;
  return {
    ...state,
    link: { phase: "online", since: state.now },
    stateIsFresh: false,
    lastError: null,
    problems: { ...state.problems, qr: null },
  };
}

export function lost(state: State): State {
  if (isOver(state) || state.link.phase === "lost") return state;
  return { ...state, stateIsFresh: false, link: { phase: "lost", since: state.now } };
}

/** jitter, 0 to 1, keeps pages that were sent away together from coming back together. */
export function sentAway(state: State, jitter: number): State {
  if (isOver(state)) return state;
  const refusal = state.lastError ?? problem(UNREACHABLE);
  const refusals = state.refusals + 1;
  const backoff =
    refusal.code === "TOO_MANY_CONNECTIONS"
      ? TOO_MANY_CONNECTIONS_MS
      : REFUSAL_BACKOFF_MS * 2 ** (refusals - 1) * (1 + jitter);
  const retryAt = refusals > MAX_REFUSALS ? null : (refusal.retryAt ?? state.now + backoff);
  const link = { phase: "waiting", refusal, retryAt } as const;
  return { ...state, stateIsFresh: false, refusals, link, problems: without(refusal, state) };
}

/** What the banner says need not be said twice. */
function without(refusal: Problem, { problems }: State): State["problems"] {
  return {
    qr: problems.qr === refusal ? null : problems.qr,
    code: problems.code === refusal ? null : problems.code,
  };
}

export function gaveUp(state: State): State {
  if (isOver(state)) return state;
  const link = { phase: "waiting", refusal: problem(UNREACHABLE), retryAt: null } as const;
  return { ...state, stateIsFresh: false, link };
}

export function reconnect(state: State): State {
  if (state.link.phase !== "waiting") return state;
  return {
    ...state,
    link: { phase: "opening", since: state.now },
    lastError: null,
    connects: state.connects + 1,
  };
}

/**
 * The page slept: the connection may be dead without anybody knowing.
 *
 * A new one makes the server tell where things stand; until then nothing is shown as live.
 */
export function awoken(state: State): State {
  if (isOver(state)) return state;
  return {
    ...state,
    stateIsFresh: false,
    unsure: state.session !== null,
    link: { phase: "opening", since: state.now },
    lastError: null,
    connects: state.connects + 1,
  };
}

/** The person or the network is back: worth a try, unless the server asked for a pause. */
export function reconnectIfUnreachable(state: State): State {
  const { link } = state;
  return link.phase === "waiting" && link.refusal.code === UNREACHABLE ? reconnect(state) : state;
}

/** Nothing more is expected of the connection: an old socket's last word changes nothing. */
function isOver({ link }: State): boolean {
  return link.phase === "closed" || link.phase === "waiting";
}
