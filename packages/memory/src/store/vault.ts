import { randomUUID } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { change, findAll, insertRow, type Work } from '@ogong/host/store/work';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { deriveMasterKey } from '../seal/master-key.ts';
import { findBoundKey, sealVault } from './bound-key.ts';
import { erasureRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import { dropSomeRows, rewrapUsers } from './users.ts';

/**
 * Wraps the keys of all users under another master key, in one transaction. A process that has the store open with the old key is
 * refused from then on. Then the wrapped keys of before are erased from the files.
 * @returns the number of users. @throws MemoryStoreError `wrong-key`, `busy`
 */
export async function rotateMasterKey(
  works: WorkStore,
  { from, to }: { readonly from: Secret<Uint8Array>; readonly to: Secret<Uint8Array> },
): Promise<number> {
  const [old, next] = [deriveMasterKey(from), deriveMasterKey(to)];
  const count = await works.write(function* () {
    yield* findBoundKey(old);
    const users = yield* rewrapUsers(old, next);
    yield* change('UPDATE memory_vault SET content = ? WHERE id = 1', sealVault(next));
    yield* markErasure();
    return users;
  });
  await eraseNow(works);
  return count;
}

/**
 * Notes that the files may hold deleted content, in the transaction that deletes it. A start after a crash erases it.
 * @param userId of a user that is gone, whose rows are deleted too.
 */
export function* markErasure(userId?: string): Work<void> {
  yield* insertRow(erasureRow, 'memory_erasures', { id: randomUUID(), userId });
}

/** Processes take turns, so that a slice with fewer rows is the last one. */
const ERASING: WorkOptions = { touches: ['memory erasures'] };

/** Erases deleted content from the files. Does nothing if nothing is marked. @returns false if another process reads the database. */
export async function eraseMarked(works: WorkStore): Promise<boolean> {
  // A deletion that comes meanwhile has a mark of its own.
  const marks = await works.read(() => findAll(erasureRow, 'SELECT id, user_id FROM memory_erasures'));
  if (marks.length === 0) return true;
  for (const { userId } of marks)
    while (userId !== undefined && (await works.write(() => dropSomeRows(userId), ERASING)));
  if (!(await works.eraseDeleted())) return false;
  await works.write(function* () {
    for (const { id } of marks) yield* change('DELETE FROM memory_erasures WHERE id = ?', id);
  }, ERASING);
  return true;
}

/** @throws MemoryStoreError `busy` */
export async function eraseNow(works: WorkStore): Promise<void> {
  if (await eraseMarked(works)) return;
  const later = 'the next removal, or the next start, erases them';
  throw new MemoryStoreError(
    'busy',
    `another process reads the database, whose log still holds deleted rows: ${later}`,
  );
}
