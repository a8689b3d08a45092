import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { basic, basicManifest, ENVIRONMENT, json, PROGRAM, sha256, tintype } from '../built.testing.js';

const files = basic.skip
  ? []
  : basicManifest().filter(([path]) => ['compressed.txt', 'random.bin', 'empty.txt'].includes(path));

// Every file of the image is read by the tests of the engine.
test.each(files)('%s has the content that macOS wrote', (path, { sha256: wanted }) => {
  const { status, bytes } = tintype('cat', basic.path, `/${path}`);
  expect(status).toBe(0);
  expect(sha256(bytes)).toBe(wanted);
});

test.skipIf(basic.skip)('a reader that goes away ends it quietly', () => {
  const script = `"${process.execPath}" "${PROGRAM}" cat "${basic.path}" /random.bin | head -c 10 | wc -c`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script], { env: ENVIRONMENT, encoding: 'utf8' });
  expect({ count: stdout.trim(), stderr }).toEqual({ count: '10', stderr: '' });
});

test.skipIf(basic.skip)('under --json it is a document, whatever the length', () => {
  for (const [path] of files) {
    const { bytes } = tintype('cat', basic.path, `/${path}`);
    const { content, ...rest } = json<{ content: string }>('cat', basic.path, `/${path}`);
    expect(rest).toEqual({ image: basic.path, path: `/${path}` });
    expect(sha256(Buffer.from(content, 'base64'))).toBe(sha256(bytes));
  }
});

test.skipIf(basic.skip)('what is no file, or not there, is told', () => {
  expect(tintype('cat', basic.path, '/dir1')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('/dir1 is a directory'),
  });
  expect(tintype('cat', basic.path, '/nothing')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('/nothing'),
  });
});
