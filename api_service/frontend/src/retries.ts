// What the page tries again without being told to, how often, and after how long.

import type { Problem, State, Tab } from "./state";

/** Milliseconds before the first, the second, … try; after the last a person decides. */
const DELAYS_MS: Readonly<Record<string, readonly number[]>> = {
  SERVICE_UNAVAILABLE: [10_000, 20_000, 40_000],
  WHATSAPP_UNREACHABLE: [15_000, 30_000, 60_000],
  PROXY_UNREACHABLE: [15_000, 30_000, 60_000],
  LINKER_QUEUE_FULL: [15_000, 30_000, 60_000],
  LINKER_FAILED: [5_000],
  INTERNAL_ERROR: [15_000],
};

/** The problem of one way of linking, with the instant of the next try when there will be one. */
export function planRetry(state: State, scope: Tab, problem: Problem): State {
  const delay = DELAYS_MS[problem.code]?.[state.retries[scope]];
  const planned =
    delay === undefined
      ? problem
      : { ...problem, retryAt: problem.retryAt ?? state.now + delay, byItself: true };
  return {
    ...state,
    problems: { ...state.problems, [scope]: planned },
    retries: { ...state.retries, [scope]: state.retries[scope] + (delay === undefined ? 0 : 1) },
  };
}

export const NO_RETRIES = { qr: 0, code: 0 } as const;
