import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
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
 * Organisations, their members and keys, and the log of every change. One file, which the daemon and commands have open at once;
 * what one changes, the others see at once.
 */
export interface Accounts extends ApiKeys {
  /** Whose admin secret it is. */
  findMember(secret: string): AccountMember | undefined;
  listOrganisations(): Organisation[];
  listMembers(organisation: string): AccountMember[];
  /** @param organisation undefined for all, empty for keys that belong to none. */
  listKeys(organisation?: string): ApiKey[];
  getKey(id: string): ApiKey | undefined;
  /** The newest first. @param organisation undefined for all. */
  listAudit(organisation: string | undefined, limit: number): AuditEntry[];
  /** @param actor who changes it, for the log. */
  as(actor: string): AccountChanges;
  close(): void;
}

/** @throws StoreError */
export function openAccounts(path: string, nowMs: () => number): Accounts {
  const store = openStore(path, { schema: ACCOUNTS_SCHEMA, upgrades: RELEASED.accounts });
  const { prepare } = store;
  const selectKey = `SELECT ${keyRow.list} FROM keys`;

  function toHolder(key: ApiKey | undefined): KeyHolder | undefined {
    if (key === undefined || !isLive(key, nowMs())) return undefined;
    const { id, budgetAtomic, models, requestsPerMinute, tokensPerMinute } = key;
    const organisation = key.organisation === '' ? undefined : findOrganisation(store, key.organisation);
    return { id, budgetAtomic, models, limits: { requestsPerMinute, tokensPerMinute }, organisation };
  }

  return {
    isEmpty: () => store.read(() => prepare('SELECT 1 FROM keys LIMIT 1').get() === undefined),
    find: (secret) =>
      store.read(() => toHolder(keyRow.get(prepare(`${selectKey} WHERE hash = ?`), hashSecret(secret)))),
    renew: (id) => store.read(() => toHolder(findKey(store, id))),
    findMember: (secret) =>
      store.read(() =>
        memberRow.get(prepare(`SELECT ${memberRow.list} FROM members WHERE hash = ?`), hashSecret(secret)),
      ),
    listOrganisations: () =>
      store.read(() => organisationRow.all(prepare(`SELECT ${organisationRow.list} FROM organisations ORDER BY id`))),
    listMembers: (organisation) =>
      store.read(() =>
        memberRow.all(
          prepare(`SELECT ${memberRow.list} FROM members WHERE organisation = ? ORDER BY id`),
          organisation,
        ),
      ),
    listKeys: (organisation) =>
      store.read(() =>
        organisation === undefined
          ? keyRow.all(prepare(`${selectKey} ORDER BY created_ms, id`))
          : keyRow.all(prepare(`${selectKey} WHERE organisation = ? ORDER BY created_ms, id`), organisation),
      ),
    getKey: (id) => store.read(() => findKey(store, id)),
    listAudit: (organisation, limit) =>
      store.read(() => {
        const select = `SELECT ${auditRow.list} FROM audit`;
        return organisation === undefined
          ? auditRow.all(prepare(`${select} ORDER BY id DESC LIMIT ?`), limit)
          : auditRow.all(prepare(`${select} WHERE organisation = ? ORDER BY id DESC LIMIT ?`), organisation, limit);
      }),
    as: (actor) => createAccountChanges(store, { actor, nowMs }),
    close: store.close,
  };
}

const isLive = ({ revokedMs, expiresMs }: ApiKey, nowMs: number): boolean =>
  revokedMs === undefined && (expiresMs === undefined || nowMs < expiresMs);
