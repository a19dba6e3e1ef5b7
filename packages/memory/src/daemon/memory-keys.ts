import { createHash, randomBytes } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { MEMORY_SCOPES, type MemoryScope } from '../api/memory-routes.ts';
import { deriveMasterKey } from '../seal/master-key.ts';
import { openValue, sealValue } from '../seal/sealed-box.ts';
import { assertUser } from '../store/check-input.ts';
import { MemoryStoreError } from '../store/memory-store-error.ts';

/** The secret of a key is stored as its hash, the name of its user sealed under the master key. */
export const MEMORY_KEYS_SCHEMA = `
  CREATE TABLE memory_api_keys (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    sealed_user BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
  ) STRICT;
`;

const keyRow = columns({
  ...{ id: text, secretHash: text, sealedUser: bytes, scopes: text },
  ...{ createdMs: integer, expiresMs: optional(integer), revokedMs: optional(integer) },
});
type KeyRow = ReturnType<typeof keyRow.read>;

export interface MemoryKey {
  readonly id: string;
  readonly user: string;
  readonly scopes: readonly MemoryScope[];
  /** Unix times, ms. */
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly revokedMs: number | undefined;
}

export interface MemoryKeys {
  /** @returns the secret, which is shown once. @throws MemoryStoreError `invalid`, `too-large` for the name of a user. */
  add(key: Pick<MemoryKey, 'user' | 'scopes' | 'expiresMs'>): Promise<{ readonly id: string; readonly secret: string }>;
  list(): Promise<readonly MemoryKey[]>;
  /** @returns false if there is no such key, or it was revoked before. */
  revoke(id: string): Promise<boolean>;
  /** @returns undefined for a secret that is unknown, revoked or expired. */
  find(secret: string): Promise<MemoryKey | undefined>;
  /** Seals the names of users under another master key; those that are sealed under it already stay. */
  rotate(to: Secret<Uint8Array>): Promise<void>;
  /** Whether no key was ever made. */
  isEmpty(): Promise<boolean>;
}

const SECRET_BYTES = 24;
const PREFIX = 'mem-';
const FORM = /^mem-[0-9a-f]{48}$/;
const ID_BYTES = 8;
const ALL = `SELECT ${keyRow.list} FROM memory_api_keys`;

const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const placeOf = (id: string) => ({ kind: 'api-key', userId: '', id });

/** @param works of a store with MEMORY_KEYS_SCHEMA. */
export function createMemoryKeys(
  works: WorkStore,
  { masterKey, clock }: { readonly masterKey: Secret<Uint8Array>; readonly clock: { readonly nowMs: () => number } },
): MemoryKeys {
  const { wrapping } = deriveMasterKey(masterKey);

  const toKey = ({ id, sealedUser, scopes, createdMs, expiresMs, revokedMs }: KeyRow): MemoryKey => ({
    ...{ id, createdMs, expiresMs, revokedMs },
    user: utf8Decode(openValue(wrapping.reveal(), placeOf(id), sealedUser)),
    scopes: MEMORY_SCOPES.filter((scope) => scopes.split(' ').includes(scope)),
  });

  return {
    async add({ user, scopes, expiresMs }) {
      assertUser(user);
      const id = toHex(randomBytes(ID_BYTES));
      const secret = `${PREFIX}${toHex(randomBytes(SECRET_BYTES))}`;
      const sealedUser = sealValue(wrapping.reveal(), placeOf(id), utf8Encode(user));
      const row = { id, secretHash: hashSecret(secret), sealedUser, scopes: scopes.join(' ') };
      const times = { createdMs: clock.nowMs(), expiresMs, revokedMs: undefined };
      await works.write(() => insertRow(keyRow, 'memory_api_keys', { ...row, ...times }));
      return { id, secret };
    },
    list: async () => (await works.read(() => findAll(keyRow, `${ALL} ORDER BY created_ms, id`))).map(toKey),
    async revoke(id) {
      const sql = 'UPDATE memory_api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL';
      return (await works.write(() => change(sql, clock.nowMs(), id))) > 0;
    },
    async find(secret) {
      if (!FORM.test(secret)) return undefined;
      const row = await works.read(() => findOne(keyRow, `${ALL} WHERE secret_hash = ?`, hashSecret(secret)));
      const { revokedMs, expiresMs = Number.POSITIVE_INFINITY } = row ?? {};
      return row === undefined || revokedMs !== undefined || expiresMs <= clock.nowMs() ? undefined : toKey(row);
    },
    async rotate(to) {
      const next = deriveMasterKey(to).wrapping.reveal();
      await works.write(function* () {
        for (const { id, sealedUser } of yield* findAll(keyRow, ALL)) {
          if (opensUnder(next, id, sealedUser)) continue;
          const resealed = sealValue(next, placeOf(id), openValue(wrapping.reveal(), placeOf(id), sealedUser));
          yield* change('UPDATE memory_api_keys SET sealed_user = ? WHERE id = ?', resealed, id);
        }
      });
    },
    isEmpty: async () => (await works.read(() => findOne(keyRow, `${ALL} LIMIT 1`))) === undefined,
  };
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
