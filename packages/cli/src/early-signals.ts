// Signals before an operation takes them: nothing was begun, so nothing is to be committed, and the command ends at once.

import { EXIT } from './exit-status.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

const end = () => process.exit(EXIT.interrupted);

/** From now on a signal ends the command, with the exit status of an interrupted one. */
export function endAtSignals(): void {
  for (const signal of SIGNALS) process.on(signal, end);
}

/** They are somebody else's, or the host's: work on the main thread could not be ended by a handler. */
export function leaveSignals(): void {
  for (const signal of SIGNALS) process.off(signal, end);
}
