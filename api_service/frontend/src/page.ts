// Holds the state, runs the effects and owns the only timer.

import { type Effect, effectsBetween } from "./effects";
import { reduce } from "./reducer";
import { nextWakeAt } from "./schedule";
import { type Action, initialState, type Start, type State } from "./state";

export type Dispatch = (action: Action) => void;

export interface World {
  now(): number;
  perform(effect: Effect): void;
  changed(state: State): void;
}

export class Page {
  #state: State;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #queue: Action[] = [];
  #busy = false;

  constructor(
    start: Start,
    private readonly world: World,
  ) {
    this.#state = initialState(start);
  }

  get state(): State {
    return this.#state;
  }

  start(): void {
    if (this.#state.connects > 0) this.world.perform({ kind: "connect" });
    this.world.changed(this.#state);
    this.#schedule();
  }

  /** Actions that an effect causes wait until the one before is done. */
  readonly dispatch: Dispatch = (action) => {
    this.#queue.push(action);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#apply(next);
      }
    } finally {
      this.#busy = false;
    }
    this.#schedule();
  };

  #apply(action: Action): void {
    const before = this.#state;
    this.#state = reduce(before, { ...action, at: this.world.now() });
    for (const effect of effectsBetween(before, this.#state)) this.world.perform(effect);
    this.world.changed(this.#state);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const wakeAt = nextWakeAt(this.#state);
    if (wakeAt === null) return;
    const delay = Math.max(0, wakeAt - this.world.now());
    this.#timer = setTimeout(() => this.dispatch({ type: "time-passed" }), delay);
  }
}
