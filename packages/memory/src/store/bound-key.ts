import { change, findOne, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { MasterKey } from '../seal/master-key.ts';
import { drawSealKey, openValue, sealValue } from '../seal/sealed-box.ts';
import { vaultRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';

const VAULT = { kind: 'vault', userId: '', id: '' } as const;

/** A value that opens under the master key of the store alone. */
export const sealVault = (master: MasterKey): Uint8Array => sealValue(master.wrapping.reveal(), VAULT, drawSealKey());

/** @returns whether the store has a master key yet. @throws MemoryStoreError `wrong-key` if it is another one */
export function* findBoundKey(master: MasterKey): Work<boolean> {
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
  if (await works.read(() => findBoundKey(master))) return;
  await works.write(function* () {
    if (yield* findBoundKey(master)) return;
    yield* change('INSERT INTO memory_vault (id, content) VALUES (1, ?)', sealVault(master));
  });
}
