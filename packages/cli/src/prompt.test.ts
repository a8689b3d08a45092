import { EventEmitter } from 'node:events';
import { CancelledError } from '@tintype/core';
import { expect, test } from 'vitest';
import { askHidden, type Keyboard, typedLine } from './prompt.js';

class FakeKeyboard extends EventEmitter {
  setRawMode(): void {}
  resume(): void {}
  pause(): void {}
}

async function typed(...keys: string[]): Promise<string | null> {
  const keyboard = new FakeKeyboard();
  const answer = typedLine(keyboard as unknown as Keyboard);
  for (const key of keys) keyboard.emit('data', Buffer.from(key));
  const bytes = await answer;
  expect(keyboard.listenerCount('data')).toBe(0);
  return bytes === null ? null : bytes.toString('utf8');
}

test('a line, in one piece or many', async () => {
  expect(await typed('secret\r')).toBe('secret');
  expect(await typed('s', 'ec', 'ret', '\n')).toBe('secret');
  expect(await typed('\r')).toBe('');
});

test('keys that mend it', async () => {
  expect(await typed('secrex\x7ft\r')).toBe('secret');
  expect(await typed('Grü\x08u\r')).toBe('Gruu'.slice(0, 3));
  expect(await typed('\x7f\x7fx\r')).toBe('x');
  expect(await typed('all wrong\x15right\r')).toBe('right');
});

test('keys that refuse', async () => {
  await expect(typed('sec\x03')).rejects.toThrow(CancelledError);
  expect(await typed('\x04')).toBeNull();
});

test('the terminal shows nothing of an answer from the question on', async () => {
  const seen: string[] = [];
  const keyboard = Object.assign(new FakeKeyboard(), {
    isTTY: true,
    setRawMode: (raw: boolean) => seen.push(raw ? 'hidden' : 'shown'),
  });
  const screen = { isTTY: true, write: (text: string) => seen.push(text) };
  const answer = askHidden('Passphrase: ', keyboard as unknown as Keyboard, screen);
  keyboard.emit('data', Buffer.from('secret\r'));
  expect((await answer)?.toString()).toBe('secret');
  expect(seen).toEqual(['hidden', 'Passphrase: ', 'shown']);
});

test('where nobody sits, nobody is asked', async () => {
  const shown: string[] = [];
  const screen = { isTTY: true, write: (text: string) => shown.push(text) };
  expect(await askHidden('Passphrase: ', new FakeKeyboard() as unknown as Keyboard, screen)).toBeNull();
  expect(shown).toEqual([]);
});
