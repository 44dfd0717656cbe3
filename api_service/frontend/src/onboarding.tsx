// Start of the onboarding page: puts the parts together.

import { render } from "preact";
import { type Connection, createConnection } from "./connection";
import { leadingTab } from "./device";
import type { Effect } from "./effects";
import { recall, remember } from "./memory";
import { newerPageExists } from "./newer-page";
import { Page } from "./page";
import type { State } from "./state";
import { watchTabs } from "./tabs";
import { texts } from "./texts.ru";
import { readToken } from "./token";
import { App } from "./view/app";

function main(root: HTMLElement): void {
  const token = new URLSearchParams(location.search).get("token") || null;
  const memory = recall(token ?? "");
  const { title, endsAt, salon } = readToken(token ?? "");
  const page = new Page(
    {
      at: Date.now(),
      token,
      title,
      tokenEndsAt: endsAt,
      tab: memory.tab ?? leadingTab(),
      phoneInput: memory.phoneInput,
      visible: isVisible(),
    },
    { now: Date.now, perform, changed },
  );
  const connection = token === null ? null : createConnection(token, page.dispatch, reconnected);
  const tabs = watchTabs(salon ?? "", (count) =>
    page.dispatch({ type: "other-tabs-counted", count }),
  );

  function perform(effect: Effect): void {
    if (effect.kind === "reload") location.reload();
    else if (connection !== null) performOn(connection, effect);
  }

  /** A deployment ends every connection: a new one is the moment to look for a newer page. */
  async function reconnected(): Promise<void> {
    if (await newerPageExists()) page.dispatch({ type: "newer-page-found" });
  }

  function changed(state: State): void {
    render(<App state={state} texts={texts} dispatch={page.dispatch} />, root);
    if (token !== null) remember(token, state);
  }

  document.addEventListener("visibilitychange", () => {
    page.dispatch({ type: "visibility-changed", visible: isVisible() });
    if (isVisible()) tabs.count();
  });
  window.addEventListener("pagehide", () => tabs.leave());
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    page.dispatch({ type: "page-restored" });
    tabs.count();
  });
  window.addEventListener("online", () => page.dispatch({ type: "network-returned" }));
  root.replaceChildren();
  page.start();
  tabs.count();
}

function performOn(connection: Connection, effect: Exclude<Effect, { kind: "reload" }>): void {
  switch (effect.kind) {
    case "connect":
      connection.connect();
      break;
    case "disconnect":
      connection.disconnect();
      break;
    case "ask-qr":
      connection.send("request-qr");
      break;
    case "unlink":
      connection.send("unlink");
      break;
    case "ask-code":
      connection.send("request-pairing-code", { phoneNumber: effect.phone });
      break;
  }
}

function isVisible(): boolean {
  return document.visibilityState !== "hidden";
}

const root = document.getElementById("app");
if (root !== null) main(root);
