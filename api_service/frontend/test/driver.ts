// Runs the reducer the way the page does, on a clock that the test moves.

import { type Effect, effectsBetween } from "../src/effects";
import { decode } from "../src/protocol";
import { reduce } from "../src/reducer";
import { nextWakeAt } from "../src/schedule";
import { type Action, initialState, type Start, type State } from "../src/state";

export const QR_IMAGE = "data:image/svg+xml;base64,AA==";
export const PHONE = "79990000001";
const START_AT = 1_764_936_000_000;
const MAX_WAKES = 10_000;

export class Driver {
  state: State;
  readonly effects: Effect[] = [];
  at = START_AT;
  /** How far the server's clock is ahead of the device's. */
  serverAhead = 0;
  wakes = 0;

  constructor(start: Partial<Start> = {}) {
    this.state = initialState({
      at: START_AT,
      token: "a.b.c",
      title: null,
      tokenEndsAt: null,
      tab: "qr",
      phoneInput: "",
      visible: true,
      ...start,
    });
  }

  /** A page whose connection has told the given status. */
  static online(status: string, start: Partial<Start> = {}, fields: object = {}): Driver {
    const driver = new Driver(start);
    driver.act({ type: "link-opened" });
    driver.say("status", { status, ...fields });
    return driver;
  }

  act(action: Action): this {
    const before = this.state;
    this.state = reduce(before, { ...action, at: this.at });
    this.effects.push(...effectsBetween(before, this.state));
    return this;
  }

  say(event: string, payload: object): this {
    const message = decode(event, { serverTime: this.at + this.serverAhead, ...payload });
    if (message === null) throw new Error(`not a message: ${event}`);
    return this.act({ type: "server-said", message });
  }

  qr(text: string, expiresIn = 20): this {
    return this.say("qr-update", {
      qr: text,
      image: QR_IMAGE,
      expiresIn,
      expiresAt: this.ends(expiresIn),
    });
  }

  code(code = "ABCD-1234", expiresIn = 50, phoneNumber = PHONE): this {
    return this.say("pairing-code", {
      code,
      phoneNumber,
      expiresIn,
      expiresAt: this.ends(expiresIn),
    });
  }

  type(text: string): this {
    return this.act({ type: "phone-typed", text });
  }

  askCode(text = "+7 999 000-00-01"): this {
    return this.type(text).act({ type: "code-asked" });
  }

  /** Lets time pass as the page's timer would: from wake to wake. */
  wait(ms: number): this {
    const end = this.at + ms;
    for (
      let wake = nextWakeAt(this.state);
      wake !== null && wake <= end;
      wake = nextWakeAt(this.state)
    ) {
      if (wake <= this.at) throw new Error("a wake that lies in the past");
      if (++this.wakes > MAX_WAKES) throw new Error("the timer never rests");
      this.at = wake;
      this.act({ type: "time-passed" });
    }
    this.at = end;
    return this;
  }

  /** The device slept: no timer ran, then the overdue one does. */
  sleep(ms: number): this {
    this.at += ms;
    return this.act({ type: "time-passed" });
  }

  count(kind: Effect["kind"]): number {
    return this.effects.filter((effect) => effect.kind === kind).length;
  }

  private ends(expiresIn: number): number {
    return this.at + this.serverAhead + expiresIn * 1000;
  }
}
