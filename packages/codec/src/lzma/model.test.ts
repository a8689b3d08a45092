import { expect, test } from 'vitest';
import * as model from './model.js';

test('no two kinds of probabilities share a place', () => {
  const places = Object.values(model.AT);
  expect(new Set(places).size).toBe(places.length);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
  // The trees of distances begin at their base less their slot: the last one ends before the next kind.
  expect(model.AT.align - model.AT.special).toBe(128);
  expect(model.newProbabilities().length).toBe(model.AT.literals + 16 * 0x300);
});

test('properties, there and back; what LZMA2 does not have is null', () => {
  for (let byte = 0; byte < 256; byte += 1) {
    const properties = model.propertiesOf(byte);
    if (properties) expect(model.propertiesByte(properties)).toBe(byte);
    else expect(byte >= 225 || (byte % 9) + (Math.floor(byte / 9) % 5) > 4).toBe(true);
  }
  expect(model.propertiesByte(model.DEFAULT_PROPERTIES)).toBe(0x5d);
});

test('states after each kind of symbol, as the specification lists them', () => {
  const states = Array.from({ length: model.STATES }, (_, state) => state);
  expect(states.map(model.afterLiteral)).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5]);
  expect(states.map(model.afterMatch)).toEqual([7, 7, 7, 7, 7, 7, 7, 10, 10, 10, 10, 10]);
  expect(states.map(model.afterRepeat)).toEqual([8, 8, 8, 8, 8, 8, 8, 11, 11, 11, 11, 11]);
  expect(states.map(model.afterShortRepeat)).toEqual([9, 9, 9, 9, 9, 9, 9, 11, 11, 11, 11, 11]);
});
