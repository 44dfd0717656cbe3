// How far the salon's connection in YClients has come. It is news beside a link, never in its way.

import { PROGRESS_AFTER_MS } from "./limits";
import type { ActivationMessage } from "./protocol";
import { screenOf } from "./screen";
import type { Activation, State } from "./state";

/** Another try of what is not settled yet is no news: only its outcome is. */
export function applyActivation(state: State, message: ActivationMessage): State {
  const { activation } = state;
  const retried = activation !== null && isUnsettled(activation);
  if (retried && message.status === "activating") return state;
  const since = activation?.status === message.status ? activation.since : state.now;
  const { status, message: said, nextStep } = message;
  return { ...state, activation: { status, message: said, nextStep, since } };
}

function isUnsettled({ status }: Activation): boolean {
  return status !== "activating" && status !== "active";
}

/** Null while there is nothing to say: what takes less than a second is not worth a word. */
export function activationShown(state: State): Activation | null {
  const { activation, now } = state;
  const { kind } = screenOf(state);
  if (activation === null || (kind !== "connected" && kind !== "reconnecting")) return null;
  const begun = activation.status === "activating" && now - activation.since < PROGRESS_AFTER_MS;
  return begun ? null : activation;
}
