// Tables of on-disk structures for `docs/formats`, from the declarations that the code itself reads and writes by.
// A page holds a table between `<!-- layout NAME -->` and `<!-- end -->`; `npm run docs` writes what stands between.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ByteOrder, type Field, type Fields, Struct } from '@tintype/core';
import { repository } from '../repository.js';

export type Layouts = ReadonlyMap<string, Struct<Fields, ByteOrder>>;

/** All structures that modules of the built packages export, by name; of two with one name, the little-endian one. */
export async function declaredLayouts(): Promise<Layouts> {
  const found = new Map<string, Struct<Fields, ByteOrder>>();
  for (const file of structureModules())
    for (const value of Object.values((await import(pathToFileURL(file).href)) as object))
      if (value instanceof Struct && (!found.has(value.name) || value.layout.order === 'little'))
        found.set(value.name, value);
  return found;
}

/** Built modules in which structures are declared, by the names that such files have. */
function structureModules(): string[] {
  const packages = path.join(repository, 'packages');
  return readdirSync(packages).flatMap((name) => {
    const dist = path.join(packages, name, 'dist');
    if (name === 'testkit') return [];
    return readdirSync(dist, { recursive: true, encoding: 'utf8' })
      .filter((file) => /(^|[\\/])(structs\.js|structs[\\/][\w-]+\.js|resource-fork\.js|decmpfs\.js)$/.test(file))
      .sort()
      .map((file) => path.join(dist, file));
  });
}

const MARKED = /<!-- layout (.+?) -->\n[\s\S]*?<!-- end -->/g;

/** A page with its tables as the declarations are now. @throws RangeError for a structure that is not declared */
export function withLayouts(page: string, layouts: Layouts): string {
  return page.replace(MARKED, (_, name: string) => {
    const layout = layouts.get(name);
    if (!layout) throw new RangeError(`no structure ${name} is declared`);
    return `<!-- layout ${name} -->\n\n${layoutTable(layout)}\n\n<!-- end -->`;
  });
}

/** Names of the structures that a page shows. */
export const layoutsOf = (page: string): string[] => [...page.matchAll(MARKED)].map(([, name]) => name as string);

function layoutTable({ name, layout, fields, at }: Struct<Fields, ByteOrder>): string {
  const offsets: Readonly<Record<string, number>> = at;
  const rows = Object.entries(fields).map(([field, type]) => [
    String(offsets[field]),
    `\`${field}\``,
    typeOf(type),
    type.meaning.replaceAll('|', '\\|'),
  ]);
  const head = `\`${name}\`: ${layout.size} bytes, ${layout.order} endian (${layout.source})`;
  return `${head}\n\n${table(['offset', 'field', 'type', 'meaning'], rows)}`;
}

function typeOf({ width, size, of }: Field): string {
  if (!of) return width === 'bytes' ? `${size} bytes` : width;
  return width === 'nested' ? of.name : `${size / of.size} × ${of.name}`;
}

/** Columns padded as the formatter of the house does it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
