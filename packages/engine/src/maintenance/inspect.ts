// Inspect: any structure of an image, field by field.

import { WindowDevice } from '@tintype/core';
import { inspectImage, openImage, partitionMap } from '@tintype/image';
import type { ImageChoice } from '../operation.js';
import { probeVolumes } from '../stack.js';
import type { InfoContext } from './info.js';

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
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: true, passphrase });
  try {
    const found = probeVolumes(image.device, partitionMap(image.device)).find(
      ({ index }) => String(index) === (volume ?? '0'),
    );
    if (!found) return;
    if (place === null) yield `volume ${found.index} (${found.driver.kind}); places:`;
    yield* found.driver.inspect(new WindowDevice(image.device, found.partition.start, found.partition.size), place);
  } finally {
    image.close();
  }
}
