// One pure function from a state and an event to the next state. What the server says is in
// server-messages.ts, what follows from the passing of time in deadlines.ts.

import { applyDeadlines } from "./deadlines";
import { HIDDEN_LONG_MS, SLEPT_MS } from "./limits";
import { awoken, gaveUp, lost, opened, reconnect, reconnectIfUnreachable, sentAway } from "./link";
import { formatPhone, normalisePhone } from "./phone";
import { requestCode, requestQr } from "./requests";
import { NO_RETRIES } from "./retries";
import { nextWakeAt } from "./schedule";
import { applyMessage } from "./server-messages";
import type { Event, State } from "./state";
import { confirmUnlink, dismissUnlink, offerUnlink } from "./unlinking";

export function reduce(state: State, event: Event): State {
  const wakeAt = state.visible ? nextWakeAt(state) : null;
  const slept = wakeAt !== null && event.at - wakeAt > SLEPT_MS;
  const present = { ...state, now: event.at };
  return applyDeadlines(apply(slept ? awoken(present) : present, event));
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
      return state.link.phase === "lost" ? awoken(state) : reconnectIfUnreachable(state);
    case "server-said":
      return applyMessage(opened(state), event.message);
    case "tab-chosen":
      return { ...state, tab: event.tab, autoQrs: 0, retries: NO_RETRIES };
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
    case "unlink-offered":
      return offerUnlink(state);
    case "unlink-dismissed":
      return dismissUnlink(state);
    case "unlink-confirmed":
      return confirmUnlink(state);
    case "reload-asked":
      return { ...state, reloads: state.reloads + 1 };
    case "other-tabs-counted":
      return { ...state, otherTabs: event.count };
    case "newer-page-found":
      return { ...state, outdatedPage: true };
    case "page-restored":
      return awoken(state);
    case "visibility-changed":
      return event.visible
        ? seenAgain(state)
        : { ...state, visible: false, hiddenSince: state.now };
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
    const phoneError = empty ? "PHONE_REQUIRED" : "INVALID_PHONE_FORMAT";
    // What was said of another number would be taken for this one's.
    return { ...state, phoneError, problems: { ...state.problems, code: null } };
  }
  return askForCode(state, phone);
}

function askForCode(state: State, phone: string): State {
  return requestCode({ ...state, note: null, retries: NO_RETRIES }, phone);
}

function askForQr(state: State): State {
  return state.qrRequest === null
    ? requestQr({ ...state, autoQrs: 0, retries: NO_RETRIES })
    : state;
}

/** Behind another window for long, the page may have been frozen and the connection be dead. */
function seenAgain(state: State): State {
  const hiddenMs = state.hiddenSince === null ? 0 : state.now - state.hiddenSince;
  const seen = reconnectIfUnreachable({ ...state, visible: true, hiddenSince: null });
  return hiddenMs >= HIDDEN_LONG_MS ? awoken(seen) : seen;
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
