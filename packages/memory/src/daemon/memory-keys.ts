import { createHash, randomBytes } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { MemoryKey, UserKeys } from '../api/memory-key.ts';
import { MEMORY_SCOPES } from '../api/memory-routes.ts';
import { deriveMasterKey } from '../seal/master-key.ts';
import { openValue, sealValue } from '../seal/sealed-box.ts';
import { assertUser } from '../store/check-input.ts';
import { MemoryStoreError } from '../store/memory-store-error.ts';

/** The secret of a key is stored as its hash. The name of its user is sealed under the master key, and hashed under it. */
export const MEMORY_KEYS_SCHEMA = `
  CREATE TABLE memory_api_keys (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    user_hash TEXT NOT NULL,
    sealed_user BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    used_ms INTEGER
  ) STRICT;
  CREATE INDEX memory_api_keys_by_user ON memory_api_keys (user_hash);
`;

const keyRow = columns({
  ...{ id: text, secretHash: text, prefix: text, userHash: text, sealedUser: bytes, scopes: text },
  ...{ createdMs: integer, expiresMs: optional(integer), revokedMs: optional(integer), usedMs: optional(integer) },
});
type KeyRow = ReturnType<typeof keyRow.read>;

export interface MemoryKeys extends UserKeys {
  /** @returns undefined for a secret that is unknown, revoked or expired. */
  find(secret: string): Promise<MemoryKey | undefined>;
  /** Seals the names of users under another master key; those that are sealed under it already stay. */
  rotate(to: Secret<Uint8Array>): Promise<void>;
  /** Whether no key was ever made. */
  isEmpty(): Promise<boolean>;
}

/** Keys of one user. */
const MAX_KEYS = 64;
const SECRET_BYTES = 24;
const PREFIX = 'mem-';
const FORM = /^mem-[0-9a-f]{48}$/;
/** Letters of a secret that stay readable: six of its 48 digits. */
const SHOWN = PREFIX.length + 6;
const ID_BYTES = 8;
/** A use within this time of the last one is not noted. */
const USE_MS = 60_000;
const ALL = `SELECT ${keyRow.list} FROM memory_api_keys`;

const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const placeOf = (id: string) => ({ kind: 'api-key', userId: '', id });

/** @param works of a store with MEMORY_KEYS_SCHEMA. */
export function createMemoryKeys(
  works: WorkStore,
  { masterKey, clock }: { readonly masterKey: Secret<Uint8Array>; readonly clock: { readonly nowMs: () => number } },
): MemoryKeys {
  const { wrapping, hashName } = deriveMasterKey(masterKey);

  const toKey = ({ secretHash, userHash, sealedUser, scopes, ...row }: KeyRow): MemoryKey => ({
    ...row,
    user: utf8Decode(openValue(wrapping.reveal(), placeOf(row.id), sealedUser)),
    scopes: MEMORY_SCOPES.filter((scope) => scopes.split(' ').includes(scope)),
  });

  return {
    async add({ user, scopes, expiresMs }) {
      assertUser(user);
      const createdMs = clock.nowMs();
      if (expiresMs !== undefined && expiresMs <= createdMs)
        throw new MemoryStoreError('invalid', 'a key expires after it was made');
      const id = toHex(randomBytes(ID_BYTES));
      const secret = `${PREFIX}${toHex(randomBytes(SECRET_BYTES))}`;
      const sealedUser = sealValue(wrapping.reveal(), placeOf(id), utf8Encode(user));
      const times = { createdMs, expiresMs, revokedMs: undefined, usedMs: undefined };
      const row: KeyRow = {
        ...{ id, secretHash: hashSecret(secret), prefix: secret.slice(0, SHOWN), userHash: hashName(user), sealedUser },
        ...{ scopes: scopes.join(' '), ...times },
      };
      await works.write(function* () {
        yield* makeRoom(row);
        yield* insertRow(keyRow, 'memory_api_keys', row);
      });
      return { ...toKey(row), secret };
    },
    async list(user) {
      const [condition, values] = user === undefined ? ['', []] : ['WHERE user_hash = ?', [hashName(user)]];
      const sql = `${ALL} ${condition} ORDER BY created_ms, id`;
      return (await works.read(() => findAll(keyRow, sql, ...values))).map(toKey);
    },
    async revoke(id) {
      const sql = 'UPDATE memory_api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL';
      return (await works.write(() => change(sql, clock.nowMs(), id))) > 0;
    },
    async find(secret) {
      if (!FORM.test(secret)) return undefined;
      const row = await works.read(() => findOne(keyRow, `${ALL} WHERE secret_hash = ?`, hashSecret(secret)));
      const nowMs = clock.nowMs();
      if (row === undefined || isDead(row, nowMs)) return undefined;
      if ((row.usedMs ?? 0) + USE_MS <= nowMs)
        await works.write(() => change('UPDATE memory_api_keys SET used_ms = ? WHERE id = ?', nowMs, row.id));
      return toKey(row);
    },
    async rotate(to) {
      const master = deriveMasterKey(to);
      const next = master.wrapping.reveal();
      await works.write(function* () {
        for (const { id, sealedUser } of yield* findAll(keyRow, ALL)) {
          if (opensUnder(next, id, sealedUser)) continue;
          const user = openValue(wrapping.reveal(), placeOf(id), sealedUser);
          const [resealed, userHash] = [sealValue(next, placeOf(id), user), master.hashName(utf8Decode(user))];
          const sql = 'UPDATE memory_api_keys SET sealed_user = ?, user_hash = ? WHERE id = ?';
          yield* change(sql, resealed, userHash, id);
        }
      });
    },
    isEmpty: async () => (await works.read(() => findOne(keyRow, `${ALL} LIMIT 1`))) === undefined,
  };
}

const isDead = ({ revokedMs, expiresMs }: KeyRow, nowMs: number): boolean =>
  revokedMs !== undefined || (expiresMs !== undefined && expiresMs <= nowMs);

/** Forgets the oldest dead key of a user that has the most keys. @throws MemoryStoreError `full` */
function* makeRoom({ userHash, createdMs }: KeyRow): Work<void> {
  const all: readonly KeyRow[] = yield* findAll(keyRow, `${ALL} WHERE user_hash = ? ORDER BY created_ms`, userHash);
  if (all.length < MAX_KEYS) return;
  const dead = all.find((row) => isDead(row, createdMs));
  if (dead === undefined) throw new MemoryStoreError('full', `a user has at most ${MAX_KEYS} API keys`);
  yield* change('DELETE FROM memory_api_keys WHERE id = ?', dead.id);
}

function opensUnder(key: Uint8Array, id: string, sealed: Uint8Array): boolean {
  try {
    openValue(key, placeOf(id), sealed);
    return true;
  } catch (error) {
    if (error instanceof MemoryStoreError && error.code === 'damaged') return false;
    throw error;
  }
}
