import type { StoreFacts } from '@tintype/core';
import type { PathProbe } from '@tintype/host';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { testContext } from '../run-context.testing.js';
import { type NewImage, noticeNewImage } from './new-image-notices.js';

const MEASURED = {
  syncHonoured: true,
  syncSeconds: 0.002,
  renameReplaces: true,
  lockHolds: false,
  largestFile: 2 ** 43,
  punches: false,
  writeRate: 81_250_000,
};

function noticesOf(image: Partial<NewImage>, facts: Partial<StoreFacts>): { events: EngineEvent[]; probed: string[] } {
  const events: EngineEvent[] = [];
  const probed: string[] = [];
  const known = { ...new MemoryStore().facts('/'), capacity: 2 ** 40, isNetwork: false, kind: 'ext4', ...facts };
  const probe = (path: string): PathProbe => {
    probed.push(path);
    return { ...known, ...MEASURED };
  };
  const made = { format: 'sparsebundle', size: 2 ** 30, folder: '/share', facts: known, ...image };
  noticeNewImage(made, { ...testContext(0, events), probe });
  return { events, probed };
}

test('B2: on a network folder the notice says what was measured there, the bad news first', () => {
  const { events, probed } = noticesOf({}, { isNetwork: true, kind: 'nfs' });
  expect(probed).toEqual(['/share']);
  expect(events).toEqual([
    {
      type: 'warning',
      code: 'network-destination',
      message:
        '/share is a network folder (nfs); measured: locks do not hold: only the lease keeps others away, ' +
        'syncs are honoured, renames replace in one step, 81.3 MB/s written',
    },
  ]);
});

test('a local folder is neither measured nor spoken of', () => {
  expect(noticesOf({}, {})).toEqual({ events: [], probed: [] });
});

test.each([
  ['ASIF is experimental', { format: 'asif' }, 'experimental'],
  ['B17: larger than its host', { size: 2 ** 41 }, 'over-commit'],
])('%s', (_title, image, code) => {
  expect(noticesOf(image, {}).events).toEqual([expect.objectContaining({ type: 'warning', code })]);
});

test('B10: a sparse image is called legacy, with the reason', () => {
  const [notice] = noticesOf({ format: 'sparseimage' }, {}).events;
  expect(notice).toMatchObject({ code: 'legacy-sparseimage', message: expect.stringContaining('file-size limit') });
});
