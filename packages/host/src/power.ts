// Whether this host runs on its battery (B24).

import { readdirSync, readFileSync } from 'node:fs';

const linuxSupplies = '/sys/class/power_supply';

/** True on battery, false on mains, null where the host does not say. `folder` holds one folder a supply. */
export function isOnBattery(folder = linuxSupplies): boolean | null {
  const supplies = listOrNone(folder).map((name) => `${folder}/${name}`);
  const mains = supplies.filter((supply) => ['Mains', 'USB'].includes(property(supply, 'type')));
  if (mains.some((supply) => property(supply, 'online') === '1')) return false;
  // A wireless mouse has a battery as well; its scope is the device.
  const batteries = supplies.filter(
    (supply) => property(supply, 'type') === 'Battery' && property(supply, 'scope') !== 'Device',
  );
  if (batteries.some((battery) => property(battery, 'status') === 'Discharging')) return true;
  return batteries.length > 0 ? false : null;
}

function listOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function property(supply: string, name: string): string {
  try {
    return readFileSync(`${supply}/${name}`, 'latin1').trim();
  } catch {
    return '';
  }
}
