import { columns, text } from '@ogong/host/store/columns';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { findAll, findOne, type Work } from '@ogong/host/store/work';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { type AccountChanges, createAccountChanges } from './account-changes.ts';
import {
  type AccountMember,
  type ApiKey,
  type AuditEntry,
  auditRow,
  findKey,
  findOrganisation,
  keyRow,
  memberRow,
  type Organisation,
  organisationRow,
} from './account-rows.ts';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { type ApiKeys, hashSecret, type KeyHolder } from './api-keys.ts';

/**
 * Organisations, their members and keys, and the log of every change. One store that daemons and commands have open together. A
 * change by one is visible to the others at once.
 */
export interface Accounts extends ApiKeys {
  /** Finds the member with this admin secret. */
  findMember(secret: string): Promise<AccountMember | undefined>;
  listOrganisations(): Promise<Organisation[]>;
  listMembers(organisation: string): Promise<AccountMember[]>;
  /** @param organisation undefined for all keys, empty for keys without an organisation. */
  listKeys(organisation?: string): Promise<ApiKey[]>;
  getKey(id: string): Promise<ApiKey | undefined>;
  /** Lists the log, the newest first. @param organisation undefined for all. */
  listAudit(organisation: string | undefined, limit: number): Promise<AuditEntry[]>;
  /** @param actor name of the operator, for the log. */
  as(actor: string): AccountChanges;
  close(): Promise<void>;
}

/** Opens one SQLite file. @throws StoreError */
export function openAccounts(path: string, nowMs: () => number): Accounts {
  const store = openStore(path, { schema: ACCOUNTS_SCHEMA, upgrades: RELEASED.accounts });
  const books = createWorkStore(store);
  return {
    ...createAccounts(books, nowMs),
    async close() {
      await books.close();
      store.close();
    },
  };
}

/** @param books opened with ACCOUNTS_SCHEMA; the caller closes it. */
export function createAccounts(books: WorkStore, nowMs: () => number): Accounts {
  const selectKey = `SELECT ${keyRow.list} FROM keys`;

  function* toHolder(key: ApiKey | undefined): Work<KeyHolder | undefined> {
    if (key === undefined || !isLive(key, nowMs())) return undefined;
    const { id, budgetAtomic, dayBudgetAtomic, models, requestsPerMinute, tokensPerMinute } = key;
    const organisation = key.organisation === '' ? undefined : yield* findOrganisation(key.organisation);
    const limits = { requestsPerMinute, tokensPerMinute };
    return { id, budgetAtomic, dayBudgetAtomic, models, limits, organisation };
  }

  return {
    isEmpty: async () => (await books.read(() => findOne(anyRow, 'SELECT id FROM keys LIMIT 1'))) === undefined,
    find: (secret) =>
      books.read(function* () {
        return yield* toHolder(yield* findOne(keyRow, `${selectKey} WHERE hash = ?`, hashSecret(secret)));
      }),
    renew: (id) =>
      books.read(function* () {
        return yield* toHolder(yield* findKey(id));
      }),
    findMember: (secret) => {
      const sql = `SELECT ${memberRow.list} FROM members WHERE hash = ?`;
      return books.read(() => findOne(memberRow, sql, hashSecret(secret)));
    },
    listOrganisations: () =>
      books.read(() => findAll(organisationRow, `SELECT ${organisationRow.list} FROM organisations ORDER BY id`)),
    listMembers: (organisation) => {
      const sql = `SELECT ${memberRow.list} FROM members WHERE organisation = ? ORDER BY id`;
      return books.read(() => findAll(memberRow, sql, organisation));
    },
    listKeys: (organisation) => {
      const order = 'ORDER BY created_ms, id';
      return books.read(() =>
        organisation === undefined
          ? findAll(keyRow, `${selectKey} ${order}`)
          : findAll(keyRow, `${selectKey} WHERE organisation = ? ${order}`, organisation),
      );
    },
    getKey: (id) => books.read(() => findKey(id)),
    listAudit: (organisation, limit) => {
      const select = `SELECT ${auditRow.list} FROM audit`;
      return books.read(() =>
        organisation === undefined
          ? findAll(auditRow, `${select} ORDER BY id DESC LIMIT ?`, limit)
          : findAll(auditRow, `${select} WHERE organisation = ? ORDER BY id DESC LIMIT ?`, organisation, limit),
      );
    },
    as: (actor) => createAccountChanges(books, { actor, nowMs }),
    close: async () => undefined,
  };
}

const anyRow = columns({ id: text });

const isLive = ({ revokedMs, expiresMs }: ApiKey, nowMs: number): boolean =>
  revokedMs === undefined && (expiresMs === undefined || nowMs < expiresMs);
