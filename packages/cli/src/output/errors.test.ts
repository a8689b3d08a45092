import {
  CorruptError,
  errorFromJson,
  LeaseLostError,
  LockedError,
  PassphraseError,
  RefusedError,
  StoreError,
  TintypeError,
} from '@tintype/core';
import { expect, test } from 'vitest';
import { EXIT, exitStatusOf } from '../exit-status.js';
import { errorText, failureEvents } from './errors.js';

const call = { command: 'ls', image: 'photos.sparsebundle' };

test('damage names the image, the place, and what to do next', () => {
  const error = new CorruptError('band', 'length', 4096, '4096 bytes longer than the band size (8388608)');
  expect(errorText(error, call)).toBe(
    "tintype: cannot read photos.sparsebundle: band.length at byte 4096: 4096 bytes longer than the band size (8388608). Run 'tintype verify photos.sparsebundle' to see all that is wrong with it",
  );
});

test('a name cannot steer the terminal', () => {
  const create = { command: 'create', image: null };
  const text = errorText(new RefusedError('exists', 'a\u001b[2J\nb exists already'), create);
  expect(text).toBe('tintype: a\\x1b[2J\\x0ab exists already. Choose another name, or give --overwrite');
});

test('waiting for a lock is proposed where it can be asked for', () => {
  const error = new LockedError('b.sparsebundle', 'host 12');
  for (const command of ['backup', 'compact', 'resize', 'passwd', 'undo', 'create', 'convert', 'verify', 'ls'])
    expect(errorText(error, { command, image: null })).toContain('--wait-lock 5m');
  expect(errorText(error, { ...call, command: 'info' })).not.toContain('--wait-lock');
});

test('who lost the image is told to whom, and that nothing that was committed is lost', () => {
  const error = errorFromJson(new LeaseLostError('b.sparsebundle', 'process 7 on nas').toJSON());
  expect(error).toBeInstanceOf(LockedError);
  expect(errorText(error, call)).toBe(
    'tintype: b.sparsebundle was taken over by process 7 on nas: this run stopped writing to it. What was committed until then stays; run the same command again when it is free',
  );
});

test('our own mistakes say so', () => {
  expect(errorText(new TypeError('x is undefined'))).toMatch(/^tintype: internal error: x is undefined\. .*--verbose/);
});

test.each([
  [new TintypeError('usage', ''), EXIT.usage],
  [new PassphraseError('wrong', ''), EXIT.passphrase],
  [new LockedError('', ''), EXIT.inUse],
  [new LeaseLostError('', ''), EXIT.inUse],
  [new TintypeError('cancelled', ''), EXIT.interrupted],
  [new StoreError('ENOSPC', 'write', ''), EXIT.failed],
  [new Error('ours'), EXIT.failed],
])('%s has its exit status', (error, status) => {
  expect(exitStatusOf(error)).toBe(status);
});

test('the events of a failure are an error and a summary that lists it', () => {
  const [error, summary] = failureEvents(new StoreError('ENOENT', 'open', 'x.dmg'));
  expect(error).toMatchObject({ type: 'error', code: 'ENOENT', values: { path: 'x.dmg' } });
  expect(summary).toMatchObject({ type: 'summary', problems: [{ path: 'x.dmg', code: 'ENOENT' }] });
});
