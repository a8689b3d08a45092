// What a new image is formatted as (B29): a pure function of what is known of the source.

/** What a source is, as far as a new image follows it. */
export interface SourceForm {
  /** Kind of its file system as `FileSystem.kind` says it in an image, or as the host calls it; null: no source. */
  readonly fileSystem: string | null;
  readonly caseSensitive: boolean;
}

export interface NewVolume {
  readonly fs: string;
  readonly caseSensitive: boolean;
}

/** Where neither the user nor the source says more. */
export const DEFAULT_FILE_SYSTEM = 'apfs';

/** Apple's file systems, by the names that hosts have for them. */
const APPLE: Readonly<Record<string, string>> = {
  'hfs+': 'hfs+',
  hfs: 'hfs+',
  hfsplus: 'hfs+',
  apfs: 'apfs',
  'fuse.apfs': 'apfs',
};

/** As the source, if that lies on a volume of Apple's; else APFS. What was asked for decides. */
export function newVolume(
  asked: { readonly fs?: string | undefined; readonly caseSensitive?: boolean | undefined },
  source: SourceForm,
): NewVolume {
  return {
    fs: asked.fs ?? APPLE[source.fileSystem ?? ''] ?? DEFAULT_FILE_SYSTEM,
    caseSensitive: asked.caseSensitive ?? source.caseSensitive,
  };
}

/** True if the host's own word for a file system is one of Apple's: whether it folds case must be found out. */
export function isAppleFileSystem(kind: string): boolean {
  return Object.hasOwn(APPLE, kind) || kind === 'darwin';
}
