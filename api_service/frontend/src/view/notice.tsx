import type { ComponentChildren } from "preact";
import { formatCountdown } from "../clock";
import { PROGRESS_AFTER_MS, SLOW_AFTER_MS } from "../limits";
import type { Problem, State } from "../state";
import type { Texts } from "../texts.ru";
import { problemWords } from "../words";

interface ProblemNoticeProps {
  readonly problem: Problem;
  readonly state: State;
  readonly texts: Texts;
  readonly retryIn: (time: string) => string;
}

/** What went wrong and what to do, told to screen readers at once. */
export function ProblemNotice({ problem, state, texts, retryIn }: ProblemNoticeProps) {
  const { message, nextStep, steps } = problemWords(problem, texts);
  const left = problem.retryAt === null ? 0 : problem.retryAt - state.now;
  const elsewhere = problem.code === "REQUEST_IN_PROGRESS";
  return (
    <div
      class={elsewhere || problem.byItself || steps.length > 0 ? "notice notice--warn" : "notice"}
      data-code={problem.code}
    >
      <div role="alert">
        <p class="notice__title">{message}</p>
        {steps.length > 0 && (
          <ol class="notice__steps">
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        )}
        {/* Who is told that the page tries by itself is not told to try. */}
        {steps.length === 0 && nextStep !== null && !problem.byItself && <p>{nextStep}</p>}
      </div>
      {left > 0 && !elsewhere && <p class="notice__wait">{retryIn(formatCountdown(left))}</p>}
    </div>
  );
}

interface RemarkProps {
  readonly title: string;
  readonly hint: string;
  readonly warns?: boolean;
  readonly children?: ComponentChildren;
}

/** Good to know, and nothing to do at once. */
export function Remark({ title, hint, warns, children }: RemarkProps) {
  return (
    <div class={warns ? "remark remark--warn" : "remark"}>
      <p>
        <strong>{title}.</strong> {hint}
      </p>
      {children}
    </div>
  );
}

interface WaitProps {
  readonly sinceMs: number;
  readonly progress: string;
  readonly slow: string;
}

/** Nothing for a second, then progress, then a word that it takes longer than usual. */
export function Wait({ sinceMs, progress, slow }: WaitProps) {
  if (sinceMs < PROGRESS_AFTER_MS) return null;
  return <p class="wait">{sinceMs < SLOW_AFTER_MS ? progress : slow}</p>;
}

export function QueuePlace({ state, texts }: { readonly state: State; readonly texts: Texts }) {
  const place = state.session?.queuePosition ?? null;
  if (place === null) return null;
  return (
    <div class="queue">
      <p class="queue__place">{texts.queue.place(place)}</p>
      <p>{state.session?.nextStep ?? texts.queue.hint}</p>
    </div>
  );
}
