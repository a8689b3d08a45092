import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  atFlags,
  currentFolder,
  fallocateFlags,
  fileTypes,
  flockFlags,
  openFlags,
  seekData,
  seekHole,
} from './linux.js';
import { missingCalls, type NativeLibrary, nativeLibrary } from './native.js';
import { StatxRecord, statxMask, statxSize } from './statx-record.js';

const native = nativeLibrary();

test('the calls of this Linux host are there', () => {
  expect(native !== null).toBe(process.platform === 'linux');
  expect(missingCalls()).toHaveLength(native ? 0 : 6);
});

test.skipIf(!native || !isGlibc())('pieces between what is in use go back to the host', () => {
  const script = `
    const { giveMemoryBack } = await import(process.argv[1]);
    const kept = [];
    for (let i = 0; i < 25_000; i += 1) kept.push(new Uint8Array(4096).fill(1));
    for (const [i] of kept.entries()) if (i % 100 > 0) kept[i] = null;
    gc();
    const freed = () => process.memoryUsage().arrayBuffers < 5e6;
    for (let tries = 0; tries < 100 && !freed(); tries += 1) await new Promise((told) => setTimeout(told, 50));
    const before = process.memoryUsage().rss;
    giveMemoryBack();
    console.log(JSON.stringify([before - process.memoryUsage().rss, kept.length]));`;
  const index = new URL('../dist/index.js', import.meta.url).href;
  const words = ['--expose-gc', '--input-type=module', '-e', script, index];
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect(stderr).toBe('');
  const [given] = JSON.parse(stdout) as [number];
  // Of 100 MB that were taken.
  expect(given).toBeGreaterThan(50e6);
});

function isGlibc(): boolean {
  const { header } = process.report.getReport() as unknown as { readonly header: Record<string, unknown> };
  return header.glibcVersionRuntime !== undefined;
}

if (native) callTests(native);

