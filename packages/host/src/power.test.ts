import { mkdirSync, writeFileSync } from 'node:fs';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { isOnBattery } from './power.js';

function onSupplies(supplies: Record<string, Record<string, string>>): boolean | null {
  return withFolder((folder) => {
    for (const [name, properties] of Object.entries(supplies)) {
      mkdirSync(`${folder}/${name}`);
      for (const [key, value] of Object.entries(properties)) writeFileSync(`${folder}/${name}/${key}`, `${value}\n`);
    }
    return isOnBattery(folder);
  });
}

test('a discharging battery without mains is on battery', () => {
  const battery = { type: 'Battery', status: 'Discharging' };
  expect(onSupplies({ AC: { type: 'Mains', online: '0' }, BAT0: battery })).toBe(true);
  expect(onSupplies({ AC: { type: 'Mains', online: '1' }, BAT0: battery })).toBe(false);
  expect(onSupplies({ BAT0: { type: 'Battery', status: 'Full' } })).toBe(false);
});

test('a mouse says nothing about the host, and no supply is unknown', () => {
  expect(onSupplies({ mouse: { type: 'Battery', status: 'Discharging', scope: 'Device' } })).toBe(null);
  expect(onSupplies({})).toBe(null);
  expect(isOnBattery('/no/such/folder')).toBe(null);
});
