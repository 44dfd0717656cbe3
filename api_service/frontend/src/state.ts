// Everything the page knows. Instants are milliseconds of the device's clock unless said otherwise.

import type { Countdown } from "./clock";
import type { ActivationStatus, ServerMessage, Status, Words } from "./protocol";

export type Tab = "qr" | "code";

/** The way to our own server. */
export type Link =
  | { readonly phase: "opening"; readonly since: number }
  | { readonly phase: "online"; readonly since: number }
  /** The socket client is trying again by itself. */
  | { readonly phase: "lost"; readonly since: number }
  /** The server sent us away, or the tries ran out; a null retryAt waits for the person. */
  | { readonly phase: "waiting"; readonly refusal: Problem; readonly retryAt: number | null }
  /** The token is of no use any more: nothing is tried again. */
  | { readonly phase: "closed"; readonly refusal: Problem };

/** Something that went wrong. The server's words win; without them the texts know the code. */
export interface Problem extends Words {
  readonly code: string;
  /** When trying again makes sense, on the device's clock. */
  readonly retryAt: number | null;
  /** Whether the page tries again then, without being told to. */
  readonly byItself: boolean;
}

export interface Session extends Words {
  readonly status: Status;
  readonly reason: string | null;
  readonly phone: string | null;
  readonly queuePosition: number | null;
  /** When the server tries again by itself, on its clock. */
  readonly retryAt: number | null;
  readonly since: number;
}

/** Of the salon in YClients, as long as it is linked. */
export interface Activation extends Words {
  readonly status: ActivationStatus;
  readonly since: number;
}

export interface Qr extends Countdown {
  readonly text: string;
  readonly image: string;
}

export interface Code extends Countdown {
  readonly text: string;
  readonly phone: string;
  /** Cut short: WhatsApp was connected to anew and knows nothing of it. */
  readonly isVoid: boolean;
}

/** The wish to unlink: asked for confirmation, then of the server. */
export interface Unlink {
  /** Null while the person has not confirmed, and after a failure. */
  readonly request: Request | null;
  readonly problem: Problem | null;
  /** The number to fill in afterwards: the one that was meant, when another one linked. */
  readonly meantPhone: string | null;
}

/** Said above the form once a link was taken back. */
export interface Note {
  /** What the server adds, as that the phone may still list us. */
  readonly hint: string | null;
}

/** Something asked of the server that has not been answered yet. */
export interface Request {
  /** Two requests are the same one only when their numbers are. */
  readonly id: number;
  readonly startedAt: number;
  readonly deadline: number;
}

export interface CodeRequest extends Request {
  readonly phone: string;
}

export type Problems = { readonly [scope in Tab]: Problem | null };

/** How often each way was tried again without a person's doing since it last worked. */
export type Retries = { readonly [scope in Tab]: number };

export type PhoneError = "PHONE_REQUIRED" | "INVALID_PHONE_FORMAT";

export interface State {
  /** When the last event happened: what is drawn, is drawn for this instant. */
  readonly now: number;
  readonly startedAt: number;
  readonly visible: boolean;
  readonly hiddenSince: number | null;
  readonly title: string | null;
  /** When the server will refuse the token, on the server's clock. */
  readonly tokenEndsAt: number | null;
  readonly clockOffset: number | null;
  /** Tabs of the same salon in this browser, this one left out. */
  readonly otherTabs: number;
  /** The server has a newer page than this one. */
  readonly outdatedPage: boolean;
  /** Raised to make the browser load the page again. */
  readonly reloads: number;
  readonly tab: Tab;

  readonly link: Link;
  /** Raised to make the socket connect: at most once per number. */
  readonly connects: number;
  /** Tries after being sent away; back to 0 when a connection brings a state. */
  readonly refusals: number;
  /** The last error event of this connection: it says why a disconnect follows. */
  readonly lastError: Problem | null;

