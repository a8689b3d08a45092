// Runs one long operation: events to the terminal or as JSON lines, signals to the operation, an exit status out.

import { errorFromJson, showCount, type TintypeError } from '@tintype/core';
import {
  type EngineEvent,
  type OperationName,
  type Operations,
  type Problem,
  type Run,
  run,
  type SummaryEvent,
} from '@tintype/engine/run';
import { leaveSignals } from './early-signals.js';
import { EXIT, exitStatusOf } from './exit-status.js';
import { errorText, failureEvents } from './output/errors.js';
import { jsonText } from './output/json-text.js';
import { printable } from './output/printable.js';
import { ProgressLine } from './output/progress-line.js';
import { type Io, lineUnlessLost, lostOutput, note } from './terminal.js';

export interface Presentation {
  /** One line on standard output for a result, such as a finding. */
  readonly result?: (value: unknown) => string;
  /** Closing lines for people. */
  readonly summary?: (summary: SummaryEvent) => string;
  /** Asked when the operation failed: true if that is put right and it will be run again, so nothing is told. */
  readonly isRetried?: (error: TintypeError) => Promise<boolean>;
  /** True if the summary stands for exit status 3. */
  readonly hasProblems?: (summary: SummaryEvent) => boolean;
}

/** Problems shown one by one; the rest is counted. */
const PROBLEMS_SHOWN = 100;

export async function runOperation<N extends OperationName>(
  name: N,
  options: Operations[N],
  io: Io,
  show: Presentation,
): Promise<number> {
  const operation = run(name, options);
  const progress = io.isTerminal && !io.json ? new ProgressLine(operation) : null;
  const release = handleSignals(operation);
  const sampler = io.json ? sample(operation) : null;
  progress?.start();
  let status: number = EXIT.failed;
  try {
    for await (const event of operation.events) {
      if (event.type === 'phase') progress?.phase(event.name);
      else if (event.type !== 'progress') progress?.stop();
      // Nothing comes behind the summary, not even while the worker ends.
      if (sampler && (event.type === 'summary' || event.type === 'error')) clearInterval(sampler);
      if (event.type === 'error' && (await show.isRetried?.(errorFromJson(event.error)))) continue;
      const ended = tell(event, io, show);
      if (ended !== null) status = ended;
      else if (event.type !== 'phase') progress?.start();
    }
  } finally {
    progress?.stop();
    if (sampler) clearInterval(sampler);
    release();
  }
  const unwritten = lostOutput();
  if (unwritten) {
    note(errorText(unwritten, io.call));
    status = status === EXIT.done ? EXIT.failed : status;
  }
  // The host's own exit would wait for the call that does not return.
  if (operation.isStuck) (await import('@tintype/engine')).exitNow(status);
  return status;
}

/** Shows one event; an exit status if it was the last one. */
function tell(event: EngineEvent, io: Io, show: Presentation): number | null {
  if (io.json && event.type !== 'error') lineUnlessLost(jsonText(jsonEvent(event)));
  switch (event.type) {
    case 'phase':
      if (io.verbose && !io.json && !io.isTerminal) note(`tintype: ${event.name}`);
      return null;
    case 'warning':
      if (!io.quiet && !io.json) note(`tintype: ${printable(event.message)}`);
      return null;
    case 'result':
      if (!io.json && show.result) lineUnlessLost(show.result(event.value));
      return null;
    case 'error': {
      const error = errorFromJson(event.error);
      if (io.json) for (const last of failureEvents(error)) lineUnlessLost(jsonText(last));
      note(errorText(error, io.call));
      return exitStatusOf(error);
    }
    case 'summary':
      if (!io.json) tellSummary(event, io, show);
      return statusOf(event, show);
    default:
      return null;
  }
}

/** Results carry their fields at the top, beside `type`. */
function jsonEvent(event: EngineEvent): unknown {
  return event.type === 'result' ? { type: 'result', ...(event.value as object) } : event;
}

function tellSummary(summary: SummaryEvent, io: Io, show: Presentation): void {
  tellProblems(summary.problems);
  if (summary.interrupted) note('tintype: interrupted; what was done until then stays');
  // Where nothing is listed one by one, it is what a dry run results in.
  if (summary.dryRun === true && show.summary && !show.result) lineUnlessLost(show.summary(summary));
  else if (!io.quiet && show.summary) note(show.summary(summary));
}

function tellProblems(problems: readonly Problem[]): void {
  for (const { path, message } of problems.slice(0, PROBLEMS_SHOWN))
    note(`tintype: ${printable(path)}: ${printable(message)}`);
  if (problems.length > PROBLEMS_SHOWN)
    note(`tintype: and ${showCount(problems.length - PROBLEMS_SHOWN, 'more problem')}`);
}

function statusOf(summary: SummaryEvent, show: Presentation): number {
  if (summary.interrupted) return EXIT.interrupted;
  return summary.problems.length > 0 || show.hasProblems?.(summary) ? EXIT.problems : EXIT.done;
}

/** The first signal asks the operation to commit and stop, the second ends the process at once. */
function handleSignals(operation: Run): () => void {
  let signals = 0;
  let exit: (status: number) => void = process.exit;
  const handle = () => {
    signals += 1;
    if (signals > 1) exit(EXIT.interrupted);
    operation.cancel();
    // The host's own exit does not wait for a worker that is inside a system call.
    void import('@tintype/engine').then(({ exitNow }) => {
      exit = exitNow;
    });
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  leaveSignals();
  return () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
}

/** Counters as events, once a second. */
function sample({ progress }: Run): NodeJS.Timeout {
  return setInterval(() => {
    const [bytes, items, totalBytes, totalItems] = (['bytes', 'items', 'totalBytes', 'totalItems'] as const).map(
      (name) => progress.get(name),
    );
    const waiting = progress.waiting ? { waiting: true } : {};
    lineUnlessLost(jsonText({ type: 'progress', bytes, items, totalBytes, totalItems, ...waiting }));
  }, 1000);
}
