import { bytes, columns, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { Reinstatement } from '@ogong/protocol/settlement/reinstatement';

/** This validator's signature over the end of an ejection. Its operator asked for it. */
export interface Approval extends Reinstatement {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

const approvalColumns = columns({ providerId: bytes, ejection: integer, signature: bytes });
const markColumns = columns({ providerId: bytes, ejection: integer });

/** A provider that this validator takes no orders for. */
export interface Mark {
  readonly providerId: Uint8Array;
  /** The number under which the chain has ejected it too; 0 until that was seen. */
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

/** Marked providers behind the given one, in the order of their ids. */
export function listMarks(store: Store, after: Uint8Array, limit: number): Mark[] {
  const sql = `SELECT ${markColumns.list} FROM providers WHERE ejected = 1 AND provider_id > ? ORDER BY provider_id LIMIT ?`;
  return markColumns.all(store.prepare(sql), after, limit);
}

export function noteEjection(store: Store, { providerId, ejection }: Reinstatement): void {
  store.prepare('UPDATE providers SET ejection = ? WHERE provider_id = ?').run(ejection, providerId);
}

/** Takes the mark away: a quorum has taken the ejection back. The key's tests began anew when it was ejected. */
export function pardonProvider(store: Store, providerId: Uint8Array): void {
  store.prepare('UPDATE providers SET ejected = 0, ejection = 0 WHERE provider_id = ?').run(providerId);
}
