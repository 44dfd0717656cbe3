// The line about YClients under a link that works.

import { activationShown } from "../activation";
import { SLOW_AFTER_MS } from "../limits";
import { activationWords } from "../words";
import type { ViewProps } from "./app";
import { Spinner } from "./icons";

export function ActivationView({ state, texts }: ViewProps) {
  const activation = activationShown(state);
  if (activation === null) return null;
  const { status, since } = activation;
  const { message, nextStep } = activationWords(activation, texts);
  const slow = status === "activating" && state.now - since >= SLOW_AFTER_MS;
  const more = slow ? (nextStep ?? texts.activation.slow) : nextStep;
  return (
    <div class={`activation activation--${status}`} data-activation={status}>
      <p class="activation__message">
        {status === "activating" && <Spinner />}
        {status === "active" && <span aria-hidden="true">✓</span>}
        {message}
      </p>
      {more !== null && <p>{more}</p>}
    </div>
  );
}