function callTests(native: NativeLibrary): void {
  const { calls } = native;
  let folder: string;
  let root: number;
  beforeEach(() => {
    folder = temporaryFolder();
    root = calls.openat(currentFolder, native.name(folder), openFlags.directory, 0);
  });
  afterEach(() => {
    expect(calls.close(root)).toBe(0);
    fs.rmSync(folder, { recursive: true });
  });
  const make = (name: string, content = ''): string => {
    fs.writeFileSync(`${folder}/${name}`, content);
    return `${folder}/${name}`;
  };

  describe('calls relative to a folder', () => {
    test('openat makes a file for its owner, close gives it up', () => {
      const flags = openFlags.readWrite | openFlags.create | openFlags.exclusive;
      const handle = calls.openat(root, native.name('a'), flags, 0o600);
      expect(fs.statSync(`${folder}/a`).mode & 0o777).toBe(0o600);
      expect(calls.close(handle)).toBe(0);
      expect(calls.close(handle)).toBe(-1);
      expect(native.errno()).toBe('EBADF');
      expect(calls.openat(root, native.name('a'), flags, 0o600)).toBe(-1);
      expect(() => native.check(-1, 'open', 'a')).toThrow('EEXIST');
    });
    test('mkdirat, symlinkat, linkat, mknodat make what node:fs sees', () => {
      make('file', 'x');
      expect(calls.mkdirat(root, native.name('d'), 0o700)).toBe(0);
      expect(calls.symlinkat(native.name('no/where', 1), root, native.name('s'))).toBe(0);
      expect(calls.linkat(root, native.name('file'), root, native.name('l', 1), 0)).toBe(0);
      expect(calls.mknodat(root, native.name('p'), fileTypes.fifo | 0o600, 0)).toBe(0);
      expect(fs.lstatSync(`${folder}/d`).isDirectory()).toBe(true);
      expect(fs.readlinkSync(`${folder}/s`)).toBe('no/where');
      expect(fs.statSync(`${folder}/l`).nlink).toBe(2);
      expect(fs.lstatSync(`${folder}/p`).isFIFO()).toBe(true);
    });
    test('readlinkat answers the target', () => {
      fs.symlinkSync('täglich', `${folder}/s`);
      const memory = native.memory(100);
      const length = calls.readlinkat(root, native.name('s'), memory.address, 100);
      expect(memory.bytes.toString('utf8', 0, length)).toBe('täglich');
    });
    test('renameat2 replaces nothing when told so; unlinkat removes files and folders', () => {
      make('a');
      make('b');
      expect(calls.renameat2(root, native.name('a'), root, native.name('b', 1), 1)).toBe(-1);
      expect(native.errno()).toBe('EEXIST');
      expect(calls.renameat2(root, native.name('a'), root, native.name('c', 1), 1)).toBe(0);
      expect(calls.unlinkat(root, native.name('b'), 0)).toBe(0);
      fs.mkdirSync(`${folder}/d`);
      expect(calls.unlinkat(root, native.name('d'), 0)).toBe(-1);
      expect(calls.unlinkat(root, native.name('d'), atFlags.removeFolder)).toBe(0);
      expect(fs.readdirSync(folder)).toEqual(['c']);
    });
    test('fchmodat, fchmod, fchownat set mode and owner', () => {
      const path = make('a');
      expect(calls.fchmodat(root, native.name('a'), 0o641, 0)).toBe(0);
      expect(fs.statSync(path).mode & 0o7777).toBe(0o641);
      const handle = fs.openSync(path, 'r');
      expect(calls.fchmod(handle, 0o4711)).toBe(0);
      expect(fs.statSync(path).mode & 0o7777).toBe(0o4711);
      const [uid, gid] = process.getuid?.() === 0 ? [501, 20] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
      expect(calls.fchownat(handle, native.name(''), uid, gid, atFlags.emptyPath)).toBe(0);
      expect(fs.statSync(path)).toMatchObject({ uid, gid });
      fs.closeSync(handle);
    });
    test('utimensat and futimens set nanoseconds, before 1970 too', () => {
      const path = make('a');
      const times = native.memory(32);
      times.view.setBigInt64(0, 5n, true);
      times.view.setBigInt64(16, -2n, true);
      times.view.setBigInt64(24, 123456789n, true);
      expect(calls.utimensat(root, native.name('a'), times.address, atFlags.noFollow)).toBe(0);
      expect(fs.statSync(path, { bigint: true }).mtimeNs).toBe(-2_000_000_000n + 123_456_789n);
      times.view.setBigInt64(16, 7n, true);
      const handle = fs.openSync(path, 'r');
      expect(calls.futimens(handle, times.address)).toBe(0);
      expect(fs.statSync(path, { bigint: true }).mtimeNs).toBe(7_123_456_789n);
      fs.closeSync(handle);
    });
  });

  describe('what is asked', () => {
    test('statx answers what node:fs answers', () => {
      const path = make('a', 'hello');
      fs.utimesSync(path, 1, 1234567890.5);
      const record = new StatxRecord(native.memory(statxSize));
      expect(calls.statx(root, native.name('a'), atFlags.noFollow, statxMask, record.address)).toBe(0);
      const stats = fs.statSync(path);
      const item = record.item(9, 'a', true);
      expect(item).toMatchObject({ id: 9, name: 'a', kind: 'file', size: 5, nlink: 1, mtime: 1234567890 });
      expect(item).toMatchObject({ mtimeNanos: 500_000_000, hasXattrs: true, uid: stats.uid, gid: stats.gid });
      expect(item).toMatchObject({ inode: stats.ino, device: stats.dev, mode: stats.mode & 0o7777 });
      expect(item.allocated).toBe(stats.blocks * 512);
      expect(Math.abs(item.btime + item.btimeNanos / 1e9 - stats.birthtimeMs / 1000)).toBeLessThan(0.01);
      expect(Math.abs(item.ctime + item.ctimeNanos / 1e9 - stats.ctimeMs / 1000)).toBeLessThan(0.01);
    });
    test('getdents answers records', () => {
      make('name');
      const memory = native.memory(4096);
      const length = calls.getdents(root, memory.address, 4096);
      expect(memory.bytes.toString('latin1', 0, length)).toContain('name\0');
      expect(calls.getdents(root, memory.address, 4096)).toBe(0);
    });
    test('lseek finds data and holes', () => {
      const handle = fs.openSync(`${folder}/a`, 'w+');
      fs.writeSync(handle, 'x', 1 << 20);
      expect(calls.lseek(handle, 0, seekData)).toBe(1 << 20);
      expect(calls.lseek(handle, 1 << 20, seekHole)).toBe((1 << 20) + 1);
      fs.closeSync(handle);
    });
    test('clock_gettime runs on', () => {
      const time = native.memory(16);
      expect(calls.clockGettime(7, time.address)).toBe(0);
      expect(time.view.getBigInt64(0, true)).toBeGreaterThan(0n);
    });
  });

  describe('what is done to an open file', () => {
    test('fallocate reserves and punches', () => {
      const handle = fs.openSync(`${folder}/a`, 'w+');
      expect(calls.fallocate(handle, 0, 0, 1 << 20)).toBe(0);
      expect(fs.fstatSync(handle)).toMatchObject({ size: 1 << 20, blocks: 2048 });
      const mode = fallocateFlags.keepSize | fallocateFlags.punchHole;
      expect(calls.fallocate(handle, mode, 0, 1 << 19)).toBe(0);
      expect(fs.fstatSync(handle)).toMatchObject({ size: 1 << 20, blocks: 1024 });
      fs.closeSync(handle);
    });
    test('flock holds against another handle until it is given up', () => {
      const [first, second] = [fs.openSync(make('a'), 'r'), fs.openSync(`${folder}/a`, 'r')];
      const operation = flockFlags.exclusive | flockFlags.nonBlocking;
      expect(calls.flock(first, operation)).toBe(0);
      expect(calls.flock(second, operation)).toBe(-1);
      expect(native.errno()).toBe('EAGAIN');
      expect(calls.flock(first, flockFlags.unlock)).toBe(0);
      expect(calls.flock(second, operation)).toBe(0);
      fs.closeSync(first);
      fs.closeSync(second);
    });
    test('syncfs answers', () => {
      expect(calls.syncfs(root)).toBe(0);
      expect(calls.syncfs(-1)).toBe(-1);
    });
    test('extended attributes by handle and by path', () => {
      const path = make('a');
      const handle = fs.openSync(path, 'r');
      const memory = native.memory(64);
      memory.bytes.write('value');
      expect(calls.fsetxattr(handle, native.name('user.x', 1), memory.address, 5, 0)).toBe(0);
      expect(calls.setxattr(native.name(path), native.name('user.y', 1), memory.address, 2, 0)).toBe(0);
      const names = native.memory(64);
      for (const length of [
        calls.flistxattr(handle, names.address, 64),
        calls.listxattr(native.name(path), names.address, 64),
      ]) {
        expect(names.bytes.toString('latin1', 0, length).split('\0').sort()).toEqual(['', 'user.x', 'user.y']);
      }
      memory.bytes.fill(0);
      expect(calls.fgetxattr(handle, native.name('user.x', 1), memory.address, 64)).toBe(5);
      expect(memory.bytes.toString('latin1', 0, 5)).toBe('value');
      expect(calls.getxattr(native.name(path), native.name('user.y', 1), memory.address, 64)).toBe(2);
      expect(calls.fremovexattr(handle, native.name('user.x', 1))).toBe(0);
      expect(calls.removexattr(native.name(path), native.name('user.y', 1))).toBe(0);
      expect(calls.flistxattr(handle, names.address, 64)).toBe(0);
      fs.closeSync(handle);
    });
  });

  test('names keep bytes that are not UTF-8, and refuse NUL', () => {
    expect(calls.mkdirat(root, native.name('a\udcff'), 0o700)).toBe(0);
    expect(fs.readdirSync(folder, { encoding: 'buffer' })).toEqual([Buffer.from([0x61, 0xff])]);
    expect(() => native.name('a\0b')).toThrow('EINVAL');
    expect(() => native.name('x'.repeat(6000))).toThrow('ENAMETOOLONG');
  });

  test('exit ends the process at once', () => {
    const built = new URL('../dist/index.js', import.meta.url).href;
    const script = `import { exitNow } from ${JSON.stringify(built)};
      process.on('exit', () => console.log('late'));
      exitNow(7);`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 7, stdout: '' });
  });
}
