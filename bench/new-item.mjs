// What a volume is told of a new file or folder.

export const newItem = (name, kind, size) => ({
  name,
  kind,
  size,
  mode: kind === 'file' ? 0o644 : 0o755,
  uid: 0,
  gid: 0,
  flags: 0,
  target: '',
  rdevMajor: 0,
  rdevMinor: 0,
  ...Object.fromEntries(
    ['mtime', 'ctime', 'btime'].flatMap((time) => [
      [time, 1e9],
      [`${time}Nanos`, 0],
    ]),
  ),
});
