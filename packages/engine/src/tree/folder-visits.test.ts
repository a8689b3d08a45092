import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { FolderVisits } from './folder-visits.js';

test('a folder that lies in itself is damage', () => {
  const visits = new FolderVisits();
  visits.enter(2, '/');
  visits.enter(16, '/a');
  expect(() => visits.enter(2, '/a/b')).toThrow(CorruptError);
});

test('a folder may have several places, one after the other', () => {
  const visits = new FolderVisits();
  for (const path of ['/a', '/b']) {
    visits.enter(16, path);
    visits.leave(16);
  }
  expect(() => visits.enter(16, '/c')).not.toThrow();
});

test('a folder in thousands of places ends the walk', () => {
  const visits = new FolderVisits();
  const enterAll = () => {
    for (let i = 0; i < 1001; i += 1) {
      visits.enter(16, `/${i}`);
      visits.leave(16);
    }
  };
  expect(enterAll).toThrow('more than 1000 places');
});

test('a folder that was refused stays entered until each entry is left', () => {
  const visits = new FolderVisits();
  visits.enter(5, '/a');
  expect(() => visits.enter(5, '/a/a')).toThrow(CorruptError);
  visits.leave(5);
  expect(() => visits.enter(5, '/a/b')).toThrow(CorruptError);
  visits.leave(5);
  visits.leave(5);
  visits.enter(5, '/b');
});
