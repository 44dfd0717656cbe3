// Start of the onboarding page: puts the parts together.

import { render } from "preact";
import { type Connection, createConnection } from "./connection";
import type { Effect } from "./effects";
import { recall, remember } from "./memory";
import { Page } from "./page";
import type { State, Tab } from "./state";
import { texts } from "./texts.ru";
import { salonTitle } from "./token";
import { App } from "./view/app";

const SMALL_TOUCH_SCREEN = "(max-width: 639px) and (pointer: coarse)";

function main(root: HTMLElement): void {
  const token = new URLSearchParams(location.search).get("token") || null;
  const memory = recall(token ?? "");
  const page = new Page(
    {
      at: Date.now(),
      token,
      title: token === null ? null : salonTitle(token),
      tab: memory.tab ?? leadingTab(),
      phoneInput: memory.phoneInput,
      visible: isVisible(),
    },
    { now: Date.now, perform, changed },
  );
  const connection = token === null ? null : createConnection(token, page.dispatch);

  function perform(effect: Effect): void {
    if (connection !== null) performOn(connection, effect);
  }

  function changed(state: State): void {
    render(<App state={state} texts={texts} dispatch={page.dispatch} />, root);
    if (token !== null) remember(token, state);
  }

  document.addEventListener("visibilitychange", () =>
    page.dispatch({ type: "visibility-changed", visible: isVisible() }),
  );
  window.addEventListener("online", () => page.dispatch({ type: "network-returned" }));
  root.replaceChildren();
  page.start();
}

function performOn(connection: Connection, effect: Effect): void {
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
    case "ask-code":
      connection.send("request-pairing-code", { phoneNumber: effect.phone });
      break;
  }
}

/** Who opens the page on a phone holds the very phone that would have to scan it. */
function leadingTab(): Tab {
  return matchMedia(SMALL_TOUCH_SCREEN).matches ? "code" : "qr";
}

function isVisible(): boolean {
  return document.visibilityState !== "hidden";
}

const root = document.getElementById("app");
if (root !== null) main(root);
