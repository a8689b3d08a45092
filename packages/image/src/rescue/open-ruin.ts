// Opens what is left of an image, only to read: no lock is taken and no lease is looked at, since nothing is written, and
// a lock that nobody holds any more must not keep anybody from what is left.

import { type BlockDevice, CorruptError, type FileStore, type Finding, finding, type StoreFile } from '@tintype/core';
import { detectFile } from '../detect.js';
import type { ImageFormat } from '../disk-image.js';
import { EncryptedFile } from '../encryption/file.js';
import { openEncryptedFile, openToken } from '../encryption/open.js';
import { fileContainer } from '../open.js';
import { RawDevice } from '../raw.js';
import { Bands } from '../sparsebundle/bands.js';
import { BundleDevice } from '../sparsebundle/device.js';
import { SparseImageDevice } from '../sparseimage/device.js';
import { ClearSegments } from '../udif/clear-segments.js';
import type { SegmentsPlace } from '../udif/segments.js';
import { asifRuin } from './asif-ruin.js';
import { BandedRuin } from './banded-ruin.js';
import { bandIndexes, bundleFacts } from './bundle-facts.js';
import { LongerDevice } from './longer-device.js';
import { withMendedHeader } from './mended-header.js';
import { statedSize } from './stated-size.js';

/** An image as far as it can be read, whatever is wrong with it. */
export interface Ruin {
  readonly format: ImageFormat;
  /** Clear bytes. What is stored nowhere reads as zeros, and its `extent` says so. */
  readonly device: BlockDevice;
  readonly findings: readonly Finding[];
  close(): void;
}

/** @throws PassphraseError, CorruptError if not even a disk is left, UnsupportedError, StoreError */
export function openRuin(store: FileStore, path: string, passphrase?: Uint8Array): Ruin {
  const findings: Finding[] = [];
  const opened = store.kind(path) === 'directory' ? bundleRuin(store, path, passphrase, findings) : null;
  const { device, format, wipe } = opened ?? fileRuin(store, path, passphrase, findings);
  const stated = statedSize(device);
  if (stated > device.size)
    findings.push(
      finding('disk-cut-off', 'disk', `the disk says that it has ${stated} bytes, of which ${device.size} are there`),
    );
  return {
    format,
    device: stated > device.size ? new LongerDevice(device, stated) : device,
    findings,
    close: () => {
      device.close();
      wipe();
    },
  };
}

interface OpenedRuin {
  readonly device: BlockDevice;
  readonly format: ImageFormat;
  /** Forgets keys. */
  wipe(): void;
}

function bundleRuin(
  store: FileStore,
  path: string,
  passphrase: Uint8Array | undefined,
  findings: Finding[],
): OpenedRuin {
  const facts = bundleFacts(store, path, findings);
  const isEncrypted = store.kind(`${path}/token`) === 'file' && hasToken(store, path);
  const cipher = isEncrypted ? openToken({ store, path, writable: false, passphrase }, facts.bandSize) : null;
  const wrap = cipher
    ? (file: StoreFile) => new EncryptedFile(file, cipher, { dataOffset: 0, clearSize: null })
    : undefined;
  const { bandSize } = facts;
  const last = bandIndexes(store, path).reduce((most, index) => Math.max(most, index), -1);
  const size = findings.length > 0 ? Math.max(facts.size, (last + 1) * bandSize) : facts.size;
  const bands = new Bands(store, `${path}/bands`, bandSize, false, wrap, 'cut');
  bands.list();
  const device = new BundleDevice(bands, { ...facts, size }, false, cipher?.chunkSize);
  return { device: new BandedRuin(device, bandSize), format: 'sparsebundle', wipe: () => cipher?.wipe() };
}

function hasToken(store: FileStore, path: string): boolean {
  const token = store.open(`${path}/token`, 'read');
  try {
    return token.size() > 0;
  } finally {
    token.close();
  }
}

function fileRuin(store: FileStore, path: string, passphrase: Uint8Array | undefined, findings: Finding[]): OpenedRuin {
  const file = store.open(path, 'read');
  try {
    if (detectFile(file)?.kind !== 'encrypted')
      return { ...container({ store, path }, file, findings), wipe: () => {} };
    const clear = openEncryptedFile(file, { store, path, writable: false, passphrase });
    findings.push(...clear.findings);
    const segments = new ClearSegments({ store, passphrase });
    const decrypted = (segment: StoreFile) => segments.open(segment);
    const wipe = (): void => {
      segments.wipe();
      clear.cipher.wipe();
    };
    try {
      return { ...container({ store, path, decrypted }, clear.readable, findings), wipe };
    } catch (error) {
      wipe();
      throw error;
    }
  } catch (error) {
    file.close();
    throw error;
  }
}

/** By content, then by name; what is none of the formats is taken for a raw disk. */
function container(beside: SegmentsPlace, file: StoreFile, findings: Finding[]): Omit<OpenedRuin, 'wipe'> {
  const kind = detectFile(file)?.kind ?? 'raw';
  if (kind === 'asif' || /\.asif$/i.test(beside.path)) {
    const device = asifRuin(file, findings);
    if (device) return { device, format: 'asif' };
  }
  try {
    if (kind !== 'raw' && kind !== 'encrypted') {
      const opened = fileContainer(file, kind, false, { beside });
      findings.push(...(opened.glance?.() ?? []));
      return opened;
    }
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    findings.push(finding('container', kind, error.message, { severity: 'warning' }));
    if (kind !== 'sparseimage') throw error;
  }
  if (kind === 'sparseimage' || /\.sparseimage$/i.test(beside.path)) {
    const mended = tryMended(file, findings);
    if (mended) return { device: mended, format: 'sparseimage' };
  }
  const size = Math.floor(file.size() / 512) * 512;
  return { device: new RawDevice(file, 0, size, false), format: 'udrw' };
}

function tryMended(file: StoreFile, findings: Finding[]): BlockDevice | null {
  try {
    const device = new SparseImageDevice(withMendedHeader(file), false);
    findings.push(
      finding('sparse-header', 'header', 'the header is damaged, and was made anew from its table', {
        severity: 'warning',
      }),
    );
    return device;
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return null;
  }
}
