import { STUCK_AFTER_MS } from "../limits";
import { qrViewOf } from "../screen";
import type { Qr, State } from "../state";
import type { ViewProps } from "./app";
import { CountdownBar } from "./countdown";
import { Spinner } from "./icons";
import { ProblemNotice, QueuePlace, Wait } from "./notice";

export function QrPanel(props: ViewProps) {
  const { state, texts, dispatch } = props;
  const view = qrViewOf(state);
  switch (view.kind) {
    case "live":
    case "stale":
      return state.qr === null ? null : (
        <QrPicture qr={state.qr} stale={view.kind === "stale"} {...props} />
      );
    case "waiting":
      return (
        <div class="qr">
          <div class="qr__frame qr__frame--empty skeleton">
            <QueuePlace state={state} texts={texts} />
            {state.session?.queuePosition == null && (
              <Wait
                sinceMs={view.sinceMs}
                progress={progressOf(state) ?? texts.qr.progress}
                slow={texts.qr.slow}
              />
            )}
            {view.sinceMs >= STUCK_AFTER_MS && state.qrRequest === null && (
              <button class="button" type="button" onClick={() => dispatch({ type: "qr-asked" })}>
                {texts.qr.retry}
              </button>
            )}
          </div>
        </div>
      );
    case "ask":
      return <QrAsk {...props} />;
  }
}

function progressOf({ session }: State): string | null {
  return session?.status === "connecting" ? session.message : null;
}

function QrPicture({ qr, stale, state, texts, dispatch }: ViewProps & { qr: Qr; stale: boolean }) {
  return (
    <div class="qr">
      <div class={stale ? "qr__frame qr__frame--stale" : "qr__frame"}>
        <img
          key={qr.text}
          class="qr__image"
          src={qr.image}
          alt={texts.qr.alt}
          width="264"
          height="264"
        />
        {stale && (
          <p class="qr__cover">
            <Spinner />
            {texts.qr.refreshing}
          </p>
        )}
      </div>
      <div class="qr__below">
        <CountdownBar of={qr} state={state} label={texts.qr.left} />
        <p class="other other--phone">
          {texts.qr.other}{" "}
          <button
            class="link"
            type="button"
            onClick={() => dispatch({ type: "tab-chosen", tab: "code" })}
          >
            {texts.qr.otherAction}
          </button>
        </p>
      </div>
    </div>
  );
}

function QrAsk({ state, texts, dispatch }: ViewProps) {
  const problem = state.problems.qr;
  return (
    <div class="ask">
      {problem === null ? (
        <div class="ask__text">
          <p class="ask__title">{texts.qr.expired}</p>
          <p>{texts.qr.expiredHint}</p>
        </div>
      ) : (
        <ProblemNotice problem={problem} state={state} texts={texts} retryIn={texts.qr.retryIn} />
      )}
      <button class="button" type="button" onClick={() => dispatch({ type: "qr-asked" })}>
        {problem === null ? texts.qr.ask : texts.qr.retry}
      </button>
    </div>
  );
}
