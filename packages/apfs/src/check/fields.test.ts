import { expect, test } from 'vitest';
import { SiblingValue } from '../structs/records.js';
import { exactly, type FieldRules, judgeFields, oneOf, onlyBits, ZERO } from './fields.js';

const view = new DataView(new ArrayBuffer(16));
view.setUint32(2, 0x12, true);
view.setUint16(10, 0x8001, true);

function told<Facts>(rules: FieldRules<typeof SiblingValue.fields, Facts>, facts: Facts): string[] {
  const messages: string[] = [];
  judgeFields(SiblingValue, rules, { view, at: 2, facts }, (message) => messages.push(message));
  return messages;
}

test('what a field holds is told with what belongs there', () => {
  expect(told({ parent_id: oneOf(0x12, 3), name_len: onlyBits(0x8003) }, null)).toEqual([]);
  expect(told({ parent_id: oneOf(1, 0xff), name_len: onlyBits(1) }, null)).toEqual([
    'parent_id is 12, where 1 or ff belongs',
    'name_len is 8001, where nothing beside 1 belongs',
  ]);
  expect(told({ name_len: ZERO }, null)).toEqual(['name_len is 8001, where 0 belongs']);
});

test('a rule may depend on what is known', () => {
  const rules = { parent_id: exactly(({ wanted }: { wanted: number }) => wanted) };
  expect(told(rules, { wanted: 0x12 })).toEqual([]);
  expect(told(rules, { wanted: 10 })).toEqual(['parent_id is 12, where a belongs']);
});
