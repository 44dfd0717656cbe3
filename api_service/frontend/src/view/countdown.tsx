import { type Countdown, formatCountdown, remainingMs } from "../clock";
import type { State } from "../state";

interface CountdownProps {
  readonly of: Countdown;
  readonly state: State;
  readonly label: (time: string) => string;
}

/** A bar that runs out, and the time left in words. Screen readers can read it, but are not told. */
export function CountdownBar({ of, state, label }: CountdownProps) {
  const left = remainingMs(of, state.clockOffset, state.now);
  // The bar glides for a second to where it will be then.
  const share = Math.min(1, Math.max(0, left - 1000) / of.totalMs);
  return (
    <div class="countdown">
      <div class="bar">
        <div class="bar__fill" style={{ transform: `scaleX(${share.toFixed(3)})` }} />
      </div>
      <p class="countdown__text">{left > 0 ? label(formatCountdown(left)) : "\u00a0"}</p>
    </div>
  );
}
