import { randomBytes } from 'node:crypto';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { pad, padUnit, unpad } from '@ogong/protocol/sealing/padding';
import type { MasterKey } from '../seal/master-key.ts';
import { drawSealKey, openValue, sealValue } from '../seal/sealed-box.ts';
import { findBoundKey } from './bound-key.ts';
import { keyedUserRow, userKeyRow, userRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import type { RowOwner } from './sealed-rows.ts';

/** A user's key, opened, with counts of the user's rows. */
export interface OpenUser extends RowOwner {
  readonly nameHash: string;
  readonly revision: number;
  readonly memories: number;
  readonly notes: number;
  readonly evidenceBytes: number;
}

export type UserCounts = Pick<OpenUser, 'memories' | 'notes' | 'evidenceBytes'>;

type KeyedUser = ReturnType<typeof keyedUserRow.read>;

const COLUMNS = `${userRow.names.map((name) => `u.${name}`).join(', ')}, k.wrapped`;
const KEYED = `SELECT ${COLUMNS} FROM memory_users u LEFT JOIN memory_user_keys k ON k.user_id = u.user_id`;
const USER_ID_BYTES = 16;

const keyPlace = (userId: string, nameHash: string) => ({ kind: 'user-key', userId, id: nameHash });
const namePlace = (userId: string) => ({ kind: 'user-name', userId, id: '' });

function openUser(master: MasterKey, { wrapped, name: _, ...row }: KeyedUser): OpenUser {
  if (wrapped === undefined)
    throw new MemoryStoreError('damaged', 'the key of a user is missing: restore the tables of keys too');
  return { ...row, key: openValue(master.wrapping.reveal(), keyPlace(row.userId, row.nameHash), wrapped) };
}

/** @throws MemoryStoreError `damaged`; `wrong-key` if another process has sealed the store under another master key */
export function* findNamed(master: MasterKey, nameHash: string): Work<OpenUser | undefined> {
  const row = yield* findOne(keyedUserRow, `${KEYED} WHERE u.name_hash = ?`, nameHash);
  if (row !== undefined) return openUser(master, row);
  // Under another master key a known user has another hash.
  yield* findBoundKey(master);
  return undefined;
}

export const findUser = (master: MasterKey, user: string): Work<OpenUser | undefined> =>
  findNamed(master, master.hashName(user));

export function* findOrAddUser(master: MasterKey, user: string): Work<OpenUser> {
  const found = yield* findUser(master, user);
  if (found !== undefined) return found;
  const userId = toHex(randomBytes(USER_ID_BYTES));
  const [nameHash, key] = [master.hashName(user), drawSealKey()];
  const counts = { revision: 0, memories: 0, notes: 0, evidenceBytes: 0 };
  const name = sealValue(key, namePlace(userId), pad(utf8Encode(user), padUnit));
  yield* insertRow(userRow, 'memory_users', { userId, nameHash, name, ...counts });
  const wrapped = sealValue(master.wrapping.reveal(), keyPlace(userId, nameHash), key);
  yield* insertRow(userKeyRow, 'memory_user_keys', { userId, wrapped });
  return { userId, key, nameHash, ...counts };
}

/** Stores the counts of a user after a change. @returns the new revision. */
export function* countChange({ userId, revision }: OpenUser, counts: UserCounts): Work<number> {
  const next = revision + 1;
  const sql = 'UPDATE memory_users SET revision = ?, memories = ?, notes = ?, evidence_bytes = ? WHERE user_id = ?';
  yield* change(sql, next, counts.memories, counts.notes, counts.evidenceBytes, userId);
  return next;
}

/** Deletes a user and the user's key, so no row opens any more. */
export function* dropUser(userId: string): Work<void> {
  for (const table of ['user_keys', 'users']) yield* change(`DELETE FROM memory_${table} WHERE user_id = ?`, userId);
}

const DROPPED_AT_ONCE = 500;

/** Deletes rows of a user that is gone. @returns whether there may be more. */
export function* dropSomeRows(userId: string): Work<boolean> {
  let isMore = false;
  for (const [table, key] of [
    ['row_keys', 'kind, id'],
    ['rows', 'kind, id'],
    ['entries', 'id'],
  ]) {
    const some = `SELECT ${key} FROM memory_${table} WHERE user_id = ? LIMIT ${DROPPED_AT_ONCE}`;
    const sql = `DELETE FROM memory_${table} WHERE user_id = ? AND (${key}) IN (${some})`;
    isMore = (yield* change(sql, userId, userId)) === DROPPED_AT_ONCE || isMore;
  }
  return isMore;
}

const REWRAPPED_AT_ONCE = 500;

/** Wraps the key of each user under another master key, and stores the hashes of names under it. */
export function* rewrapUsers(from: MasterKey, to: MasterKey): Work<number> {
  const sql = `${KEYED} WHERE u.user_id > ? ORDER BY u.user_id LIMIT ${REWRAPPED_AT_ONCE}`;
  let count = 0;
  for (let last = ''; ; ) {
    const rows: readonly KeyedUser[] = yield* findAll(keyedUserRow, sql, last);
    for (const row of rows) yield* rewrapUser(openUser(from, row), row.name, to);
    count += rows.length;
    last = rows.at(-1)?.userId ?? '';
    if (rows.length < REWRAPPED_AT_ONCE) return count;
  }
}

function* rewrapUser({ userId, key }: OpenUser, sealedName: Uint8Array, to: MasterKey): Work<void> {
  const name = utf8Decode(unpad(openValue(key, namePlace(userId), sealedName), padUnit));
  const nameHash = to.hashName(name);
  yield* change('UPDATE memory_users SET name_hash = ? WHERE user_id = ?', nameHash, userId);
  const wrapped = sealValue(to.wrapping.reveal(), keyPlace(userId, nameHash), key);
  yield* change('UPDATE memory_user_keys SET wrapped = ? WHERE user_id = ?', wrapped, userId);
}
