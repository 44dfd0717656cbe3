// The screens without a form: before, after and instead of linking.

import { formatCountdown, formatMoment } from "../clock";
import { SLOW_AFTER_MS, STUCK_AFTER_MS } from "../limits";
import { formatPhone, formatPhoneMasked } from "../phone";
import { type StoppedStatus, unexpectedPhone } from "../screen";
import type { Problem, Session } from "../state";
import { problemWords } from "../words";
import { ActivationView } from "./activation";
import type { ViewProps } from "./app";
import { Check, Link, Pause, Warning } from "./icons";
import { Wait } from "./notice";
import { UnlinkButton } from "./unlink";

type SessionProps = ViewProps & { readonly session: Session };

function Title({ children }: { readonly children: string }) {
  return (
    <h2 class="outcome__title" tabIndex={-1} data-focus>
      {children.replace(/\.$/, "")}
    </h2>
  );
}

export function Loading({ state, texts }: ViewProps) {
  return (
    <div class="loading">
      <div class="skeleton skeleton--tabs" />
      <div class="skeleton skeleton--block" />
      <Wait
        sinceMs={state.now - state.startedAt}
        progress={texts.loading.progress}
        slow={texts.loading.slow}
      />
    </div>
  );
}

export function Linking({ session, ...props }: SessionProps) {
  const { state, texts } = props;
  const waited = state.now - session.since;
  return (
    <div class="outcome">
      <div class="outcome__busy">
        <Link />
      </div>
      <Title>{session.message ?? texts.linking.title}</Title>
      <p>{session.nextStep ?? texts.linking.text}</p>
      {waited >= SLOW_AFTER_MS && <p class="outcome__more">{texts.linking.slow}</p>}
      {waited >= STUCK_AFTER_MS && (
        <>
          <p>{texts.linking.stuck}</p>
          <UnlinkButton action={texts.linking.again} question={texts.unlink.again} {...props} />
        </>
      )}
    </div>
  );
}

export function Connected({ session, ...props }: SessionProps) {
  const { state, texts } = props;
  const linked = unexpectedPhone(state);
  return (
    <div class="outcome">
      <Check />
      <Title>{texts.connected.title}</Title>
      <p>{texts.connected.text}</p>
      {session.phone !== null && (
        <p class="outcome__phone">{texts.connected.phone(formatPhoneMasked(session.phone))}</p>
      )}
      <ActivationView {...props} />
      {linked !== null && <UnexpectedPhone linked={linked} {...props} />}
      <div class="next">
        <h3>{texts.connected.nextTitle}</h3>
        <ul>
          {texts.connected.next.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
        <p>{texts.connected.close}</p>
      </div>
      {linked === null && (
        <UnlinkButton action={texts.unlink.action} question={texts.unlink} {...props} />
      )}
    </div>
  );
}

function UnexpectedPhone({ linked, ...props }: ViewProps & { linked: string }) {
  const { state, texts } = props;
  return (
    <>
      <div class="notice notice--warn" role="alert">
        <p class="notice__title">
          {texts.connected.unexpected(unbroken(linked), unbroken(state.requestedPhone ?? ""))}
        </p>
        <p>{texts.connected.unexpectedHint}</p>
      </div>
      <UnlinkButton
        action={texts.connected.unexpectedAction}
        question={texts.unlink}
        prominent
        {...props}
      />
    </>
  );
}

/** A telephone number that no line break tears apart. */
function unbroken(phone: string): string {
  return formatPhone(phone).replace(/ /g, "\u00a0").replace(/-/g, "\u2060-\u2060");
}

export function Reconnecting({ session, ...props }: SessionProps) {
  const { state, texts } = props;
  return (
    <div class="outcome">
      <div class="outcome__busy">
        <Link />
      </div>
      <Title>{texts.reconnecting.title}</Title>
      <p>{session.message ?? texts.reconnecting.text}</p>
      {session.nextStep !== null && <p>{session.nextStep}</p>}
      <NextTry session={session} {...props} />
      {state.now - session.since >= STUCK_AFTER_MS && (
        <p class="outcome__more">{texts.reconnecting.stuck}</p>
      )}
      <ActivationView {...props} />
      <UnlinkButton action={texts.unlink.action} question={texts.unlink} {...props} />
    </div>
  );
}

/** There is nothing to do here but to know: paying is done in YClients. */
export function Frozen({ session, ...props }: SessionProps) {
  const { frozen, connected, unlink } = props.texts;
  return (
    <div class="outcome">
      <Pause />
      <Title>{frozen.title}</Title>
      <p>{session.message ?? frozen.message}</p>
      <p>{session.nextStep ?? frozen.nextStep}</p>
      {session.phone !== null && (
        <>
          <p class="outcome__phone">{connected.phone(formatPhoneMasked(session.phone))}</p>
          <p class="outcome__more">{frozen.linked}</p>
        </>
      )}
      <p class="outcome__more">{frozen.close}</p>
      {session.phone !== null && (
        <UnlinkButton action={unlink.action} question={unlink} {...props} />
      )}
    </div>
  );
}

/** When the server tries again without anybody's doing. */
function NextTry({ session, state, texts }: SessionProps) {
  const { retryAt } = session;
  if (retryAt === null) return null;
  const here = retryAt - (state.clockOffset ?? 0);
  return <p class="outcome__more">{texts.nextTry(formatMoment(here, state.now))}</p>;
}

export function Stopped({ session, status, ...props }: SessionProps & { status: StoppedStatus }) {
  const { texts, dispatch } = props;
  const own = texts.stopped[status];
  const reason = session.reason === null ? undefined : texts.reasons[session.reason];
  const title = session.reason === "unlinked" ? texts.page.unlinked : own.title;
  return (
    <div class="outcome">
      <Warning />
      <Title>{title}</Title>
      <p>{session.message ?? reason ?? own.message}</p>
      <p>{session.nextStep ?? own.nextStep}</p>
      <NextTry session={session} {...props} />
      {session.reason !== "uninstalled" && (
        <button class="button" type="button" onClick={() => dispatch({ type: "relink-asked" })}>
          {own.action}
        </button>
      )}
    </div>
  );
}

export function Refused({
  refusal,
  retryAt,
  state,
  texts,
  dispatch,
}: ViewProps & { refusal: Problem; retryAt: number | null }) {
  const { message, nextStep } = problemWords(refusal, texts);
  const left = retryAt === null ? 0 : retryAt - state.now;
  return (
    <div class="outcome">
      <Warning />
      <div role="alert" class="outcome__words">
        <Title>{message}</Title>
        {nextStep !== null && <p>{nextStep}</p>}
      </div>
      {left > 0 && <p class="outcome__more">{texts.banner.retryIn(formatCountdown(left))}</p>}
      <button class="button" type="button" onClick={() => dispatch({ type: "reconnect-asked" })}>
        {texts.banner.retry}
      </button>
    </div>
  );
}

export function NoEntry({ refusal, texts }: ViewProps & { refusal: Problem }) {
  const { message, nextStep } = problemWords(refusal, texts);
  return (
    <div class="outcome" data-code={refusal.code}>
      <Warning />
      <div role="alert" class="outcome__words">
        <Title>{message}</Title>
        {nextStep !== null && <p>{nextStep}</p>}
      </div>
    </div>
  );
}
