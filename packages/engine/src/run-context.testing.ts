// What operations are given in tests on real folders: this host, no heartbeat thread, a clock that can be set.

import { Progress } from '@tintype/core';
import type { EngineEvent } from './events.js';
import { hostContext } from './host-context.js';
import type { RunContext } from './operation.js';

/** `now`: seconds since 1970. */
export function testContext(now = Date.now() / 1000, events: EngineEvent[] = []): RunContext {
  const host = hostContext();
  return {
    ...host,
    holder: { ...host.holder, heartbeat: 0 },
    progress: new Progress(),
    emit: (event) => events.push(event),
    told: new Set(),
    now: () => now,
  };
}
