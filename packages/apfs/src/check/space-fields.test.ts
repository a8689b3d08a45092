import { expect, test } from 'vitest';
import type { ContainerCheck } from './container.js';
import { queueLimits } from './space-fields.js';

test('limits of queues follow from the blocks of a container; of larger blocks none are known', () => {
  const limits = (count: number, size: number) =>
    queueLimits({ container: { blocks: { count, size } } } as unknown as ContainerCheck);
  expect(limits(4096, 4096)).toEqual([1, 1]);
  expect(limits(4096 * 4096, 4096)).toEqual([2 + 1, 512]);
  expect(limits(4096, 8192)).toEqual([null, null]);
});
