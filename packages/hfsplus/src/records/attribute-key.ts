// Keys of the attributes tree.

import { AttributeKey } from '../structs/attributes.js';
import { writeName } from './catalog-records.js';

export function attributeKey(id: number, name: string, startBlock: number): DataView {
  const view = new DataView(new ArrayBuffer(AttributeKey.size + 2 * name.length));
  AttributeKey.write(view, 0, {
    keyLength: 12 + 2 * name.length,
    pad: 0,
    fileID: id,
    startBlock,
    attrNameLen: name.length,
  });
  writeName(view, AttributeKey.at.attrNameLen, name);
  return view;
}
