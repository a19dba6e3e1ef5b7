import type { Work } from '@ogong/host/store/work';
import { dropRow, findTogether, putRow } from '@ogong/host/store/work-rows';
import { pad, padUnit, unpad } from '@ogong/protocol/sealing/padding';
import { drawSealKey, openValue, sealValue } from '../seal/sealed-box.ts';
import { contentTable, rowKeyTable, type SealedRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';

export type RowKind = 'memory' | 'evidence' | 'note';

/** The id of a user and the user's key. */
export interface RowOwner {
  readonly userId: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Seals a value under a key of its own, and that key under the user's. The length shows the order of the size alone. */
export function sealRow(
  { userId, key }: RowOwner,
  kind: RowKind,
  id: string,
  value: Uint8Array,
): SealedRow & { readonly wrapped: Uint8Array } {
  const rowKey = drawSealKey();
  return {
    id,
    content: sealValue(rowKey, { kind, userId, id }, pad(value, padUnit)),
    wrapped: sealValue(key, { kind: `${kind}-key`, userId, id }, rowKey),
  };
}

/** @throws MemoryStoreError `damaged` */
export function openRow({ userId, key }: RowOwner, kind: RowKind, { id, content, wrapped }: SealedRow): Uint8Array {
  if (wrapped === undefined)
    throw new MemoryStoreError('damaged', `the key of the ${kind} ${id} is missing: restore the tables of keys too`);
  const rowKey = openValue(key, { kind: `${kind}-key`, userId, id }, wrapped);
  return unpad(openValue(rowKey, { kind, userId, id }, content), padUnit);
}

/** Replaces a row and its key. @returns bytes of its content. */
export function* putSealed(owner: RowOwner, kind: RowKind, id: string, value: Uint8Array): Work<number> {
  const { content, wrapped } = sealRow(owner, kind, id, value);
  yield* putRow(contentTable, { userId: owner.userId, kind, id, content });
  yield* putRow(rowKeyTable, { userId: owner.userId, kind, id, wrapped });
  return content.length;
}

export function* findSealed(owner: RowOwner, kind: RowKind, id: string): Work<Uint8Array | undefined> {
  const key = [owner.userId, kind, id];
  const [contents, keys] = yield* findTogether({ table: contentTable, key }, { table: rowKeyTable, key });
  const [row] = contents;
  return row && openRow(owner, kind, { ...row, wrapped: keys[0]?.wrapped });
}

export function* dropSealed(userId: string, kind: RowKind, id: string): Work<void> {
  yield* dropRow(contentTable, userId, kind, id);
  yield* dropRow(rowKeyTable, userId, kind, id);
}
