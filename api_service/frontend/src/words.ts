// The server's words when there are any, the page's own otherwise.

import type { Words } from "./protocol";
import type { Activation } from "./state";
import type { Texts } from "./texts.ru";

export interface Shown {
  readonly message: string;
  readonly nextStep: string | null;
  /** What to tap, in place of the next step. */
  readonly steps: readonly string[];
}

export function problemWords(problem: Words & { readonly code: string }, texts: Texts): Shown {
  const own = texts.problems[problem.code];
  const steps = own?.steps ?? [];
  if (problem.message !== null) {
    const nextStep = problem.nextStep ?? own?.nextStep ?? null;
    return { message: problem.message, nextStep, steps };
  }
  const fallback = own ?? texts.problems.ERROR;
  return {
    message: fallback?.message ?? problem.code,
    nextStep: problem.nextStep ?? fallback?.nextStep ?? null,
    steps,
  };
}

export function activationWords(activation: Activation, texts: Texts): Omit<Shown, "steps"> {
  const own = texts.activation[activation.status];
  return {
    message: activation.message ?? own.message,
    nextStep: activation.nextStep ?? own.nextStep ?? null,
  };
}
