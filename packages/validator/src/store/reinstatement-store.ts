import { bytes, columns, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { Reinstatement } from '@ogong/protocol/settlement/reinstatement';

/** This validator's signature over the end of an ejection, at its operator's request. */
export interface Approval extends Reinstatement {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

const approvalColumns = columns({ providerId: bytes, ejection: integer, signature: bytes });
const markColumns = columns({ providerId: bytes, ejection: integer });

/** A provider for which this validator admits no orders. */
export interface Mark {
  readonly providerId: Uint8Array;
  /** Number of its ejection on the chain; 0 until it was seen. */
  readonly ejection: number;
}

export function putApproval(store: Store, approval: Approval): void {
  approvalColumns.insert(store, 'INSERT OR REPLACE INTO reinstatements', approval);
}

export function dropApproval(store: Store, { providerId, ejection }: Reinstatement): void {
  store.prepare('DELETE FROM reinstatements WHERE provider_id = ? AND ejection = ?').run(providerId, ejection);
}

export function listApprovals(store: Store): Approval[] {
  return approvalColumns.all(store.prepare(`SELECT ${approvalColumns.list} FROM reinstatements`));
}

export function findApproval(store: Store, { providerId, ejection }: Reinstatement): Approval | undefined {
  const sql = `SELECT ${approvalColumns.list} FROM reinstatements WHERE provider_id = ? AND ejection = ?`;
  return approvalColumns.get(store.prepare(sql), providerId, ejection);
}

/** Lists marked providers after the given one, in the order of their ids. */
export function listMarks(store: Store, after: Uint8Array, limit: number): Mark[] {
  const sql = `SELECT ${markColumns.list} FROM providers WHERE ejected = 1 AND provider_id > ? ORDER BY provider_id LIMIT ?`;
  return markColumns.all(store.prepare(sql), after, limit);
}

export function noteEjection(store: Store, { providerId, ejection }: Reinstatement): void {
  store.prepare('UPDATE providers SET ejection = ? WHERE provider_id = ?').run(ejection, providerId);
}

/** Removes the mark after a quorum has lifted the ejection. The key's tests began again when it was ejected. */
export function pardonProvider(store: Store, providerId: Uint8Array): void {
  store.prepare('UPDATE providers SET ejected = 0, ejection = 0 WHERE provider_id = ?').run(providerId);
}
