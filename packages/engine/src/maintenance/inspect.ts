// Inspect: any structure of an image, field by field.

import { UnsupportedError, WindowDevice } from '@tintype/core';
import { inspectImage, partitionMap } from '@tintype/image';
import type { ImageChoice } from '../operation.js';
import { searchVolumes } from '../stack.js';
import type { InfoContext } from './info.js';
import { imageToRead } from './opened-image.js';

/** `place`: one of the container's, or of the file system's; null: the list of both. */
export function* inspect(
  path: string,
  place: string | null,
  { volume, passphrase }: ImageChoice,
  { store, holder }: InfoContext,
): Generator<string> {
  const containerPlaces = ['plist', 'band', 'sprs', 'shdw', 'koly', 'gpt', 'apm', 'encryption', 'lease'];
  if (place === null || containerPlaces.includes(place.split(':')[0] ?? '')) yield* inspectImage(store, path, place);
  if (place !== null && containerPlaces.includes(place.split(':')[0] ?? '')) return;
  const image = imageToRead(path, { passphrase, ignoreChecksums: true }, { store, holder });
  try {
    for (const { place: where, message } of image.glance()) yield `damaged: ${where}: ${message}`;
    const { found, damaged } = searchVolumes(image.device, partitionMap(image.device));
    // Damaged ones, which one wants to look at most, are counted after the others.
    const named = found.find(({ volume: { name, uuid } }) => uuid === volume?.toUpperCase() || name === volume);
    const index = named?.index ?? Number(volume ?? '0');
    const chosen = found[index] ?? damaged[index - found.length];
    if (!chosen && place === null && volume === undefined) return;
    if (!chosen) throw new UnsupportedError(`${path} holds no volume ${volume ?? '0'}`);
    const { driver, partition } = chosen;
    const state = index < found.length ? '' : ', damaged';
    if (place === null) yield `volume ${index} (${driver.kind}${state}); places:`;
    yield* driver.inspect(new WindowDevice(image.device, partition.start, partition.size), place);
  } finally {
    image.close();
  }
}
