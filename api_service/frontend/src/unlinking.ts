// Unlinking at the owner's wish: offered, confirmed, asked of the server, done or failed.

import { formatPhone } from "./phone";
import type { StatusMessage } from "./protocol";
import { newRequest } from "./requests";
import { unexpectedPhone } from "./screen";
import type { Problem, State } from "./state";

export function offerUnlink(state: State): State {
  const meantPhone = unexpectedPhone(state) === null ? null : state.requestedPhone;
  return { ...state, unlink: { request: null, problem: null, meantPhone } };
}

/** What the server was asked for cannot be taken back. */
export function dismissUnlink(state: State): State {
  return state.unlink?.request == null ? { ...state, unlink: null } : state;
}

export function confirmUnlink(state: State): State {
  const { unlink } = state;
  if (unlink === null || unlink.request !== null) return state;
  return {
    ...state,
    unlink: { ...unlink, request: newRequest(state), problem: null },
    nextRequestId: state.nextRequestId + 1,
  };
}

export function unlinkFailed(state: State, problem: Problem): State {
  const { unlink } = state;
  return unlink === null ? state : { ...state, unlink: { ...unlink, request: null, problem } };
}

/** Called for a state in which nothing is linked any more. */
export function unlinked(state: State): State {
  const meantPhone = state.unlink?.meantPhone ?? null;
  return {
    ...state,
    unlink: null,
    note: { hint: state.session?.nextStep ?? null },
    relinking: true,
    autoQrs: 0,
    ...(meantPhone === null ? {} : { tab: "code", phoneInput: formatPhone(meantPhone) }),
  };
}

/** A frozen salon that has a number keeps its link. */
export function isLinked({ status, phone }: Pick<StatusMessage, "status" | "phone">): boolean {
  if (status === "frozen") return phone !== null;
  return status === "connected" || status === "reconnecting" || status === "linking";
}
