import { useEffect, useRef, useState } from "preact/hooks";
import { spelled } from "../announce";
import { formatPhone } from "../phone";
import { codeViewOf } from "../screen";
import type { Code } from "../state";
import type { ViewProps } from "./app";
import { copyText } from "./clipboard";
import { CountdownBar } from "./countdown";
import { Spinner } from "./icons";
import { ProblemNotice, QueuePlace, Wait } from "./notice";
import { PhoneField } from "./phone-field";

export function CodePanel(props: ViewProps) {
  const view = codeViewOf(props.state);
  return view.kind === "form" ? (
    <PhoneForm {...props} />
  ) : (
    <CodeShown code={view.code} expired={view.expired} {...props} />
  );
}

function PhoneForm(props: ViewProps) {
  const { state, texts, dispatch } = props;
  return (
    <form
      class="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        dispatch({ type: "code-asked" });
      }}
    >
      <PhoneField {...props} />
      <Troubles {...props} />
      <SubmitButton label={texts.code.submit} {...props} />
      <Progress {...props} />
      {state.codeRequest === null && (
        <p class="other other--desktop">
          {texts.code.other}{" "}
          <button
            class="link"
            type="button"
            onClick={() => dispatch({ type: "tab-chosen", tab: "qr" })}
          >
            {texts.code.otherAction}
          </button>
        </p>
      )}
    </form>
  );
}

/** Stays in place and keeps the focus while a request runs: aria-disabled, not disabled. */
function SubmitButton({
  state,
  texts,
  label,
  onClick,
}: ViewProps & { label: string; onClick?: () => void }) {
  const busy = state.codeRequest !== null;
  return (
    <button
      class="button"
      type={onClick ? "button" : "submit"}
      aria-disabled={busy}
      {...(onClick && { onClick })}
    >
      {busy && <Spinner />}
      {busy ? texts.code.waiting : label}
    </button>
  );
}

function Troubles({ state, texts }: ViewProps) {
  const problem = state.problems.code;
  return problem === null ? null : (
    <ProblemNotice
      problem={problem}
      state={state}
      texts={texts}
      retryIn={problem.byItself ? texts.code.retryByItself : texts.code.retryIn}
    />
  );
}

function Progress({ state, texts }: ViewProps) {
  const { codeRequest, now } = state;
  if (codeRequest === null) return null;
  if (state.session?.queuePosition != null) return <QueuePlace state={state} texts={texts} />;
  const words = state.session?.status === "connecting" ? state.session.message : null;
  return (
    <Wait sinceMs={now - codeRequest.startedAt} progress={words ?? ""} slow={texts.code.slow} />
  );
}

function CodeShown({ code, expired, ...props }: ViewProps & { code: Code; expired: boolean }) {
  const { state, texts, dispatch } = props;
  const title = useRef<HTMLHeadingElement>(null);
  // The form that had the focus is gone: the code takes it.
  useEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body)
      title.current?.focus();
  }, []);
  return (
    <div class="code">
      <h2 class="code__title" ref={title} tabIndex={-1}>
        {texts.code.title}
      </h2>
      <p class="code__phone">{texts.code.forPhone(formatPhone(code.phone))}</p>
      <CodeCells code={code.text} standing={standingOf(expired, state.unsure)} />
      <TimeLeft code={code} expired={expired} {...props} />
      <Troubles {...props} />
      <div class="actions">
        {expired ? (
          <SubmitButton
            label={texts.code.renew}
            onClick={() => dispatch({ type: "code-renewed" })}
            {...props}
          />
        ) : (
          <CopyButton code={code.text} {...props} />
        )}
        <button
          class="button button--quiet"
          type="button"
          onClick={() => dispatch({ type: "phone-edited" })}
        >
          {texts.code.change}
        </button>
      </div>
      <Progress {...props} />
    </div>
  );
}

/** How long the code can be entered, or why it cannot any more. */
function TimeLeft({ code, expired, state, texts }: ViewProps & { code: Code; expired: boolean }) {
  if (code.isVoid) {
    return (
      <div class="code__over">
        <p class="code__expired">{texts.code.voided}</p>
        {state.problems.code === null && <p class="code__hint">{texts.code.voidedHint}</p>}
      </div>
    );
  }
  if (expired) return <p class="code__expired">{texts.code.expired}</p>;
  if (state.unsure) return <p class="code__hint">{texts.code.unsure}</p>;
  return <CountdownBar of={code} state={state} label={texts.code.left} />;
}

type Standing = "live" | "expired" | "unsure";

function standingOf(expired: boolean, unsure: boolean): Standing {
  if (expired) return "expired";
  return unsure ? "unsure" : "live";
}

function CodeCells({ code, standing }: { code: string; standing: Standing }) {
  return (
    <p class={`cells cells--${standing}`}>
      <span class="visually-hidden">{spelled(code)}</span>
      <span class="cells__row" aria-hidden="true" data-testid="code">
        {code.split("-").map((half, index) => (
          <span class="cells__half" key={index}>
            {half.split("").map((letter, place) => (
              <span class="cell" key={place}>
                {letter}
              </span>
            ))}
          </span>
        ))}
      </span>
    </p>
  );
}

type Copied = "no" | "yes" | "failed";

function CopyButton({ code, texts }: ViewProps & { code: string }) {
  const [copied, setCopied] = useState<Copied>("no");
  useEffect(() => setCopied("no"), [code]);
  const label = { no: texts.code.copy, yes: texts.code.copied, failed: texts.code.copyFailed }[
    copied
  ];
  // WhatsApp's field takes the eight characters alone.
  const plain = code.replace(/-/g, "");
  return (
    <button
      class="button"
      type="button"
      aria-live="polite"
      onClick={() => copyText(plain).then((done) => setCopied(done ? "yes" : "failed"))}
    >
      {label}
    </button>
  );
}
