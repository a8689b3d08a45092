// Matches by hash chains, and the triplets that they make: what `src/lzfse/encoder.ts` and `src/matches.ts` do.

import { addTriplet, blockLength, hasRoomFor, isEmpty, startBlocks, takeBlock } from './block';
import { BEFORE, HASH_BITS, HEADS, LONGEST_LITERALS, LONGEST_MATCH, RING, SOURCE } from './memory';

const WINDOW: i32 = 262_139;
const DEPTH: i32 = 8;
/** A match of this length needs no better candidate. */
const ENOUGH: i32 = 64;
/** Matches of this length are taken without looking at the next position. */
const GOOD: i32 = 40;
const MASK: i32 = RING - 1;

let length: i32 = 0;
let next: i32 = 0;
let foundLength: i32 = 0;
let foundDistance: i32 = 0;
let literalsFrom: i32 = 0;
let target: usize = 0;
let most: i32 = 0;

/** Blocks of the source, without an end mark; -1 if they are not shorter than `limit`. */
export function encode(sourceLength: i32, to: usize, limit: i32): i32 {
  memory.fill(HEADS, 0, 4 << HASH_BITS);
  length = sourceLength;
  target = to;
  most = limit;
  next = 0;
  literalsFrom = 0;
  startBlocks();
  let at = 0;
  while (at < length) {
    find(at);
    let match = foundLength;
    let distance = foundDistance;
    if (match === 0) {
      at += 1;
      continue;
    }
    if (match < GOOD) {
      find(at + 1);
      if (foundLength > match) {
        match = foundLength;
        distance = foundDistance;
        at += 1;
      }
    }
    if (!addMatch(at, match, distance)) return -1;
    at += match;
  }
  return finish(to, limit);
}

function finish(to: usize, limit: i32): i32 {
  if (!addLiterals(length)) return -1;
  if (length > literalsFrom && !add(length - literalsFrom, 0, 1)) return -1;
  if (!isEmpty()) target += takeBlock(target);
  const size = <i32>(target - to);
  return size < limit ? size : -1;
}

function find(at: i32): void {
  foundLength = 0;
  const limit = min<i32>(1 << 20, length - at);
  if (limit < 4) return;
  enter(at);
  const here = SOURCE + at;
  const head = HEADS + (hashAt(here) << 2);
  const newest = load<i32>(head);
  let candidate = newest - 1;
  let best = 3;
  for (let left = DEPTH; left > 0 && candidate >= 0 && at - candidate <= WINDOW; left -= 1) {
    const there = SOURCE + candidate;
    // Only where these four are the same can the match be longer.
    if (load<u32>(there + best - 3) === load<u32>(here + best - 3)) {
      const same = sameBytes(there, here, limit);
      if (same > best) {
        best = same;
        foundLength = same;
        foundDistance = at - candidate;
        if (same >= limit || same >= ENOUGH) break;
      }
    }
    const older = load<i32>(BEFORE + ((candidate & MASK) << 2)) - 1;
    if (older >= candidate) break;
    candidate = older;
  }
  store<i32>(BEFORE + ((at & MASK) << 2), newest);
  store<i32>(head, at + 1);
  next = at + 1;
}

/** Positions before `end` enter the chains. */
function enter(end: i32): void {
  const last = min<i32>(end, length - 3);
  let at = next;
  for (; at < last; at += 1) {
    const head = HEADS + (hashAt(SOURCE + at) << 2);
    store<i32>(BEFORE + ((at & MASK) << 2), load<i32>(head));
    store<i32>(head, at + 1);
  }
  next = at;
}

function hashAt(place: usize): usize {
  return (load<u32>(place) * 0x9e37_79b1) >>> (32 - HASH_BITS);
}

function sameBytes(a: usize, b: usize, limit: i32): i32 {
  let same = 0;
  while (same < limit) {
    const different = load<u64>(a + same) ^ load<u64>(b + same);
    if (different !== 0) return min<i32>(limit, same + <i32>(ctz<u64>(different) >> 3));
    same += 8;
  }
  return limit;
}

function addMatch(at: i32, match: i32, distance: i32): boolean {
  if (!addLiterals(at)) return false;
  const first = min<i32>(match, LONGEST_MATCH);
  if (!add(at - literalsFrom, first, distance)) return false;
  for (let done = first; done < match; ) {
    const part = min<i32>(match - done, LONGEST_MATCH);
    if (!add(0, part, distance)) return false;
    done += part;
  }
  literalsFrom = at + match;
  return true;
}

/** All but the last triplet's worth of literals before `end`. */
function addLiterals(end: i32): boolean {
  while (end - literalsFrom > LONGEST_LITERALS) {
    if (!add(LONGEST_LITERALS, 0, 1)) return false;
    literalsFrom += LONGEST_LITERALS;
  }
  return true;
}

/** False if there are as many bytes already as there may be. */
function add(literals: i32, match: i32, distance: i32): boolean {
  if (!hasRoomFor(literals)) {
    target += takeBlock(target);
    most -= blockLength();
    if (most <= 0) return false;
  }
  addTriplet(SOURCE + literalsFrom, literals, match, distance);
  return true;
}
