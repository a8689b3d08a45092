// What a host was asked to do: the calls of a `FileStore` that change something, or make a change durable. Files and
// folders go by a number of their own, so that a call still means the same file after a rename.

/** Number of a file or folder of a `MemoryStore`; the root folder has 1. */
export type NodeId = number;

/** A call that changed or synced a store. */
export type StoreCall =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly folder: NodeId;
      readonly name: string;
      readonly node: NodeId;
    }
  | {
      readonly kind: 'link';
      readonly path: string;
      readonly folder: NodeId;
      readonly name: string;
      readonly node: NodeId;
    }
  | {
      readonly kind: 'makeFolder';
      readonly path: string;
      readonly folder: NodeId;
      readonly name: string;
      readonly node: NodeId;
    }
  | {
      readonly kind: 'remove';
      readonly path: string;
      readonly folder: NodeId;
      readonly name: string;
      readonly node: NodeId;
    }
  | {
      readonly kind: 'rename';
      readonly path: string;
      readonly folder: NodeId;
      readonly name: string;
      readonly toFolder: NodeId;
      readonly toName: string;
      readonly node: NodeId;
    }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly node: NodeId;
      readonly position: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: 'allocate';
      readonly path: string;
      readonly node: NodeId;
      readonly position: number;
      readonly length: number;
    }
  | {
      readonly kind: 'punch';
      readonly path: string;
      readonly node: NodeId;
      readonly position: number;
      readonly length: number;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly node: NodeId; readonly length: number }
  | { readonly kind: 'sync'; readonly path: string; readonly node: NodeId }
  | { readonly kind: 'syncFolder'; readonly path: string; readonly node: NodeId };

/** One line for messages: which call, where, how much. */
export function describeCall(call: StoreCall): string {
  switch (call.kind) {
    case 'write':
      return `write ${call.path} [${call.position}, +${call.bytes.length}]`;
    case 'allocate':
    case 'punch':
      return `${call.kind} ${call.path} [${call.position}, +${call.length}]`;
    case 'truncate':
      return `truncate ${call.path} to ${call.length}`;
    case 'rename':
      return `rename ${call.path} to ${call.toName}`;
    default:
      return `${call.kind} ${call.path || '/'}`;
  }
}
