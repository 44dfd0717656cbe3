// What is asked of the server; the effects send it.

import { REQUEST_DEADLINE_MS } from "./limits";
import type { Request, State } from "./state";

export function requestQr(state: State): State {
  return {
    ...state,
    autoQrs: state.autoQrs + 1,
    problems: { ...state.problems, qr: null },
    qrRequest: newRequest(state),
    nextRequestId: state.nextRequestId + 1,
  };
}

export function requestCode(state: State, phone: string): State {
  if (state.codeRequest !== null) return state;
  return {
    ...state,
    phoneError: null,
    problems: { ...state.problems, code: null },
    requestedPhone: phone,
    codeRequest: { ...newRequest(state), phone },
    nextRequestId: state.nextRequestId + 1,
  };
}

export function newRequest({ nextRequestId, now }: State): Request {
  return { id: nextRequestId, startedAt: now, deadline: now + REQUEST_DEADLINE_MS };
}
