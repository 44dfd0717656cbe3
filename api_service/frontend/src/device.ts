// What kind of screen the page is on.

import type { Tab } from "./state";

const SMALL_TOUCH_SCREEN = "(max-width: 639px) and (pointer: coarse)";

/** Who opens the page on a phone holds the very phone that would have to scan it. */
export function leadingTab(): Tab {
  return matchMedia(SMALL_TOUCH_SCREEN).matches ? "code" : "qr";
}
