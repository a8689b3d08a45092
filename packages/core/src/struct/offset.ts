// Places of fields, with what must be known to read them.

/** Of the numbers in a structure. */
export type ByteOrder = 'big' | 'little';
/** How wide a field is, and how it is read. */
export type Width = 'u8' | 'u16' | 'u32' | 'u64' | 'bytes' | 'array' | 'nested';

/** Where a field lies in its structure. Width and byte order travel with it, so it cannot be read as something else. */
export type Offset<W extends Width, O extends ByteOrder = ByteOrder> = number & {
  readonly width: W;
  readonly order: O;
};
