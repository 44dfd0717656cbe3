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
  const { message, nextStep } = problemWords(problem, texts);
  const left = problem.retryAt === null ? 0 : problem.retryAt - state.now;
  return (
    <div class="notice" data-code={problem.code}>
      <div role="alert">
        <p class="notice__title">{message}</p>
        {nextStep !== null && <p>{nextStep}</p>}
      </div>
      {left > 0 && <p class="notice__wait">{retryIn(formatCountdown(left))}</p>}
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
