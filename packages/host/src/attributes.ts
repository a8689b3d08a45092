// Names of extended attributes: on the host, and as `Volume` shows them (and images keep them).
// Linux has namespaces, images have none: `user.X` is kept as `X`, all others under their full names; `user.X` stays
// whole where X alone would read as a full name.

const linuxNamespaces = ['user.', 'security.', 'trusted.', 'system.', 'com.apple.system.'];

/** The image's name of a Linux host's attribute. */
export function imageXattrName(hostName: string): string {
  if (!hostName.startsWith('user.')) return hostName;
  const bare = hostName.slice('user.'.length);
  return bare === '' || linuxNamespaces.some((space) => bare.startsWith(space)) ? hostName : bare;
}

/** The Linux host's name of an image's attribute; `imageXattrName` gives it back, but for `com.apple.system.…`. */
export function hostXattrName(imageName: string): string {
  const isFull = ['user.', 'security.', 'trusted.', 'system.'].some((space) => imageName.startsWith(space));
  return isFull ? imageName : `user.${imageName}`;
}
