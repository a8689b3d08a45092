// Signals before an operation takes them: nothing was begun, so nothing is to be committed, and the command ends at once. It is
// the first thing that is loaded, and so imports nothing.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** As `EXIT.interrupted`. */
export const INTERRUPTED = 130;

const end = () => process.exit(INTERRUPTED);

/** From now on a signal ends the command, with the exit status of an interrupted one. */
export function endAtSignals(): void {
  for (const signal of SIGNALS) process.on(signal, end);
}

/** They are somebody else's, or the host's: work on the main thread could not be ended by a handler. */
export function leaveSignals(): void {
  for (const signal of SIGNALS) process.off(signal, end);
}