  readonly session: Session | null;
  /** Whether the present connection has told its state: before that nothing is asked for. */
  readonly stateIsFresh: boolean;
  /** The page slept: what it shows may be long over, until the server has spoken. */
  readonly unsure: boolean;
  readonly activation: Activation | null;
  /** The person wants to link again although the session ended. */
  readonly relinking: boolean;

  readonly qr: Qr | null;
  readonly qrRequest: Request | null;
  /** QR codes asked for without a person's doing since they last did something. */
  readonly autoQrs: number;

  readonly phoneInput: string;
  readonly phoneError: PhoneError | null;
  readonly codeRequest: CodeRequest | null;
  readonly code: Code | null;
  readonly editingPhone: boolean;
  readonly requestedPhone: string | null;

  readonly unlink: Unlink | null;
  /** Something short to say above the form. */
  readonly note: Note | null;

  readonly problems: Problems;
  readonly retries: Retries;
  readonly nextRequestId: number;
}

export type Action =
  | { readonly type: "link-opened" }
  | { readonly type: "link-lost" }
  /** The server closed the connection, or refused it, and the socket client will not try again. */
  | { readonly type: "link-refused"; readonly jitter: number }
  /** The socket client ran out of tries. */
  | { readonly type: "link-gave-up" }
  | { readonly type: "network-returned" }
  | { readonly type: "server-said"; readonly message: ServerMessage }
  | { readonly type: "tab-chosen"; readonly tab: Tab }
  | { readonly type: "phone-typed"; readonly text: string }
  /** The phone field lost the focus. */
  | { readonly type: "phone-left" }
  | { readonly type: "code-asked" }
  /** A new code for the same number. */
  | { readonly type: "code-renewed" }
  | { readonly type: "phone-edited" }
  | { readonly type: "code-reopened" }
  | { readonly type: "qr-asked" }
  | { readonly type: "relink-asked" }
  | { readonly type: "reconnect-asked" }
  | { readonly type: "unlink-offered" }
  | { readonly type: "unlink-dismissed" }
  | { readonly type: "unlink-confirmed" }
  | { readonly type: "reload-asked" }
  | { readonly type: "other-tabs-counted"; readonly count: number }
  | { readonly type: "newer-page-found" }
  /** The browser brought the page back out of its memory. */
  | { readonly type: "page-restored" }
  | { readonly type: "visibility-changed"; readonly visible: boolean }
  | { readonly type: "time-passed" };

/** Every action happens at an instant, so that the reducer needs no clock. */
export type Event = Action & { readonly at: number };

export interface Start {
  readonly at: number;
  readonly token: string | null;
  readonly title: string | null;
  readonly tokenEndsAt: number | null;
  readonly tab: Tab;
  readonly phoneInput: string;
  readonly visible: boolean;
}

export function initialState(start: Start): State {
  return {
    now: start.at,
    startedAt: start.at,
    visible: start.visible,
    hiddenSince: start.visible ? null : start.at,
    title: start.title,
    tokenEndsAt: start.tokenEndsAt,
    clockOffset: null,
    otherTabs: 0,
    outdatedPage: false,
    reloads: 0,
    tab: start.tab,
    link:
      start.token === null
        ? { phase: "closed", refusal: problem("TOKEN_MISSING") }
        : { phase: "opening", since: start.at },
    connects: start.token === null ? 0 : 1,
    refusals: 0,
    lastError: null,
    session: null,
    stateIsFresh: false,
    unsure: false,
    activation: null,
    relinking: false,
    qr: null,
    qrRequest: null,
    autoQrs: 0,
    phoneInput: start.phoneInput,
    phoneError: null,
    codeRequest: null,
    code: null,
    editingPhone: false,
    requestedPhone: null,
    unlink: null,
    note: null,
    problems: { qr: null, code: null },
    retries: { qr: 0, code: 0 },
    nextRequestId: 1,
  };
}

export function problem(
  code: string,
  words: Words = { message: null, nextStep: null },
  retryAt: number | null = null,
): Problem {
  return { code, message: words.message, nextStep: words.nextStep, retryAt, byItself: false };
}
