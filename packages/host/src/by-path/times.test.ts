import { closeSync, fstatSync, futimesSync, openSync, rmSync } from 'node:fs';
import { Random, temporaryFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { setTime } from './times.js';

test('each microsecond from 1901 to 2106 comes through', () => {
  const folder = temporaryFolder();
  const handle = openSync(`${folder}/a`, 'w');
  const modified = (): bigint => fstatSync(handle, { bigint: true }).mtimeNs;
  const random = new Random(5);
  for (let i = 0; i < 500; i += 1) {
    const seconds = random.below(2 ** 32 + 2 ** 31) - 2 ** 31;
    const micros = random.below(1_000_000);
    const wanted = BigInt(seconds) * 1_000_000n + BigInt(micros);
    const isKept = (): boolean => (modified() - (((modified() % 1000n) + 1000n) % 1000n)) / 1000n === wanted;
    setTime({ seconds, nanos: micros * 1000 + 999 }, (time) => futimesSync(handle, time, time), isKept);
    expect(isKept(), `${seconds} s ${micros} µs`).toBe(true);
  }
  closeSync(handle);
  rmSync(folder, { recursive: true });
});
