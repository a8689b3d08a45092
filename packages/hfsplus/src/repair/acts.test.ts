import { expect, test } from 'vitest';
import { Acts } from './acts.js';

test('each kind of act is told once, with how often and where first', () => {
  const acts = new Acts();
  acts.note('mended threads', 'id 20');
  acts.note('emptied the journal');
  acts.note('mended threads', 'id 30');
  acts.note('set a count', 'folder 7');
  expect(acts.sentences()).toEqual([
    'mended threads (2 times, first: id 20)',
    'emptied the journal',
    'set a count (folder 7)',
  ]);
  expect(acts.total).toBe(4);
});
