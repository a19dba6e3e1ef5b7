import { randomUUID } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { deriveMasterKey, type MasterKey } from '../seal/master-key.ts';
import { drawSealKey, openValue, sealValue } from '../seal/sealed-box.ts';
import { erasureRow, vaultRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import { dropSomeRows, rewrapUsers } from './users.ts';

const VAULT = { kind: 'vault', userId: '', id: '' } as const;

function* findVault(master: MasterKey): Work<boolean> {
  const row = yield* findOne(vaultRow, 'SELECT content FROM memory_vault WHERE id = 1');
  if (row === undefined) return false;
  try {
    openValue(master.wrapping.reveal(), VAULT, row.content);
    return true;
  } catch (cause) {
    const message =
      'this master key is not the one that the memories were sealed under: name the key file or the passphrase of this store';
    throw new MemoryStoreError('wrong-key', message, { cause });
  }
}

/** Refuses another master key than that of the store. The first one is the key of an empty store. @throws MemoryStoreError `wrong-key` */
export async function bindMasterKey(works: WorkStore, master: MasterKey): Promise<void> {
  if (await works.read(() => findVault(master))) return;
  await works.write(function* () {
    if (yield* findVault(master)) return;
    const content = sealValue(master.wrapping.reveal(), VAULT, drawSealKey());
    yield* change('INSERT INTO memory_vault (id, content) VALUES (1, ?)', content);
  });
}

/**
 * Wraps the keys of all users under another master key, in one transaction. No process may have the store open with the old key. Then the
 * wrapped keys of before are erased from the files.
 * @returns the number of users. @throws MemoryStoreError `wrong-key`, `busy`
 */
export async function rotateMasterKey(
  works: WorkStore,
  { from, to }: { readonly from: Secret<Uint8Array>; readonly to: Secret<Uint8Array> },
): Promise<number> {
  const [old, next] = [deriveMasterKey(from), deriveMasterKey(to)];
  const count = await works.write(function* () {
    yield* findVault(old);
    const users = yield* rewrapUsers(old, next);
    const content = sealValue(next.wrapping.reveal(), VAULT, drawSealKey());
    yield* change('UPDATE memory_vault SET content = ? WHERE id = 1', content);
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

/** Erases deleted content from the files. Does nothing if nothing is marked. @returns false if another process reads the database. */
export async function eraseMarked(works: WorkStore): Promise<boolean> {
  // A deletion that comes meanwhile has a mark of its own.
  const marks = await works.read(() => findAll(erasureRow, 'SELECT id, user_id FROM memory_erasures'));
  if (marks.length === 0) return true;
  for (const { userId } of marks)
    while (userId !== undefined && (await works.write(() => dropSomeRows(userId), { touches: [] })));
  if (!(await works.eraseDeleted())) return false;
  await works.write(
    function* () {
      for (const { id } of marks) yield* change('DELETE FROM memory_erasures WHERE id = ?', id);
    },
    { touches: [] },
  );
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
