import { join } from 'node:path';
import { createOrLoadMemoryKey } from '@ogong/host/crypto/key-files';
import type { Secret } from '@ogong/host/crypto/secret';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { openPassphraseKey } from '../seal/passphrase-key.ts';
import { MEMORY_SCHEMA } from '../store/memory-schema.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import { openMemoryStore } from '../store/open-memory-store.ts';
import { createMemoryKeys, MEMORY_KEYS_SCHEMA, type MemoryKeys } from './memory-keys.ts';
import type { StoreValues } from './memoryd-config.ts';

export const MEMORIES_FILE = 'memories.db';
const API_KEYS_FILE = 'api-keys.db';
const MASTER_KEY_FILE = 'master.key';
const PASSPHRASE_FILE = 'passphrase.json';

/** @throws KeyFileError */
export function openMasterKey({ dataDir, masterKey, passphrase }: StoreValues): Promise<Secret<Uint8Array>> {
  makePrivateDirectory(dataDir);
  return passphrase === undefined
    ? Promise.resolve(createOrLoadMemoryKey(masterKey ?? join(dataDir, MASTER_KEY_FILE)))
    : openPassphraseKey(join(dataDir, PASSPHRASE_FILE), passphrase);
}

export interface OpenFiles<T> {
  readonly opened: T;
  close(): Promise<void>;
}

/** @throws StoreError, MemoryStoreError */
export async function openMemoryFile(
  { dataDir }: Pick<StoreValues, 'dataDir'>,
  masterKey: Secret<Uint8Array>,
): Promise<OpenFiles<MemoryStore>> {
  const { opened: works, ...files } = openMemoryWorks({ dataDir });
  try {
    const store = await openMemoryStore(works, { masterKey });
    return {
      opened: store,
      async close() {
        await store.close();
        await files.close();
      },
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** The rows, sealed. @throws StoreError */
export const openMemoryWorks = ({ dataDir }: Pick<StoreValues, 'dataDir'>): OpenFiles<WorkStore> =>
  openFile(join(dataDir, MEMORIES_FILE), MEMORY_SCHEMA);

/** @throws StoreError */
export function openKeysFile(
  { dataDir }: Pick<StoreValues, 'dataDir'>,
  masterKey: Secret<Uint8Array>,
): OpenFiles<MemoryKeys> {
  const { opened, ...files } = openFile(join(dataDir, API_KEYS_FILE), MEMORY_KEYS_SCHEMA);
  return { opened: createMemoryKeys(opened, { masterKey, clock: systemClock }), ...files };
}

function openFile(path: string, schema: string): OpenFiles<WorkStore> {
  const store = openStore(path, { schema });
  const works = createWorkStore(store);
  return {
    opened: works,
    async close() {
      await works.close();
      store.close();
    },
  };
}
