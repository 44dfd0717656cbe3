// When the page next has something to do: the only timer waits for this instant.

import { type Countdown, nextSecondAt } from "./clock";
import { qrOverdueAt } from "./deadlines";
import {
  CODE_ENDS_SOON_MS,
  LOSS_SHOWN_AFTER_MS,
  OPENING_MS,
  PROGRESS_AFTER_MS,
  SILENCE_MS,
  SLOW_AFTER_MS,
  STUCK_AFTER_MS,
  TOKEN_ENDS_SOON_MS,
} from "./limits";
import type { Request, State } from "./state";

/** Device-clock milliseconds; null when only a person or the server can change anything. */
export function nextWakeAt(state: State): number | null {
  const instants = [
    ...linkInstants(state),
    ...requestInstants(state.qrRequest),
    ...requestInstants(state.codeRequest),
    ...requestInstants(state.unlink?.request ?? null),
    ...tokenInstants(state),
    ...sessionInstants(state),
    ...activationInstants(state),
    ...problemInstants(state),
    ...countdownInstants(state),
  ].filter((at): at is number => at !== null && at > state.now);
  return instants.length === 0 ? null : Math.min(...instants);
}

type Instants = readonly (number | null)[];

function linkInstants({ link, session, startedAt, stateIsFresh, visible, now }: State): Instants {
  const loading =
    session === null ? [startedAt + PROGRESS_AFTER_MS, startedAt + SLOW_AFTER_MS] : [];
  switch (link.phase) {
    case "opening":
      return [...loading, link.since + LOSS_SHOWN_AFTER_MS, link.since + OPENING_MS];
    case "online":
      return stateIsFresh ? [] : [...loading, link.since + SILENCE_MS];
    case "lost":
      return [...loading, link.since + LOSS_SHOWN_AFTER_MS];
    case "waiting":
      return [link.retryAt, visible ? wholeSecond(link.retryAt, now) : null];
    case "closed":
      return [];
  }
}

function tokenInstants({ tokenEndsAt, clockOffset }: State): Instants {
  if (tokenEndsAt === null || clockOffset === null) return [];
  return [tokenEndsAt - clockOffset - TOKEN_ENDS_SOON_MS];
}

function requestInstants(request: Request | null): Instants {
  if (request === null) return [];
  const { startedAt, deadline } = request;
  return [startedAt + PROGRESS_AFTER_MS, startedAt + SLOW_AFTER_MS, deadline];
}

function sessionInstants({ session }: State): Instants {
  switch (session?.status) {
    case "connecting":
    case "queued":
    case "linking":
    case "reconnecting":
      return [session.since + SLOW_AFTER_MS, session.since + STUCK_AFTER_MS];
    default:
      return [];
  }
}

function activationInstants({ activation }: State): Instants {
  if (activation?.status !== "activating") return [];
  return [activation.since + PROGRESS_AFTER_MS, activation.since + SLOW_AFTER_MS];
}

function problemInstants({ problems, tab, visible, now }: State): Instants {
  const retryAt = problems[tab]?.retryAt ?? null;
  return [retryAt, visible ? wholeSecond(retryAt, now) : null];
}

function countdownInstants(state: State): Instants {
  const { qr, code, tab, visible, clockOffset, now } = state;
  if (!visible) return code === null ? [] : [deviceTime(code, clockOffset)];
  return [
    tab === "qr" ? qrOverdueAt(state) : null,
    tab === "qr" && qr !== null ? nextSecondAt(qr, clockOffset, now) : null,
    code === null ? null : nextSecondAt(code, clockOffset, now),
    code === null ? null : deviceTime(code, clockOffset) - CODE_ENDS_SOON_MS,
  ];
}

function deviceTime({ expiresAt }: Countdown, clockOffset: number | null): number {
  return expiresAt - (clockOffset ?? 0);
}

function wholeSecond(until: number | null, now: number): number | null {
  return until === null ? null : nextSecondAt({ expiresAt: until, totalMs: 0 }, 0, now);
}
