// Objects laid out byte by byte as docs/formats/apfs.md has them, for containers of forms that no image is at hand of. Nothing
// of the code that reads or writes containers is used for it, so that this is tried on what it did not make. Only tests import
// this.

/** The storage kinds of section 1.3. */
export const VIRTUAL = 0;
export const PHYSICAL = 0x4000_0000;
export const EPHEMERAL = 0x8000_0000;
export const HEADER = 32;

export interface Identity {
  readonly oid: number;
  readonly xid: number;
  /** The whole o_type. */
  readonly type: number;
  readonly subtype?: number;
}

/** An object of `size` zeros with its header; `finish` it before it is written. */
export function draft(size: number, { oid, xid, type, subtype = 0 }: Identity): DataView {
  const view = new DataView(new ArrayBuffer(size));
  put64(view, 0x08, oid);
  put64(view, 0x10, xid);
  view.setUint32(0x18, type, true);
  view.setUint32(0x1c, subtype, true);
  return view;
}

export function put64(view: DataView, at: number, value: number | bigint): void {
  view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
}
/** Fields of four bytes, by offset. */
export function put32(view: DataView, fields: Readonly<Record<number, number>>): void {
  for (const [at, value] of Object.entries(fields)) view.setUint32(Number(at), value, true);
}
/** Fields of eight bytes, by offset. */
export function putAll64(view: DataView, fields: Readonly<Record<number, number | bigint>>): void {
  for (const [at, value] of Object.entries(fields)) put64(view, Number(at), value);
}

/** Section 1.2, one word after another. */
export function finish(view: DataView): Uint8Array {
  const modulus = 0xffff_ffff;
  let first = 0;
  let second = 0;
  for (let at = 8; at < view.byteLength; at += 4) {
    first = (first + view.getUint32(at, true)) % modulus;
    second = (second + first) % modulus;
  }
  const low = modulus - ((first + second) % modulus);
  view.setUint32(0, low, true);
  view.setUint32(4, modulus - ((first + low) % modulus), true);
  return bytesOf(view);
}

export function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
