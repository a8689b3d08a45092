// What the header of an object says beside what reading it makes sure of: no flag that is not for this kind of object, a
// transaction, and a subtype of trees only. See docs/formats/apfs.md.

import { u32le } from '@tintype/core';
import { OBJECT_ENCRYPTED, OBJECT_TYPE, ObjectHeader, STORAGE_MASK, TYPE_MASK } from '../structs/object.js';

const at = ObjectHeader.at;
const FLAGS = ~(STORAGE_MASK | TYPE_MASK);

/** What is wrong with it, or null. Only nodes of the trees of encrypted volumes are encrypted. */
export function headerProblem(view: DataView, content: 'clear' | 'encrypted' = 'clear'): string | null {
  const type = u32le(view, 0, at.o_type);
  const flags = (type & FLAGS) >>> 0;
  if (flags !== (content === 'encrypted' ? OBJECT_ENCRYPTED : 0))
    return `its header has flags ${flags.toString(16)}, and its content is ${content}`;
  if (view.getUint32(at.o_xid, true) === 0 && view.getUint32(at.o_xid + 4, true) === 0)
    return 'no transaction wrote it';
  const isTree = (type & TYPE_MASK) === OBJECT_TYPE.btree || (type & TYPE_MASK) === OBJECT_TYPE.btreeNode;
  const subtype = u32le(view, 0, at.o_subtype);
  return isTree || subtype === 0 ? null : `it is no tree, but has subtype ${subtype}`;
}
