// What the world has to do because the state changed.

import type { Request, State } from "./state";

export type Effect =
  | { readonly kind: "connect" }
  | { readonly kind: "disconnect" }
  | { readonly kind: "reload" }
  | { readonly kind: "ask-qr" }
  | { readonly kind: "unlink" }
  | { readonly kind: "ask-code"; readonly phone: string };

export function effectsBetween(before: State, after: State): readonly Effect[] {
  const effects: Effect[] = [];
  if (isOver(after) && !isOver(before)) effects.push({ kind: "disconnect" });
  if (after.connects !== before.connects) effects.push({ kind: "connect" });
  if (after.reloads !== before.reloads) effects.push({ kind: "reload" });
  if (isToBeSent(before, after, before.qrRequest, after.qrRequest))
    effects.push({ kind: "ask-qr" });
  if (isToBeSent(before, after, before.unlink?.request, after.unlink?.request))
    effects.push({ kind: "unlink" });
  if (after.codeRequest !== null) {
    const { phone } = after.codeRequest;
    if (isToBeSent(before, after, before.codeRequest, after.codeRequest)) {
      effects.push({ kind: "ask-code", phone });
    }
  }
  return effects;
}

/** A request goes out once per connection, and only after that connection has told its state. */
function isToBeSent(
  before: State,
  after: State,
  old: Request | null | undefined,
  request: Request | null | undefined,
): boolean {
  if (request == null || !isReady(after)) return false;
  return !isReady(before) || old?.id !== request.id;
}

function isReady({ link, stateIsFresh }: State): boolean {
  return link.phase === "online" && stateIsFresh;
}

function isOver({ link }: State): boolean {
  return link.phase === "waiting" || link.phase === "closed";
}
