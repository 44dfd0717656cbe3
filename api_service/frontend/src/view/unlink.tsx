// The way out of a link: a button, and the question behind it.

import { useLayoutEffect, useRef } from "preact/hooks";
import { SLOW_AFTER_MS } from "../limits";
import type { ViewProps } from "./app";
import { Spinner } from "./icons";
import { ProblemNotice } from "./notice";

interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly cancel: string;
}

interface UnlinkProps extends ViewProps {
  /** What the button says that opens the question. */
  readonly action: string;
  readonly question: Question;
  readonly prominent?: boolean;
}

export function UnlinkButton({ action, question, prominent, ...props }: UnlinkProps) {
  const { state, dispatch } = props;
  const button = useRef<HTMLButtonElement>(null);
  const isOpen = state.unlink !== null;
  const wasOpen = useRef(isOpen);
  // Whoever thinks better of it is back where they were.
  useLayoutEffect(() => {
    if (wasOpen.current && !isOpen) button.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  if (isOpen) return <UnlinkQuestion question={question} {...props} />;
  return (
    <button
      ref={button}
      class={prominent ? "button" : "button button--quiet"}
      type="button"
      onClick={() => dispatch({ type: "unlink-offered" })}
    >
      {action}
    </button>
  );
}

function UnlinkQuestion({ question, state, texts, dispatch }: ViewProps & { question: Question }) {
  const title = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => title.current?.focus(), []);
  const request = state.unlink?.request ?? null;
  const problem = state.unlink?.problem ?? null;
  const busy = request !== null;
  const slow = busy && state.now - request.startedAt >= SLOW_AFTER_MS;
  return (
    <section
      class="question"
      aria-labelledby="question-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") dispatch({ type: "unlink-dismissed" });
      }}
    >
      <h3 id="question-title" ref={title} tabIndex={-1}>
        {question.title}
      </h3>
      <p>{question.text}</p>
      {problem !== null && (
        <ProblemNotice problem={problem} state={state} texts={texts} retryIn={texts.code.retryIn} />
      )}
      <button
        class="button button--danger"
        type="button"
        aria-disabled={busy}
        onClick={() => dispatch({ type: "unlink-confirmed" })}
      >
        {busy && <Spinner />}
        {busy ? texts.unlink.progress : question.confirm}
      </button>
      {slow && <p class="wait">{texts.unlink.slow}</p>}
      {!busy && (
        <button
          class="button button--quiet"
          type="button"
          onClick={() => dispatch({ type: "unlink-dismissed" })}
        >
          {question.cancel}
        </button>
      )}
    </section>
  );
}
