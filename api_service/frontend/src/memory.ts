// What survives a reload: phones drop a tab while its owner is in WhatsApp. The server remembers the
// rest. Storage may be forbidden, as in a frame: then nothing is remembered.

import type { State, Tab } from "./state";

const KEY = "onboarding";

export interface Memory {
  readonly tab: Tab | null;
  readonly phoneInput: string;
}

const NOTHING: Memory = { tab: null, phoneInput: "" };

export function recall(token: string): Memory {
  try {
    const saved: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (typeof saved !== "object" || saved === null) return NOTHING;
    const { owner, tab, phoneInput } = saved as Record<string, unknown>;
    if (owner !== ownerOf(token)) return NOTHING;
    return {
      tab: tab === "qr" || tab === "code" ? tab : null,
      phoneInput: typeof phoneInput === "string" ? phoneInput : "",
    };
  } catch {
    return NOTHING;
  }
}

export function remember(token: string, { tab, phoneInput }: State): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ owner: ownerOf(token), tab, phoneInput }));
  } catch {
    // Full or forbidden: the page works without.
  }
}

/** The end of the signature tells two tokens apart and is of no use to anyone. */
function ownerOf(token: string): string {
  return token.slice(-12);
}
