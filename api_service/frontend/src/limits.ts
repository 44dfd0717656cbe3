// How long the page waits, in milliseconds, and how often it tries by itself.

/** A request without an answer is over after this. */
export const REQUEST_DEADLINE_MS = 20_000;
/** While the server reports a place in its queue, silence may last this long. */
export const QUEUE_DEADLINE_MS = 120_000;
/** A QR that ran out is replaced by the server; after this much silence the page asks. */
export const QR_GRACE_MS = 3_000;
export const MAX_AUTO_QRS = 5;
/** How long a QR is meant to be shown: the countdown's full length after a reload. */
export const QR_LIFETIME_MS = 20_000;
/** How long a code is meant to be shown. */
export const CODE_LIFETIME_MS = 50_000;
/** A connection that tells no state for this long is of no use. */
export const SILENCE_MS = 10_000;
/** A loss shorter than this heals unseen. */
export const LOSS_SHOWN_AFTER_MS = 1_500;
/** From here on a wait is shown as progress, and from there on as slow. */
export const PROGRESS_AFTER_MS = 1_000;
export const SLOW_AFTER_MS = 7_000;
/** Linking that takes longer than this is worth a word and a way out. */
export const STUCK_AFTER_MS = 40_000;
/** Tries after the server sent the page away, then only by hand. */
export const MAX_REFUSALS = 5;
export const REFUSAL_BACKOFF_MS = 3_000;
/** The server counts connections by the minute. */
export const TOO_MANY_CONNECTIONS_MS = 60_000;
/** The last seconds of a code are announced once. */
export const CODE_ENDS_SOON_MS = 15_000;
/** Within this time of connecting the server sends what is live; nothing is asked for meanwhile. */
export const SETTLES_MS = 1_000;
/** A timer this late means that the device slept. */
export const SLEPT_MS = 10_000;
/** Hidden for this long, a page asks the server anew before it shows anything as live. */
export const HIDDEN_LONG_MS = 30_000;
/** The end of the token is foretold this long before. */
export const TOKEN_ENDS_SOON_MS = 5 * 60_000;
/** A code that stops being live this close to its end has just run out. */
export const CODE_END_SLACK_MS = 3_000;
/** A connection that does not come about. */
export const OPENING_MS = 30_000;
