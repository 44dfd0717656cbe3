// Both ways of linking, as tabs.

import { useRef, useState } from "preact/hooks";
import { formatCountdown, remainingMs } from "../clock";
import { leadingTab } from "../device";
import { hiddenCodeOf } from "../screen";
import type { Tab } from "../state";
import type { ViewProps } from "./app";
import { CodePanel } from "./code-panel";
import { QrPanel } from "./qr-panel";

export function LinkForm(props: ViewProps) {
  const { state } = props;
  return (
    <>
      {state.note !== null && <NoteView {...props} />}
      <Tabs {...props} />
      <CodeChip {...props} />
      <div
        role="tabpanel"
        id="panel-qr"
        aria-labelledby="tab-qr"
        class="panel"
        hidden={state.tab !== "qr"}
      >
        {state.tab === "qr" && <QrPanel {...props} />}
      </div>
      <div
        role="tabpanel"
        id="panel-code"
        aria-labelledby="tab-code"
        class="panel"
        hidden={state.tab !== "code"}
      >
        {state.tab === "code" && <CodePanel {...props} />}
      </div>
    </>
  );
}

function NoteView({ state, texts }: ViewProps) {
  return (
    <div class="note" tabIndex={-1} data-focus>
      <p>
        <strong>{texts.page.unlinked}.</strong> {texts.page.unlinkedHint} {state.note?.hint}
      </p>
    </div>
  );
}

/** The way that leads on this device comes first. */
function tabsInOrder(): readonly Tab[] {
  return leadingTab() === "code" ? ["code", "qr"] : ["qr", "code"];
}

function Tabs({ state, texts, dispatch }: ViewProps) {
  const [tabs] = useState(tabsInOrder);
  const list = useRef<HTMLDivElement>(null);

  function choose(tab: Tab): void {
    dispatch({ type: "tab-chosen", tab });
    list.current?.querySelector<HTMLElement>(`#tab-${tab}`)?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const index = tabs.indexOf(state.tab);
    const wanted: Readonly<Record<string, number>> = {
      ArrowRight: index + 1,
      ArrowLeft: index - 1 + tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const tab = tabs[(wanted[event.key] ?? Number.NaN) % tabs.length];
    if (tab === undefined) return;
    event.preventDefault();
    choose(tab);
  }

  return (
    <div class="tabs" role="tablist" aria-label={texts.tabs.label} ref={list} onKeyDown={onKeyDown}>
      {tabs.map((tab) => (
        <button
          key={tab}
          id={`tab-${tab}`}
          class="tab"
          type="button"
          role="tab"
          aria-selected={state.tab === tab}
          aria-controls={`panel-${tab}`}
          tabIndex={state.tab === tab ? 0 : -1}
          onClick={() => choose(tab)}
        >
          {texts.tabs[tab]}
        </button>
      ))}
    </div>
  );
}

/** A running code that is out of sight stays in reach. */
function CodeChip({ state, texts, dispatch }: ViewProps) {
  const code = hiddenCodeOf(state);
  if (code === null) return null;
  const time = formatCountdown(remainingMs(code, state.clockOffset, state.now));
  return (
    <div class="chip">
      <span class="chip__text">{texts.code.chip(code.text, time)}</span>
      <button class="link" type="button" onClick={() => dispatch({ type: "code-reopened" })}>
        {texts.code.chipAction}
      </button>
    </div>
  );
}
