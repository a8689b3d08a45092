// How long a destination that went away is waited for.

/** Milliseconds, by default. */
export const DEFAULT_WAIT = 15 * 60_000;

/** For messages. */
export function waitText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds >= 120 && seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`;
}

export function waitingText(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? `waiting for it, up to ${waitText(milliseconds)}` : 'waiting for it';
}
