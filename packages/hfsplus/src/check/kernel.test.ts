// A volume that the Linux driver filled: hard links without chains, fragmented files, attributes, odd names.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { fsckAccepts, made, Sample } from './sample.testing.js';

const SCRIPT = `
mkdir -p a/b/c; echo hi > a/x; ln a/x a/y; ln a/x a/b/z; ln -s x a/s; mkfifo a/f; mknod a/n c 1 3; many d 500 100
setxattr a/x osx.com.example.one two; setflag a/y immutable; touch "日本語 ünï 🌈"
i=0; while [ $i -lt 40 ]; do fill p$i 60000 $i; i=$((i+1)); done
i=0; while [ $i -lt 40 ]; do rm p$i; i=$((i+2)); done
fill fragmented 1500000 9; fill gone 900000 3; ln gone kept; rm gone; rm -r a/b/c
`;

const writer = withOracle('kernel-write');

test.skipIf(writer.skip)('a volume that the kernel filled is clean', () => {
  withFolder((folder) => {
    const image = join(folder, 'volume');
    const script = join(folder, 'script');
    writeFileSync(image, made(16 * 1_048_576).bytes);
    writeFileSync(script, SCRIPT);
    execFileSync(writer.path, [script, image, '--fs', 'hfsplus'], { stdio: 'ignore' });
    const volume = new Sample(readFileSync(image));
    expect(fsckAccepts(volume.bytes)).toBe(true);
    expect(volume.kinds()).toEqual([]);
    expect(volume.find('kept').end).toBeGreaterThan(0);
  });
});
