// Time on the server's clock, seen from a device whose own clock may be wrong.

/** Network delay makes a sample too small, never too large; beyond this the device's clock was moved. */
const CLOCK_MOVED_MS = 2000;

/**
 * Milliseconds to add to the device's clock to get the server's.
 *
 * The sample with the least delay is the largest one, so the largest is kept.
 */
export function clockOffset(
  known: number | null,
  serverTime: number | null,
  receivedAt: number,
): number | null {
  if (serverTime === null) return known;
  const sample = serverTime - receivedAt;
  if (known === null || Math.abs(sample - known) > CLOCK_MOVED_MS) return sample;
  return Math.max(known, sample);
}

/** Something with an end on the server's clock. */
export interface Countdown {
  readonly expiresAt: number;
  readonly totalMs: number;
}

export function remainingMs(countdown: Countdown, offset: number | null, at: number): number {
  return Math.max(0, countdown.expiresAt - (at + (offset ?? 0)));
}

export function hasExpired(countdown: Countdown, offset: number | null, at: number): boolean {
  return remainingMs(countdown, offset, at) === 0;
}

/** Whole seconds as a person counts them: 1 ms left is still one second. */
export function secondsLeft(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** The device-clock instant at which secondsLeft next changes; null when nothing is left. */
export function nextSecondAt(
  countdown: Countdown,
  offset: number | null,
  at: number,
): number | null {
  const left = remainingMs(countdown, offset, at);
  return left === 0 ? null : at + (left % 1000 || 1000);
}

/** 0:32, 2:05. */
/** An instant as a person here reads it: the time, and the day when it is not today. */
export function formatMoment(instant: number, now: number): string {
  const there = new Date(instant);
  const today = there.toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat("ru", {
    hour: "2-digit",
    minute: "2-digit",
    ...(today ? {} : { day: "numeric", month: "long" }),
  }).format(there);
}

export function formatCountdown(ms: number): string {
  const seconds = secondsLeft(ms);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
