import type { SQLInputValue } from 'node:sqlite';
import { change, findAll, type Work } from '@ogong/host/store/work';
import { dropRow } from '@ogong/host/store/work-rows';
import type { EmbeddedMemory } from '../memory.ts';
import { entryTable, idRow, type SealedEntryRow, sealedEntryRow } from './memory-schema.ts';
import type { MemoryFilter } from './memory-store.ts';
import { readMemory } from './row-contents.ts';
import { dropSealed, openRow, type RowKind, type RowOwner } from './sealed-rows.ts';

const JOINED = `SELECT e.user_id, e.id, e.created_ms, e.supersedes, e.superseded_ms, e.revision, r.content, k.wrapped
  FROM memory_entries e JOIN memory_rows r ON r.user_id = e.user_id AND r.kind = 'memory' AND r.id = e.id
  LEFT JOIN memory_row_keys k ON k.user_id = r.user_id AND k.kind = r.kind AND k.id = r.id`;

export const openEntry = (owner: RowOwner, row: SealedEntryRow): EmbeddedMemory =>
  readMemory(openRow(owner, 'memory', row), row);

export function* findMemory(owner: RowOwner, id: string): Work<EmbeddedMemory | undefined> {
  return (yield* findMemories(owner, [id]))[0];
}

/**
 * Those of these memories that are there, in no order. Content and key come from one statement, so that an edit never comes in between.
 * @param ids at most 100.
 */
export function* findMemories(owner: RowOwner, ids: readonly string[]): Work<readonly EmbeddedMemory[]> {
  if (ids.length === 0) return [];
  const sql = `${JOINED} WHERE e.user_id = ? AND e.id IN (${ids.map(() => '?').join(', ')})`;
  const rows = yield* findAll(sealedEntryRow, sql, owner.userId, ...ids);
  return rows.map((row) => openEntry(owner, row));
}

/** @param before created before this memory, or at the same time with a lower id. */
export function* listEntries(
  userId: string,
  { asOfMs }: MemoryFilter,
  {
    limit,
    before,
  }: { readonly limit: number; readonly before: { readonly createdMs: number; readonly id: string } | undefined },
): Work<SealedEntryRow[]> {
  const parts: (readonly [sql: string, ...values: SQLInputValue[]])[] = [['e.user_id = ?', userId]];
  if (asOfMs === undefined) parts.push(['e.superseded_ms IS NULL']);
  else parts.push(['e.created_ms <= ? AND (e.superseded_ms IS NULL OR e.superseded_ms > ?)', asOfMs, asOfMs]);
  if (before !== undefined) parts.push(['(e.created_ms, e.id) < (?, ?)', before.createdMs, before.id]);
  const where = parts.map(([sql]) => sql).join(' AND ');
  const values = parts.flatMap(([, ...rest]) => rest);
  const sql = `${JOINED} WHERE ${where} ORDER BY e.created_ms DESC, e.id DESC LIMIT ?`;
  return yield* findAll(sealedEntryRow, sql, ...values, limit);
}

/** All memories of a user, heads or not, by id. */
export const listAfter = (userId: string, lastId: string, limit: number): Work<SealedEntryRow[]> =>
  findAll(sealedEntryRow, `${JOINED} WHERE e.user_id = ? AND e.id > ? ORDER BY e.id LIMIT ?`, userId, lastId, limit);

/** Memories whose last change has this revision and a greater id, or a later revision, oldest change first. */
export const listChanged = (
  userId: string,
  { revision, lastId }: { readonly revision: number; readonly lastId: string },
  limit: number,
): Work<SealedEntryRow[]> => {
  const sql = `${JOINED} WHERE e.user_id = ? AND (e.revision, e.id) > (?, ?) ORDER BY e.revision, e.id LIMIT ?`;
  return findAll(sealedEntryRow, sql, userId, revision, lastId, limit);
};

/** Ids of all memories of a user. */
export function* listMemoryIds(userId: string): Work<ReadonlySet<string>> {
  const rows = yield* findAll(idRow, 'SELECT id FROM memory_entries WHERE user_id = ?', userId);
  return new Set(rows.map(({ id }) => id));
}

/** A memory and those that it replaced, newest first; nothing if there is no such memory. */
export function* listChain(userId: string, id: string): Work<string[]> {
  // UNION ends a cycle, which only a damaged database has.
  const sql = `WITH RECURSIVE chain(id, supersedes) AS (
      SELECT id, supersedes FROM memory_entries WHERE user_id = ? AND id = ?
      UNION SELECT e.id, e.supersedes FROM memory_entries e JOIN chain c ON e.id = c.supersedes WHERE e.user_id = ?
    ) SELECT e.user_id, e.id, e.created_ms, e.supersedes, e.superseded_ms, e.revision
    FROM memory_entries e JOIN chain c ON c.id = e.id WHERE e.user_id = ?`;
  const rows = yield* findAll(entryTable.row, sql, userId, id, userId, userId);
  const known = new Map(rows.map((row) => [row.id, row]));
  const chain: string[] = [];
  for (let next = known.get(id); next !== undefined; next = known.get(next.supersedes ?? '')) {
    chain.push(next.id);
    known.delete(next.id);
  }
  return chain;
}

/** Deletes memories and their keys. A newer memory that replaced one of them stays, without its past. */
export function* dropMemories(userId: string, ids: readonly string[]): Work<void> {
  for (const id of ids) {
    yield* dropRow(entryTable, userId, id);
    yield* dropSealed(userId, 'memory', id);
    yield* change('UPDATE memory_entries SET supersedes = NULL WHERE user_id = ? AND supersedes = ?', userId, id);
  }
}

export function* listIds(userId: string, kind: RowKind): Work<readonly string[]> {
  const rows = yield* findAll(idRow, 'SELECT id FROM memory_rows WHERE user_id = ? AND kind = ?', userId, kind);
  return rows.map(({ id }) => id);
}
