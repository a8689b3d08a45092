// The property list of a new UDIF, in Apple's layout: tabs, base64 in lines of 44 characters. It is made in pieces: that of an
// image of 4 TiB has a quarter of a gigabyte.

export interface ListedTable {
  readonly name: string;
  readonly id: number;
  /** Its bytes, in pieces of any length; each is good until the next is asked for. */
  pieces(): Iterable<Uint8Array>;
}

/** Characters of a line, and the bytes that they stand for. */
const LINE = 44;
const LINE_BYTES = 33;
const INDENT = '\t'.repeat(4);
/** Bytes of the one `plst` resource that new images have, and those of it that are 1. */
const PLST = { size: 1032, ones: [517, 519] } as const;

/** The whole list, piece by piece. */
export function* formatList(tables: readonly ListedTable[]): Generator<Buffer> {
  const plst = new Uint8Array(PLST.size);
  for (const at of PLST.ones) plst[at] = 1;
  yield Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>resource-fork</key>
\t<dict>
\t\t<key>blkx</key>
\t\t<array>
`);
  for (const table of tables) yield* resource(table);
  yield Buffer.from('\t\t</array>\n\t\t<key>plst</key>\n\t\t<array>\n');
  yield* resource({ name: '', id: 0, pieces: () => [plst] });
  yield Buffer.from('\t\t</array>\n\t</dict>\n</dict>\n</plist>\n');
}

/** Bytes of the list for tables of `size` bytes each. */
export function listLength(tables: readonly (Pick<ListedTable, 'name' | 'id'> & { readonly size: number })[]): number {
  let length = 0;
  for (const piece of formatList(tables.map(({ name, id }) => ({ name, id, pieces: () => [] }))))
    length += piece.length;
  for (const { size } of tables) {
    const characters = Math.ceil(size / 3) * 4;
    length += characters + Math.ceil(characters / LINE) * (INDENT.length + 1);
  }
  return length;
}

function* resource({ name, id, pieces }: ListedTable): Generator<Buffer> {
  const escaped = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const cfName = name === '' ? '' : `${INDENT}<key>CFName</key>\n${INDENT}<string>${escaped}</string>\n`;
  yield Buffer.from(`\t\t\t<dict>
${INDENT}<key>Attributes</key>
${INDENT}<string>0x0050</string>
${cfName}${INDENT}<key>Data</key>
${INDENT}<data>
`);
  yield* base64Lines(pieces());
  yield Buffer.from(`${INDENT}</data>
${INDENT}<key>ID</key>
${INDENT}<string>${id}</string>
${INDENT}<key>Name</key>
${INDENT}<string>${escaped}</string>
\t\t\t</dict>
`);
}

function* base64Lines(pieces: Iterable<Uint8Array>): Generator<Buffer> {
  const gathered = Buffer.alloc(LINE_BYTES * 1024);
  let length = 0;
  for (const piece of pieces)
    for (let done = 0; done < piece.length; ) {
      const part = piece.subarray(done, done + gathered.length - length);
      gathered.set(part, length);
      length += part.length;
      done += part.length;
      if (length < gathered.length) break;
      yield lines(gathered);
      length = 0;
    }
  if (length > 0) yield lines(gathered.subarray(0, length));
}

function lines(bytes: Buffer): Buffer {
  const text = bytes.toString('base64');
  let all = '';
  for (let at = 0; at < text.length; at += LINE) all += `${INDENT}${text.slice(at, at + LINE)}\n`;
  return Buffer.from(all, 'latin1');
}
