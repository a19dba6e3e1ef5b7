import { findOne, type Work } from '@ogong/host/store/work';
import { dropRow, putRow } from '@ogong/host/store/work-rows';
import { pad, padUnit, unpad } from '@ogong/protocol/sealing/padding';
import { drawSealKey, openValue, sealValue } from '../seal/sealed-box.ts';
import { contentTable, rowKeyTable, type SealedRow, sealedRow } from './memory-schema.ts';
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
  // One statement, so that a change of the row never comes in between.
  const sql = `SELECT r.id, r.content, k.wrapped FROM memory_rows r
    LEFT JOIN memory_row_keys k ON k.user_id = r.user_id AND k.kind = r.kind AND k.id = r.id
    WHERE r.user_id = ? AND r.kind = ? AND r.id = ?`;
  const row = yield* findOne(sealedRow, sql, owner.userId, kind, id);
  return row && openRow(owner, kind, row);
}

export function* dropSealed(userId: string, kind: RowKind, id: string): Work<void> {
  yield* dropRow(contentTable, userId, kind, id);
  yield* dropRow(rowKeyTable, userId, kind, id);
}
