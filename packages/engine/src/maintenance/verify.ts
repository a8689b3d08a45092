// Verify: container, partition map, file system. What does not hold is a finding; nothing is changed.

import { type Finding, finding, TintypeError, WindowDevice } from '@tintype/core';
import { openImage, partitionMap } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import type { Operation } from '../operation.js';
import { drivers, probeVolumes } from '../stack.js';

export const verify: Operation<'verify'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'verify' });
  let count = 0;
  const tell = (value: Finding) => {
    count += 1;
    context.emit({ type: 'result', value });
  };
  const image = openImage(context.store, options.image, {
    writable: false,
    waitLock: 0,
    holder: context.holder,
    allowTimeMachine: true,
  });
  try {
    for (const value of image.verify()) tell(value);
    const map = partitionMap(image.device);
    for (const value of map.findings) tell(value);
    for (const partition of map.partitions) {
      const window = new WindowDevice(image.device, partition.start, partition.size);
      const driver = drivers.find((candidate) => holds(() => candidate.probe(window) !== null));
      if (!driver || options.level === 'quick') continue;
      const progress = (done: number, total: number) => {
        context.progress.set('items', done);
        context.progress.set('totalItems', total);
      };
      for (const value of driver.check(window, { progress })) tell(value);
    }
    if (probeCount(image.device, map) === 0)
      tell(finding('no-volume', 'disk', 'holds no volume that tintype can read'));
  } catch (error) {
    if (!(error instanceof TintypeError) || error.code !== 'corrupt') throw error;
    tell(finding('corrupt', String(error.values.structure ?? ''), error.message));
  } finally {
    image.close();
  }
  return { type: 'summary', image: options.image, findings: count, problems: [] };
};

function probeCount(...parts: Parameters<typeof probeVolumes>): number {
  try {
    return probeVolumes(...parts).length;
  } catch (error) {
    if (error instanceof TintypeError) return 1;
    throw error;
  }
}

/** A driver that throws because its structures are damaged still is the one to ask. */
function holds(probe: () => boolean): boolean {
  try {
    return probe();
  } catch (error) {
    if (error instanceof TintypeError) return true;
    throw error;
  }
}
