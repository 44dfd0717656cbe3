// What a screen reader is told. A text that stays the same is not told again: no countdowns here.

import { activationShown } from "./activation";
import { remainingMs } from "./clock";
import { CODE_ENDS_SOON_MS } from "./limits";
import { bannerOf, codeViewOf, qrViewOf, screenOf } from "./screen";
import type { State } from "./state";
import type { Texts } from "./texts.ru";
import { activationWords, problemWords } from "./words";

export function announcementOf(state: State, texts: Texts): string {
  const banner = bannerOf(state);
  if (banner?.kind === "waiting") return problemWords(banner.refusal, texts).message;
  if (banner !== null) return texts.banner[banner.kind];
  if (state.unlink?.request != null) return texts.unlink.progress;
  const screen = screenOf(state);
  switch (screen.kind) {
    case "loading":
      return texts.loading.progress;
    case "linking":
      return screen.session.message ?? texts.linking.title;
    case "connected":
      return `${texts.connected.title}. ${texts.connected.text}`;
    case "reconnecting":
      return screen.session.message ?? texts.reconnecting.title;
    case "form":
      return formAnnouncement(state, texts);
    default:
      // These screens take the focus, or are alerts: they speak for themselves.
      return "";
  }
}

/** In a place of its own, so that what was said of WhatsApp is not said again. */
export function activationAnnouncement(state: State, texts: Texts): string {
  const activation = activationShown(state);
  if (activation === null) return "";
  const { message, nextStep } = activationWords(activation, texts);
  return nextStep === null ? message : `${message.replace(/\.$/, "")}. ${nextStep}`;
}

function formAnnouncement(state: State, texts: Texts): string {
  const place = state.session?.queuePosition ?? null;
  if (place !== null) return texts.queue.place(place);
  return state.tab === "code" ? codeAnnouncement(state, texts) : qrAnnouncement(state, texts);
}

function codeAnnouncement(state: State, texts: Texts): string {
  if (state.codeRequest !== null) return texts.code.waiting;
  const view = codeViewOf(state);
  if (view.kind === "form") return "";
  if (view.code.isVoid) return texts.code.voided;
  if (view.expired) return texts.code.expired;
  if (state.unsure) return texts.code.unsure;
  const left = remainingMs(view.code, state.clockOffset, state.now);
  return left <= CODE_ENDS_SOON_MS
    ? texts.announce.codeEndsSoon
    : texts.announce.code(spelled(view.code.text));
}

function qrAnnouncement(state: State, texts: Texts): string {
  switch (qrViewOf(state).kind) {
    case "live":
      return texts.announce.qr;
    case "stale":
      return state.unsure ? texts.qr.refreshing : texts.announce.qr;
    case "waiting":
      return texts.qr.progress;
    case "ask":
      return state.problems.qr === null ? texts.qr.expired : "";
  }
}

/** Letter by letter, or a screen reader makes a word of it. */
export function spelled(code: string): string {
  return code.replace(/-/g, ",").split("").join(" ");
}
