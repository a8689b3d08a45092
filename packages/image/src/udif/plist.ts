// Property lists in XML, read strictly: no entities but the five of XML, no external things, a bounded depth, base64 that
// is base64. Nothing here recurses. Source: Apple's DTD; lists in images made by macOS.

import { CorruptError } from '@tintype/core';
import { PLIST_DEPTH } from '../limits.js';

export type PlistValue = string | boolean | Uint8Array | PlistList | PlistDictionary;
export type PlistList = PlistValue[];
export type PlistDictionary = Map<string, PlistValue>;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const [SPACE, PADDING, NO_DIGIT] = [64, 65, 255];
/** What each byte is in base64. */
const DIGITS = digits();
const LEAVES = ['key', 'string', 'data', 'integer', 'real', 'date'];

/**
 * `xml`: UTF-8; its memory is taken for what the list's data stand for, since that can be a quarter of a gigabyte. Numbers and
 * dates are answered as their text. @throws CorruptError
 */
export function parsePlist(xml: Uint8Array): PlistValue {
  return new PlistParser(Buffer.from(xml.buffer, xml.byteOffset, xml.length)).run();
}

interface Open {
  readonly name: 'plist' | 'dict' | 'array';
  readonly value: PlistList | PlistDictionary;
  key: string | null;
}

class PlistParser {
  readonly #xml: Buffer;
  readonly #open: Open[] = [];
  #at = 0;
  #root: PlistValue | null = null;

  constructor(xml: Buffer) {
    this.#xml = xml;
  }

  run(): PlistValue {
    while (this.#root === null || this.#open.length > 0) {
      const start = this.#xml.indexOf('<', this.#at);
      if (start < 0) throw corrupt(this.#at, 'ends in the middle');
      if (this.#xml.toString('utf8', this.#at, start).trim() !== '')
        throw corrupt(this.#at, 'has text between its elements');
      this.#tag(start);
    }
    return this.#root;
  }

  #tag(start: number): void {
    if (this.#startsWith('<!--', start)) {
      const end = this.#xml.indexOf('-->', start);
      if (end < 0) throw corrupt(start, 'a comment does not end');
      this.#at = end + 3;
      return;
    }
    const end = this.#xml.indexOf('>', start);
    if (end < 0) throw corrupt(start, 'a tag does not end');
    const tag = this.#xml.toString('utf8', start + 1, end);
    this.#at = end + 1;
    if (tag.startsWith('?')) return;
    if (tag.startsWith('!')) {
      // An internal subset could define entities.
      if (!tag.startsWith('!DOCTYPE') || tag.includes('[')) throw corrupt(start, 'declares more than a property list');
      return;
    }
    if (tag.startsWith('/')) this.#close(tag.slice(1).trim(), start);
    else if (tag.endsWith('/')) this.#empty(tag.slice(0, -1).trim(), start);
    else this.#begin(tag.split(/\s/, 1)[0] ?? '', start);
  }

  #begin(name: string, start: number): void {
    if (name === 'plist' || name === 'dict' || name === 'array') {
      if (this.#open.length >= PLIST_DEPTH) throw corrupt(start, 'is nested too deeply');
      if ((name === 'plist') !== (this.#open.length === 0)) throw corrupt(start, `<${name}> does not belong here`);
      this.#open.push({ name, value: name === 'dict' ? new Map() : [], key: null });
      return;
    }
    if (!LEAVES.includes(name)) throw corrupt(start, `<${name}> is not known`);
    const from = this.#at;
    const end = this.#xml.indexOf('<', from);
    if (end < 0 || !this.#startsWith(`</${name}>`, end)) throw corrupt(start, `<${name}> does not end`);
    this.#at = end + name.length + 3;
    if (name === 'data') this.#put(decodedInPlace(this.#xml.subarray(from, end), start), start);
    else this.#leaf(name, this.#xml.toString('utf8', from, end), start);
  }

  #startsWith(text: string, at: number): boolean {
    return this.#xml.toString('latin1', at, at + text.length) === text;
  }

  #empty(name: string, start: number): void {
    if (name === 'true' || name === 'false') this.#put(name === 'true', start);
    else if (name === 'dict' || name === 'array') this.#put(name === 'dict' ? new Map() : [], start);
    else if (name === 'string') this.#put('', start);
    else if (name === 'data') this.#put(this.#xml.subarray(0, 0), start);
    else throw corrupt(start, `<${name}/> is not known`);
  }

  #leaf(name: string, content: string, start: number): void {
    if (name !== 'key') {
      this.#put(withoutEntities(content, start), start);
      return;
    }
    const open = this.#open.at(-1);
    if (open?.name !== 'dict' || open.key !== null) throw corrupt(start, 'a key does not belong here');
    open.key = withoutEntities(content, start);
  }

  #close(name: string, start: number): void {
    const open = this.#open.pop();
    if (open?.name !== name || open.key !== null) throw corrupt(start, `</${name}> does not belong here`);
    if (open.name !== 'plist') this.#put(open.value, start);
    else if (this.#root === null) throw corrupt(start, 'is empty');
  }

  #put(value: PlistValue, start: number): void {
    const open = this.#open.at(-1);
    if (!open) throw corrupt(start, 'a value stands outside the list');
    if (open.name === 'plist') {
      if (this.#root !== null) throw corrupt(start, 'has more than one value');
      this.#root = value;
    } else if (Array.isArray(open.value)) open.value.push(value);
    else {
      if (open.key === null) throw corrupt(start, 'a value has no key');
      open.value.set(open.key, value);
      open.key = null;
    }
  }
}

function digits(): Uint8Array {
  const all = new Uint8Array(256).fill(NO_DIGIT);
  for (const space of Buffer.from(' \t\n\v\f\r')) all[space] = SPACE;
  all[0x3d] = PADDING;
  const known = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (const [value, digit] of [...Buffer.from(known)].entries()) all[digit] = value;
  return all;
}

function withoutEntities(text: string, start: number): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;]*);?/g, (all, name: string) => {
    const known = ENTITIES[name];
    if (known !== undefined && all.endsWith(';')) return known;
    const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = number ? Number.parseInt(number[1] ?? number[2] ?? '', number[1] ? 16 : 10) : Number.NaN;
    if (!all.endsWith(';') || !(code > 0 && code <= 0x10_ffff)) throw corrupt(start, 'an entity that is not known');
    return String.fromCodePoint(code);
  });
}

/** Base64 in the memory that it has: what it stands for is shorter. */
function decodedInPlace(base64: Buffer, start: number): Buffer {
  let bits = 0;
  let characters = 0;
  let padding = 0;
  let length = 0;
  for (let i = 0; i < base64.length; i += 1) {
    const digit = DIGITS[base64[i] as number] as number;
    if (digit === SPACE) continue;
    if (digit === PADDING) padding += 1;
    if (digit === NO_DIGIT || padding > 2 || (padding > 0 && digit !== PADDING))
      throw corrupt(start, 'data are no base64');
    bits = (bits << 6) | (digit === PADDING ? 0 : digit);
    characters += 1;
    if ((characters & 3) !== 0) continue;
    base64[length] = bits >>> 16;
    base64[length + 1] = bits >>> 8;
    base64[length + 2] = bits;
    length += 3;
    bits = 0;
  }
  if ((characters & 3) !== 0) throw corrupt(start, 'data are no base64');
  return base64.subarray(0, length - padding);
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('property list', 'element', at, problem);
}
