// Names of extended attributes: on the host, and as `Volume` shows them (and images keep them).
// Linux has namespaces, images have none: `user.X` is kept as `X`, all others under their full names; `user.X` stays
// whole where X alone would read as a full name, or mean something to Apple's file systems.
//
// Every name of the host has one in images, and no two the same. The other way it cannot be: `user.X` of an image, where
// the host's attribute would be X itself, has no name on the host. `user.user.X` is not free for it: that one is kept whole,
// as scripts were promised and as images are that exist, and to give it up would take `user.user.user.X` in turn. So a
// restore reports such an attribute (`xattrAsStored`) instead of giving it a name that the next backup would change.

const linuxNamespaces = ['user.', 'security.', 'trusted.', 'system.'];
const appleNamespaces = ['com.apple.system.', 'com.apple.fs.'];
/** The header of a compressed file, and a mark that APFS sets. */
const appleNames = ['com.apple.decmpfs', 'purgeable-drecs-fixed'];

/** The image's name of a Linux host's attribute. */
export function imageXattrName(hostName: string): string {
  if (!hostName.startsWith('user.')) return hostName;
  const bare = hostName.slice('user.'.length);
  const isTaken = [...linuxNamespaces, ...appleNamespaces].some((space) => bare.startsWith(space));
  return bare === '' || isTaken || appleNames.includes(bare) ? hostName : bare;
}

/** The Linux host's name of an image's attribute. Where `imageXattrName` does not give it back, the host has no place for it. */
export function hostXattrName(imageName: string): string {
  const isFull = linuxNamespaces.some((space) => imageName.startsWith(space));
  return isFull ? imageName : `user.${imageName}`;
}
