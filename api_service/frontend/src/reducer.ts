// One pure function from a state and an event to the next state. What the server says is in
// server-messages.ts, what follows from the passing of time in deadlines.ts.

import { applyDeadlines, requestQr } from "./deadlines";
import { REQUEST_DEADLINE_MS } from "./limits";
import { gaveUp, lost, opened, reconnect, reconnectIfUnreachable, sentAway } from "./link";
import { formatPhone, normalisePhone } from "./phone";
import { applyMessage } from "./server-messages";
import type { Event, State } from "./state";

export function reduce(state: State, event: Event): State {
  return applyDeadlines(apply({ ...state, now: event.at }, event));
}

function apply(state: State, event: Event): State {
  switch (event.type) {
    case "link-opened":
      return opened(state);
    case "link-lost":
      return lost(state);
    case "link-refused":
      return sentAway(state, event.jitter);
    case "link-gave-up":
      return gaveUp(state);
    case "network-returned":
      return reconnectIfUnreachable(state);
    case "server-said":
      return applyMessage(opened(state), event.message);
    case "tab-chosen":
      return { ...state, tab: event.tab, autoQrs: 0 };
    case "phone-typed":
      return { ...state, phoneInput: event.text, phoneError: null };
    case "phone-left":
      return leavePhone(state);
    case "code-asked":
      return submitPhone(state);
    case "code-renewed":
      return state.code === null ? state : askForCode(state, state.code.phone);
    case "phone-edited":
      return { ...state, editingPhone: true, problems: { ...state.problems, code: null } };
    case "code-reopened":
      return { ...state, tab: "code", editingPhone: false };
    case "qr-asked":
      return askForQr(state);
    case "relink-asked":
      return state.tab === "qr" ? askForQr({ ...state, relinking: true }) : startOver(state);
    case "reconnect-asked":
      return reconnect(state);
    case "visibility-changed":
      return event.visible
        ? reconnectIfUnreachable({ ...state, visible: true })
        : { ...state, visible: false };
    case "time-passed":
      return state;
  }
}

/** A finished number is shown the way it was understood. */
function leavePhone(state: State): State {
  if (state.phoneInput.trim() === "") return state;
  const phone = normalisePhone(state.phoneInput);
  return phone === null
    ? { ...state, phoneError: "INVALID_PHONE_FORMAT" }
    : { ...state, phoneInput: formatPhone(phone) };
}

function submitPhone(state: State): State {
  const phone = normalisePhone(state.phoneInput);
  if (phone === null) {
    const empty = state.phoneInput.trim() === "";
    return { ...state, phoneError: empty ? "PHONE_REQUIRED" : "INVALID_PHONE_FORMAT" };
  }
  return askForCode(state, phone);
}

function askForCode(state: State, phone: string): State {
  if (state.codeRequest !== null) return state;
  return {
    ...state,
    phoneError: null,
    problems: { ...state.problems, code: null },
    requestedPhone: phone,
    codeRequest: {
      id: state.nextRequestId,
      phone,
      startedAt: state.now,
      deadline: state.now + REQUEST_DEADLINE_MS,
    },
    nextRequestId: state.nextRequestId + 1,
  };
}

function askForQr(state: State): State {
  return state.qrRequest === null ? requestQr({ ...state, autoQrs: 0 }) : state;
}

function startOver(state: State): State {
  return {
    ...state,
    relinking: true,
    autoQrs: 0,
    editingPhone: true,
    problems: { qr: null, code: null },
  };
}
