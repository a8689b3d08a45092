// How a disk is cut into the tables of a UDIF: partitions, the map itself, and what lies between, without gaps, named as
// macOS names them. Source: images made by macOS (docs/formats/images.md, "Regions and their names").

import type { PartitionMap } from '../disk-image.js';

export interface Region {
  readonly name: string;
  /** Resource id, as the property list says it. */
  readonly id: number;
  /** The number that stands in the table. */
  readonly descriptor: number;
  /** Bytes on the disk. */
  readonly start: number;
  readonly size: number;
  /** True if nothing in it counts. */
  readonly isFree: boolean;
}

interface Span {
  readonly label: string;
  readonly type: string;
  readonly start: number;
  readonly size: number;
}

const SECTOR = 512;
const GPT_TABLE = 32 * SECTOR;
const WHOLE = 0xffff_fffe;

/** A disk whose map is of another kind, or strange, is one region. */
export function regionsOf({ scheme, blockSize, partitions }: PartitionMap, size: number): readonly Region[] {
  const inMap = partitions.map(({ name, type, start, size: length }) => ({ label: name, type, start, size: length }));
  const spans = scheme === 'gpt' ? gptSpans(inMap, size) : scheme === 'apm' ? apmSpans(inMap) : null;
  const all = blockSize === SECTOR && spans ? withoutGaps(spans, size) : null;
  if (!all) return [whole(partitions.length === 1 ? (partitions[0]?.type ?? '') : '', size)];
  return all.map(({ label, type, start, size: length }, n) => ({
    name: `${label} (${type} : ${n})`,
    id: n - 1,
    descriptor: scheme === 'gpt' ? n : (n - 1) >>> 0,
    start,
    size: length,
    isFree: type === 'Apple_Free',
  }));
}

function whole(type: string, size: number): Region {
  const name = `whole disk (${type === '' ? 'Apple_HFS' : type} : 0)`;
  return { name, id: 0, descriptor: WHOLE, start: 0, size, isFree: false };
}

function gptSpans(partitions: readonly Span[], size: number): Span[] {
  return [
    { label: 'Protective Master Boot Record', type: 'MBR', start: 0, size: SECTOR },
    { label: 'GPT Header', type: 'Primary GPT Header', start: SECTOR, size: SECTOR },
    { label: 'GPT Partition Data', type: 'Primary GPT Table', start: 2 * SECTOR, size: GPT_TABLE },
    ...partitions,
    { label: 'GPT Partition Data', type: 'Backup GPT Table', start: size - SECTOR - GPT_TABLE, size: GPT_TABLE },
    { label: 'GPT Header', type: 'Backup GPT Header', start: size - SECTOR, size: SECTOR },
  ];
}

function apmSpans(partitions: readonly Span[]): Span[] {
  return [{ label: 'Driver Descriptor Map', type: 'DDM', start: 0, size: SECTOR }, ...partitions];
}

/** In the disk's order, with free regions between; null if two overlap or one reaches outside. */
function withoutGaps(spans: readonly Span[], size: number): Span[] | null {
  const all: Span[] = [];
  let end = 0;
  const free = (upTo: number) => {
    if (upTo > end) all.push({ label: '', type: 'Apple_Free', start: end, size: upTo - end });
  };
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < end || span.size <= 0 || span.start % SECTOR !== 0 || span.size % SECTOR !== 0) return null;
    free(span.start);
    all.push(span);
    end = span.start + span.size;
  }
  if (end > size) return null;
  free(size);
  return all;
}
