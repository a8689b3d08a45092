// Property lists in XML, read strictly: no entities but the five of XML, no external things, a bounded depth, base64 that
// is base64. Nothing here recurses. Source: Apple's DTD; lists in images made by macOS.

import { CorruptError } from '@tintype/core';
import { PLIST_DEPTH } from '../limits.js';

export type PlistValue = string | boolean | Uint8Array | PlistList | PlistDictionary;
export type PlistList = PlistValue[];
export type PlistDictionary = Map<string, PlistValue>;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const LEAVES = ['key', 'string', 'data', 'integer', 'real', 'date'];

/** Numbers and dates are answered as their text. @throws CorruptError */
export function parsePlist(text: string): PlistValue {
  return new PlistParser(text).run();
}

interface Open {
  readonly name: 'plist' | 'dict' | 'array';
  readonly value: PlistList | PlistDictionary;
  key: string | null;
}

class PlistParser {
  readonly #text: string;
  readonly #open: Open[] = [];
  #at = 0;
  #root: PlistValue | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  run(): PlistValue {
    while (this.#root === null || this.#open.length > 0) {
      const start = this.#text.indexOf('<', this.#at);
      if (start < 0) throw corrupt(this.#at, 'ends in the middle');
      if (this.#text.slice(this.#at, start).trim() !== '') throw corrupt(this.#at, 'has text between its elements');
      this.#tag(start);
    }
    return this.#root;
  }

  #tag(start: number): void {
    if (this.#text.startsWith('<!--', start)) {
      const end = this.#text.indexOf('-->', start);
      if (end < 0) throw corrupt(start, 'a comment does not end');
      this.#at = end + 3;
      return;
    }
    const end = this.#text.indexOf('>', start);
    if (end < 0) throw corrupt(start, 'a tag does not end');
    const tag = this.#text.slice(start + 1, end);
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
    const end = this.#text.indexOf('<', this.#at);
    if (end < 0 || !this.#text.startsWith(`</${name}>`, end)) throw corrupt(start, `<${name}> does not end`);
    const content = this.#text.slice(this.#at, end);
    this.#at = end + name.length + 3;
    this.#leaf(name, content, start);
  }

  #empty(name: string, start: number): void {
    if (name === 'true' || name === 'false') this.#put(name === 'true', start);
    else if (name === 'dict' || name === 'array') this.#put(name === 'dict' ? new Map() : [], start);
    else if (name === 'string' || name === 'data') this.#leaf(name, '', start);
    else throw corrupt(start, `<${name}/> is not known`);
  }

  #leaf(name: string, content: string, start: number): void {
    if (name !== 'key') {
      this.#put(name === 'data' ? fromBase64(content, start) : withoutEntities(content, start), start);
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

function fromBase64(text: string, start: number): Uint8Array {
  const base64 = text.replace(/\s+/g, '');
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw corrupt(start, 'data are no base64');
  return Buffer.from(base64, 'base64');
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('property list', 'element', at, problem);
}
