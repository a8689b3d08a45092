// Which macOS opens an image (B5). Sources: the manual of hdiutil; ASIF came with macOS 26.

/** What each needs; all else that is written here, sparse bundles and journaled HFS+ among it, any macOS since 10.5 opens. */
const NEEDED: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  ulfo: [10, 11],
  apfs: [10, 13],
  ulmo: [10, 15],
  asif: [26, 0],
};
const LEAST = [10, 5] as const;

/** The first version that knows both the file system and the format of the image; `null` for a plain folder. */
export function oldestMacOS(fileSystem: string, format: string | null): string {
  const needed = [fileSystem, format ?? ''].map((name) => NEEDED[name] ?? LEAST);
  const [major, minor] = needed.reduce((a, b) => ((a[0] - b[0] || a[1] - b[1]) > 0 ? a : b));
  return minor === 0 ? `${major}` : `${major}.${minor}`;
}
