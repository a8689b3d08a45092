// The property list of a new UDIF, in Apple's layout: tabs, base64 in lines of 44 characters.

export interface ListedTable {
  readonly name: string;
  readonly id: number;
  readonly data: Uint8Array;
}

const LINE = 44;
const INDENT = '\t'.repeat(4);
/** Bytes of the one `plst` resource that new images have, and those of it that are 1. */
const PLST = { size: 1032, ones: [517, 519] } as const;

export function formatList(tables: readonly ListedTable[]): Buffer {
  const plst = new Uint8Array(PLST.size);
  for (const at of PLST.ones) plst[at] = 1;
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>resource-fork</key>
\t<dict>
\t\t<key>blkx</key>
\t\t<array>
${tables.map(resource).join('')}\t\t</array>
\t\t<key>plst</key>
\t\t<array>
${resource({ name: '', id: 0, data: plst })}\t\t</array>
\t</dict>
</dict>
</plist>
`);
}

/** Bytes of the list for tables of `size` bytes each. */
export function listLength(tables: readonly (Omit<ListedTable, 'data'> & { readonly size: number })[]): number {
  const empty = formatList(tables.map(({ name, id }) => ({ name, id, data: new Uint8Array(0) }))).length;
  return tables.reduce((sum, { size }) => {
    const characters = Math.ceil(size / 3) * 4;
    return sum + characters + Math.ceil(characters / LINE) * (INDENT.length + 1);
  }, empty);
}

function resource({ name, id, data }: ListedTable): string {
  const escaped = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const cfName = name === '' ? '' : `${INDENT}<key>CFName</key>\n${INDENT}<string>${escaped}</string>\n`;
  return `\t\t\t<dict>
${INDENT}<key>Attributes</key>
${INDENT}<string>0x0050</string>
${cfName}${INDENT}<key>Data</key>
${INDENT}<data>
${base64Lines(data)}${INDENT}</data>
${INDENT}<key>ID</key>
${INDENT}<string>${id}</string>
${INDENT}<key>Name</key>
${INDENT}<string>${escaped}</string>
\t\t\t</dict>
`;
}

function base64Lines(data: Uint8Array): string {
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += LINE) lines.push(`${INDENT}${text.slice(at, at + LINE)}\n`);
  return lines.join('');
}
