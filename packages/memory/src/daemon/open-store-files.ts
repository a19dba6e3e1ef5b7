import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createOrLoadMemoryKey } from '@ogong/host/crypto/key-files';
import type { Secret } from '@ogong/host/crypto/secret';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { RELEASED_DATABASES } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { openPassphraseKey } from '../seal/passphrase-key.ts';
import { MEMORY_SCHEMA } from '../store/memory-schema.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import { openMemoryStore } from '../store/open-memory-store.ts';
import { createMemoryKeys, MEMORY_KEYS_SCHEMA, type MemoryKeys } from './memory-keys.ts';
import type { MemoryStorePlace, StoreValues } from './memoryd-config.ts';

export const MEMORIES_FILE = 'memories.db';
const API_KEYS_FILE = 'api-keys.db';
const MASTER_KEY_FILE = 'master.key';
const PASSPHRASE_FILE = 'passphrase.json';
/** Schema of PostgreSQL beside the tables of gateways. */
const NAMESPACE = 'ogong_memory';

/** @throws KeyFileError */
export function openMasterKey({
  dataDir,
  masterKey,
  passphrase,
}: Omit<StoreValues, keyof MemoryStorePlace> & Pick<MemoryStorePlace, 'dataDir'>): Promise<Secret<Uint8Array>> {
  makePrivateDirectory(dataDir);
  return passphrase === undefined
    ? Promise.resolve(createOrLoadMemoryKey(masterKey ?? join(dataDir, MASTER_KEY_FILE)))
    : openPassphraseKey(join(dataDir, PASSPHRASE_FILE), passphrase);
}

export interface OpenStore<T> {
  readonly opened: T;
  close(): Promise<void>;
}

/** @throws StoreError, MemoryStoreError */
export async function openMemories(
  place: MemoryStorePlace,
  masterKey: Secret<Uint8Array>,
): Promise<OpenStore<MemoryStore>> {
  assertNoFile(place);
  const { opened: works, close } = await openMemoryWorks(place);
  try {
    const store = await openMemoryStore(works, { masterKey });
    return {
      opened: store,
      async close() {
        await store.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Memories in a file would seem to be gone. @throws StoreError */
function assertNoFile({ dataDir, database }: MemoryStorePlace): void {
  const path = join(dataDir, MEMORIES_FILE);
  if (database === undefined || !existsSync(path)) return;
  const way = 'move them with `ogong memory export` and `import`, then move the file away; or name no database';
  throw new StoreError('version', `there are memories in ${path}, which the database does not have: ${way}`);
}

/** The rows, sealed. @throws StoreError */
export const openMemoryWorks = (place: MemoryStorePlace): Promise<OpenStore<WorkStore>> =>
  openWorks(place, MEMORIES_FILE, MEMORY_SCHEMA);

/** @throws StoreError */
export async function openKeys(place: MemoryStorePlace, masterKey: Secret<Uint8Array>): Promise<OpenStore<MemoryKeys>> {
  const { opened, close } = await openWorks(place, API_KEYS_FILE, MEMORY_KEYS_SCHEMA);
  return { opened: createMemoryKeys(opened, { masterKey, clock: systemClock }), close };
}

/** A file of these tables, or the database of all tables. */
async function openWorks(
  { dataDir, database, databasePassword }: MemoryStorePlace,
  file: string,
  schema: string,
): Promise<OpenStore<WorkStore>> {
  if (database === undefined) return openFile(join(dataDir, file), schema);
  // The PostgreSQL client is loaded only for a database.
  const { openPostgresStore } = await import('@ogong/postgres/postgres-store');
  const works = await openPostgresStore({
    ...{ url: database, password: databasePassword, namespace: NAMESPACE },
    ...{ schema: `${MEMORY_SCHEMA}${MEMORY_KEYS_SCHEMA}`, upgrades: RELEASED_DATABASES.memory },
  });
  return { opened: works, close: works.close };
}

function openFile(path: string, schema: string): OpenStore<WorkStore> {
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
