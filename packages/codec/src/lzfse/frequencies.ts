// Finite state entropy, the writing side: frequencies that fill a table, and what a symbol does to a state.

/** Scales counts so that they sum to the number of states; a symbol that occurs keeps one state at least. */
export function normalise(counts: Uint32Array, states: number): Uint16Array {
  const frequencies = new Uint16Array(counts.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return frequencies;
  let sum = 0;
  for (const [symbol, count] of counts.entries()) {
    const frequency = count === 0 ? 0 : Math.max(1, Math.round((count * states) / total));
    frequencies[symbol] = frequency;
    sum += frequency;
  }
  for (; sum !== states; sum += sum < states ? 1 : -1) {
    const largest = frequencies.indexOf(frequencies.reduce((most, frequency) => Math.max(most, frequency), 0));
    frequencies[largest] = (frequencies[largest] as number) + (sum < states ? 1 : -1);
  }
  return frequencies;
}

/** Per symbol: from which state on it takes `k` bits (else one less), and what leads to the next state. */
export interface EncodingTable {
  readonly from: Int32Array;
  readonly k: Int32Array;
  readonly many: Int32Array;
  readonly few: Int32Array;
}

export function encodingTable(frequencies: Uint16Array, states: number): EncodingTable {
  const length = frequencies.length;
  const table = {
    from: new Int32Array(length),
    k: new Int32Array(length),
    many: new Int32Array(length),
    few: new Int32Array(length),
  };
  let offset = 0;
  for (const [symbol, frequency] of frequencies.entries()) {
    if (frequency === 0) continue;
    const k = Math.clz32(frequency) - Math.clz32(states);
    table.k[symbol] = k;
    table.from[symbol] = (frequency << k) - states;
    table.many[symbol] = offset - frequency + (states >> k);
    // With one symbol only, k is 0, and this is never used.
    table.few[symbol] = k === 0 ? 0 : offset - frequency + (states >> (k - 1));
    offset += frequency;
  }
  return table;
}

/** Bits upwards, least significant first; they are read from their end downwards. */
export class BitWriter {
  readonly #bytes: Uint8Array;
  #length = 0;
  #window = 0;
  #have = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** At most 24 bits. */
  put(bits: number, count: number): void {
    this.#window |= bits << this.#have;
    this.#have += count;
    for (; this.#have >= 8; this.#have -= 8) {
      this.#bytes[this.#length] = this.#window;
      this.#length += 1;
      this.#window >>>= 8;
    }
  }

  /** Writes the bits that a symbol takes in `state`; answers the next state. */
  symbol(table: EncodingTable, symbol: number, state: number): number {
    const isMany = state >= (table.from[symbol] as number);
    const count = (table.k[symbol] as number) - (isMany ? 0 : 1);
    this.put(state & ((1 << count) - 1), count);
    return (state >> count) + ((isMany ? table.many[symbol] : table.few[symbol]) as number);
  }

  /** The bytes, and how many bits of the last one are in use, less 8 (0 if all of them). */
  end(): { readonly bytes: Uint8Array; readonly bits: number } {
    const bits = this.#have === 0 ? 0 : this.#have - 8;
    if (this.#have > 0) this.put(0, 8 - this.#have);
    return { bytes: this.#bytes.subarray(0, this.#length), bits };
  }
}
