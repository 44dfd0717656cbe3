// The whole page for one state.

import { useEffect, useRef } from "preact/hooks";
import { activationAnnouncement, announcementOf } from "../announce";
import type { Dispatch } from "../page";
import { bannerOf, type Screen, screenOf } from "../screen";
import type { State } from "../state";
import type { Texts } from "../texts.ru";
import { BannerView } from "./banner";
import { LinkForm } from "./link-form";
import {
  Connected,
  Frozen,
  Linking,
  Loading,
  NoEntry,
  Reconnecting,
  Refused,
  Stopped,
} from "./outcomes";
import { Remarks } from "./remarks";
import { Steps } from "./steps";

export interface ViewProps {
  readonly state: State;
  readonly texts: Texts;
  readonly dispatch: Dispatch;
}

export function App(props: ViewProps) {
  const { state, texts } = props;
  const screen = screenOf(state);
  const banner = bannerOf(state);
  const card = useRef<HTMLDivElement>(null);
  useFocusOnChange(card, screen.kind);
  return (
    <div class="page">
      <header class="top">
        <span class="mark" aria-hidden="true" />
        {texts.page.brand}
      </header>
      <main class="main">
        <div class="intro">
          <h1>{texts.page.title}</h1>
          {state.title !== null && <p class="salon">{state.title}</p>}
          {screen.kind === "form" && <p class="lead">{texts.page.lead}</p>}
        </div>
        {banner !== null && <BannerView banner={banner} {...props} />}
        {screen.kind !== "no-entry" && <Remarks {...props} />}
        <div class={withSteps(screen) ? "layout" : "layout layout--single"}>
          <div class="card" ref={card} data-screen={screen.kind}>
            <ScreenView screen={screen} {...props} />
          </div>
          {withSteps(screen) && <Steps tab={state.tab} texts={texts} />}
        </div>
      </main>
      <footer class="footer">{texts.page.footer}</footer>
      <div class="visually-hidden" role="status">
        {announcementOf(state, texts)}
      </div>
      <div class="visually-hidden" role="status">
        {activationAnnouncement(state, texts)}
      </div>
    </div>
  );
}

function withSteps({ kind }: Screen): boolean {
  return kind === "form" || kind === "loading";
}

function ScreenView({ screen, ...props }: ViewProps & { readonly screen: Screen }) {
  switch (screen.kind) {
    case "loading":
      return <Loading {...props} />;
    case "form":
      return <LinkForm {...props} />;
    case "linking":
      return <Linking session={screen.session} {...props} />;
    case "connected":
      return <Connected session={screen.session} {...props} />;
    case "reconnecting":
      return <Reconnecting session={screen.session} {...props} />;
    case "frozen":
      return <Frozen session={screen.session} {...props} />;
    case "stopped":
      return <Stopped session={screen.session} status={screen.status} {...props} />;
    case "refused":
      return <Refused refusal={screen.refusal} retryAt={screen.retryAt} {...props} />;
    case "no-entry":
      return <NoEntry refusal={screen.refusal} {...props} />;
  }
}

/** A new screen takes the focus to its heading, but the first one leaves it where it is. */
function useFocusOnChange(card: { readonly current: HTMLElement | null }, kind: string): void {
  const shown = useRef(kind);
  useEffect(() => {
    if (shown.current === kind) return;
    const first = shown.current === "loading";
    shown.current = kind;
    if (!first) card.current?.querySelector<HTMLElement>("[data-focus]")?.focus();
  }, [card, kind]);
}
