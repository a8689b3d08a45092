// Structures of containers and partition maps, field by field, as text.

import { type FileStore, TintypeError } from '@tintype/core';
import { AsifHeader } from './asif/structs.js';
import { leasePlace } from './claim.js';
import { detect } from './detect.js';
import { readEncryptionHeader } from './encryption/header.js';
import { Cdsaencr, Encrcdsa, KEY_TYPE, KeyEntry, PassphraseBlob } from './encryption/structs.js';
import { fileContainer } from './open.js';
import { ApmEntry, GptEntry, GptHeader } from './partitions/structs.js';
import { readSmallFile } from './sparsebundle/info-plist.js';
import { SparseHeader } from './sparseimage/structs.js';
import { Koly } from './udif/structs.js';

const PLACES = [
  'plist: Info.plist of a bundle',
  'band:N: length of band N (hexadecimal)',
  'sprs: header of a sparse image',
  'shdw: header of an ASIF image',
  'koly: trailer of a UDIF image',
  'gpt: GPT header and first entry of a raw image',
  'apm: first entries of an Apple partition map',
  'encryption: header of an encrypted image, and its first key',
  'lease: who holds the image',
];

/** The container's own structures as text, by place; names of the places if none is given. */
export function* inspectImage(store: FileStore, path: string, place: string | null): Generator<string> {
  const isBundle = store.kind(path) === 'directory';
  const [name = '', argument = ''] = (place ?? '').split(':');
  if (name === 'plist' && isBundle) yield Buffer.from(readSmallFile(store, `${path}/Info.plist`)).toString('utf8');
  else if (name === 'band' && isBundle) yield bandLine(store, `${path}/bands/${argument}`, argument);
  else if (name === 'sprs') yield fromFile(store, path, 0, SparseHeader.size, (view) => SparseHeader.dump(view, 0));
  else if (name === 'shdw') yield fromFile(store, path, 0, AsifHeader.size, (view) => AsifHeader.dump(view, 0));
  else if (name === 'koly') {
    yield fromFile(store, path, -Koly.size, Koly.size, (view) => Koly.dump(view, 0));
    yield* trailerLines(store, path);
  } else if (name === 'gpt' && !isBundle)
    yield fromFile(store, path, 512, 1024, (view) => `${GptHeader.dump(view, 0)}\n${GptEntry.dump(view, 512)}`);
  else if (name === 'apm' && !isBundle)
    yield fromFile(store, path, 512, 1024, (view) => `${ApmEntry.dump(view, 0)}\n${ApmEntry.dump(view, 512)}`);
  else if (name === 'encryption') yield encryptionText(store, isBundle ? `${path}/token` : path);
  else if (name === 'lease') yield* leaseLines(store, path, isBundle);
  else {
    yield `${path}: ${detect(store, path)?.kind ?? 'no disk image'}; places of the container:`;
    yield* PLACES;
  }
}

/** Whether the trailer goes with the tables. */
function* trailerLines(store: FileStore, path: string): Generator<string> {
  if (detect(store, path)?.kind !== 'udif') return;
  const file = store.open(path, 'read');
  let opened: { close(): void } = file;
  try {
    const { device, glance } = fileContainer(file, 'udif', false, { beside: { store, path } });
    opened = device;
    for (const { place, message } of glance?.() ?? []) yield `damaged: ${place}: ${message}`;
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    yield `damaged: ${error.message}`;
  } finally {
    opened.close();
  }
}

function bandLine(store: FileStore, path: string, name: string): string {
  if (store.kind(path) !== 'file') return `band ${name} is absent: it reads as zeros`;
  const file = store.open(path, 'read');
  const size = file.size();
  const stored = file.allocated(0, size);
  file.close();
  return `band ${name}: ${size} bytes, ${stored} of them stored`;
}

function* leaseLines(store: FileStore, path: string, isBundle: boolean): Generator<string> {
  const { folder, prefix } = leasePlace(path, isBundle);
  for (const { name } of store.list(folder))
    if (name.startsWith(prefix))
      yield `${name}: ${Buffer.from(readSmallFile(store, `${folder}/${name}`))
        .toString('utf8')
        .trim()}`;
}

function encryptionText(store: FileStore, path: string): string {
  const file = store.open(path, 'read');
  try {
    const header = readEncryptionHeader(file);
    if (!header) return `${path} is not encrypted`;
    const view = new DataView(header.bytes.buffer, header.bytes.byteOffset, header.bytes.length);
    if (header.version === 1) return Cdsaencr.dump(view, 0);
    const first = header.keys.find(({ type }) => type === KEY_TYPE.passphrase);
    return [
      Encrcdsa.dump(view, 0),
      ...header.keys.map((_, i) => KeyEntry.dump(view, Encrcdsa.size + i * KeyEntry.size)),
      ...(first ? [PassphraseBlob.dump(view, first.offset)] : []),
    ].join('\n');
  } finally {
    file.close();
  }
}

function fromFile(
  store: FileStore,
  path: string,
  position: number,
  length: number,
  show: (view: DataView) => string,
): string {
  const file = store.open(path, 'read');
  const bytes = new Uint8Array(length);
  file.read(position < 0 ? Math.max(0, file.size() + position) : position, bytes);
  file.close();
  return show(new DataView(bytes.buffer));
}
