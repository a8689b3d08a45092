// A destination that goes away: the run waits for it, goes on from the last commit, and ends with everything; or gives up
// and leaves a sound image, which the next run completes.

import { count, FaultStore, MemoryStore, Random, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { liveFiles, makeTree, runBackup, setupOf } from './link-loss.testing.js';

const CODES = ['EIO', 'ENOTCONN', 'ESTALE', 'ETIMEDOUT', 'EHOSTDOWN', 'ENODEV', 'EINTR'];
const FOREVER = Number.POSITIVE_INFINITY;

/** Not the source, which is looked at through the same store. */
const about = (path: string): boolean => path === '/' || path.includes('b.sparsebundle');

/** What a backup that nothing disturbs leaves, and how many calls it makes. */
function undisturbed(source: string, setup: ReturnType<typeof setupOf>) {
  const below = new MemoryStore();
  const store = new FaultStore(below, { call: FOREVER, code: 'EIO', about });
  const { summary } = runBackup(store, source, setup);
  return { files: liveFiles(below, setup.image, 'undisturbed'), calls: store.calls, items: summary?.items };
}

test('what the source says is not about the destination', () => {
  withFolder((source) => {
    makeTree(source);
    const fault = { call: 1, code: 'EIO', about: (path: string) => path === source };
    const { error, timer } = runBackup(
      new FaultStore(new MemoryStore(), fault),
      source,
      setupOf('sparsebundle', 'hfs+'),
    );
    expect(error).toMatchObject({ code: 'EIO', values: { path: source } });
    expect(timer.now()).toBe(0);
  });
});

describe.each(['hfs+', 'apfs'])('B4: a destination with %s that goes away', (fs) => {
  const setup = setupOf('sparsebundle', fs);

  test('for a while: the run completes by itself, and says what it did in all', () => {
    withFolder((source) => {
      makeTree(source);
      const { files, calls, items } = undisturbed(source, setup);
      const random = new Random(41);
      for (let round = 0; round < count(40, 600); round += 1) {
        const fault = {
          about,
          call: random.between(1, calls),
          code: random.pick(CODES),
          lasts: random.between(1, 16),
        };
        const text = JSON.stringify(fault);
        const below = new MemoryStore();
        const store = new FaultStore(below, { ...fault, effect: random.oneIn(2) ? 'half' : 'none' });
        const { summary, error, events, timer } = runBackup(store, source, setup);
        expect(error, text).toBeNull();
        expect(summary, text).toMatchObject({ problems: [], interrupted: false });
        expect(summary?.items, text).toEqual(items);
        expect(liveFiles(below, setup.image, text), text).toEqual(files);
        expect(summary?.waited ?? 0, text).toBe(Math.round(timer.now() / 1000));
        const told = events.filter((event) => event.type === 'warning' && event.code === 'waiting');
        expect(told.length > 0, text).toBe(timer.now() > 0);
      }
    });
  });

  test('for good: the run gives up, and the next one completes what was committed', () => {
    withFolder((source) => {
      makeTree(source);
      const { files, calls } = undisturbed(source, setup);
      const random = new Random(42);
      for (let round = 0; round < count(15, 200); round += 1) {
        const fault = {
          about,
          call: random.between(1, calls),
          code: random.pick(CODES),
          lasts: FOREVER,
        };
        const text = JSON.stringify(fault);
        const below = new MemoryStore();
        const { error, timer } = runBackup(new FaultStore(below, fault), source, setup, { wait: 300_000 });
        expect(error, text).toMatchObject({ code: 'link-lost', values: { path: setup.image, cause: fault.code } });
        expect(timer.now(), text).toBeGreaterThanOrEqual(300_000);
        const kept = below.kind(setup.image) === null ? new Map() : liveFiles(below, setup.image, text);
        for (const [path, content] of kept) expect(content, `${path} ${text}`).toBe(files.get(path));
        const next = runBackup(below, source, setup);
        expect(next.summary, text).toMatchObject({ problems: [] });
        expect(next.summary?.items, text).toMatchObject({ created: files.size - kept.size, unchanged: kept.size });
        expect(liveFiles(below, setup.image, text), text).toEqual(files);
      }
    });
  });
});

test('B4: a folder of bands that is away for a while, at whichever call', () => {
  withFolder((source) => {
    makeTree(source);
    const setup = setupOf('sparsebundle', 'hfs+');
    const bands = `${setup.image}/bands`;
    const away = `${setup.image}/away`;
    const { files } = undisturbed(source, setup);
    /** A backup whose bands go away at a call and come back after five seconds, and how many calls there were. */
    const run = (at: number) => {
      const below = new MemoryStore();
      runBackup(below, source, setup, { filters: ['folder-2'] });
      let [isOpen, calls] = [false, 0];
      const leave = (path: string): boolean => {
        // What is missing before the run has opened it, was never there.
        isOpen ||= path.includes('lease');
        calls += isOpen && about(path) ? 1 : 0;
        if (calls === at && below.kind(bands) !== null) below.rename(bands, away);
        return false;
      };
      const back = (now: number): void => {
        if (now >= 5000 && below.kind(away) !== null) below.rename(away, bands);
      };
      const store = new FaultStore(below, { call: FOREVER, code: 'EIO', about: leave });
      const { error, timer } = runBackup(store, source, setup, {}, back);
      back(FOREVER);
      return { calls, error, waited: timer.now(), files: liveFiles(below, setup.image, `call ${at}`) };
    };
    const { calls } = run(FOREVER);
    const step = Math.max(1, Math.floor(calls / count(20, 400)));
    let waits = 0;
    for (let at = 1; at <= calls; at += step) {
      const outcome = run(at);
      expect(outcome, `call ${at}`).toMatchObject({ error: null, files });
      waits += outcome.waited > 0 ? 1 : 0;
    }
    expect(waits).toBeGreaterThan(2);
  });
});

describe('how long a destination is waited for', () => {
  const setup = setupOf('sparsebundle', 'hfs+');
  const lost = { call: 40, code: 'EIO', lasts: FOREVER, about };

  test('is 15 minutes, at growing intervals', () => {
    withFolder((source) => {
      makeTree(source);
      const { error, timer, events } = runBackup(new FaultStore(new MemoryStore(), lost), source, setup);
      expect(error).toMatchObject({ code: 'link-lost', message: expect.stringContaining('within 15 minutes') });
      expect(timer.now()).toBe(900_000);
      expect(events.filter(({ type }) => type === 'warning')).toEqual([
        expect.objectContaining({ code: 'waiting', message: expect.stringContaining('does not answer (EIO)') }),
      ]);
    });
  });

  test('is what --wait says, and 0 is not at all', () => {
    withFolder((source) => {
      makeTree(source);
      for (const wait of [0, 5000]) {
        const { error, timer } = runBackup(new FaultStore(new MemoryStore(), lost), source, setup, { wait });
        expect(error).toMatchObject({ code: 'link-lost' });
        expect(timer.now()).toBe(wait);
      }
    });
  });

  test('is less where one and the same place cannot be written, however often it is tried', () => {
    withFolder((source) => {
      makeTree(source);
      const broken = {
        call: 1,
        code: 'EIO',
        lasts: FOREVER,
        kinds: ['write'],
        about: (path: string) => path.endsWith('bands/0'),
      } as const;
      const below = new MemoryStore();
      runBackup(below, source, setup);
      const { error, timer } = runBackup(new FaultStore(below, broken), source, setup);
      expect(error).toMatchObject({ code: 'link-lost', message: expect.stringContaining('at the same place') });
      expect(timer.now()).toBeLessThan(600_000);
    });
  });
});
