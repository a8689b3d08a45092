// What a new image takes over from its source: file system and case sensitivity (B29).

import type { Volume } from '@tintype/core';
import { spaceAt } from '@tintype/host';
import { isAppleFileSystem, type SourceForm } from '../rules/new-volume.js';
import type { Side } from './sides.js';

export function sourceForm({ path, stack, fileSystem, volume }: Side): SourceForm {
  if (stack) return { fileSystem: fileSystem.kind, caseSensitive: volume.traits.caseSensitive };
  const { kind } = spaceAt(path);
  // Linux folds no case by itself; a volume of Apple's that is mounted there may.
  const caseSensitive = (isAppleFileSystem(kind) ? tellsCase(volume) : null) ?? volume.traits.caseSensitive;
  return { fileSystem: kind, caseSensitive };
}

/** Asks for a name of the root folder in the other case; null if no name there has one. */
export function tellsCase(volume: Volume): boolean | null {
  const items = volume.list(volume.root.id);
  const names = new Set(items.map(({ name }) => name));
  for (const name of names) {
    const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
    if (other !== name) return names.has(other) || volume.lookup(volume.root.id, other) === null;
  }
  return null;
}
