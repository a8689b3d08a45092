// Numbers that bound what this package does with bytes it did not write.

/** Bytes of a bundle's property list. */
export const INFO_PLIST_LIMIT = 64 << 10;
/** Bytes of a UDIF's property list. */
export const UDIF_PLIST_LIMIT = 256 << 20;
/** Clear bytes of one chunk. */
export const CHUNK_LIMIT = 64 << 20;
/** Band files open at the same time. */
export const OPEN_BANDS = 64;
/** Bands of a new bundle, at the most (B14). */
export const BANDS_LIMIT = 65_536;
export const DEFAULT_BAND_SIZE = 8 << 20;
export const SMALLEST_BAND = 4096;
export const LARGEST_BAND = 2 ** 40;
export const PARTITIONS_LIMIT = 1024;
/** Bytes of an encryption header as far as its keys reach. */
export const HEADER_LIMIT = 1 << 20;
export const KEY_ENTRIES_LIMIT = 64;
/** Rounds of a key derivation: a minute's work. */
export const KDF_ROUNDS_LIMIT = 50_000_000;
/** Of a new passphrase: 0.2 s and more. */
export const DEFAULT_KDF_ROUNDS = 500_000;
/** Pages of 512 initialisation vectors that are kept: 8 KiB each, for 256 KiB of chunks of 512 bytes. */
export const VECTOR_PAGES = 2048;
/** Of each further file of an image, of which there may be a thousand. */
export const SEGMENT_VECTOR_PAGES = 32;
/** Elements within each other in a property list. */
export const PLIST_DEPTH = 8;
/** Chunks of one table of a UDIF: 16 TiB in chunks of 1 MiB. */
export const RUNS_LIMIT = 1 << 24;
/** Bytes that a read-only image stores, clear: what stands in its tables stays in memory until the end. */
export const ARCHIVE_LIMIT = 2 ** 42;
export const SEGMENTS_LIMIT = 1000;
/** Decoded chunks of a UDIF that are kept; one is, whatever its size. */
export const DECODED_BYTES = 16 << 20;
