import type { Store } from '@ogong/host/store/store';
import {
  AccountError,
  type AccountMember,
  type ApiKey,
  type AuditEntry,
  findKey,
  findMember,
  findOrganisation,
  type KeyTerms,
  keyTerms,
  type MemberTerms,
  memberTerms,
  newAuditRow,
  newKeyRow,
  newMemberRow,
  type OrganisationTerms,
  organisationRow,
  organisationTerms,
  readTerms,
} from './account-rows.ts';
import { createKeyId, createSecret, hashSecret } from './api-keys.ts';

/** What a change came to. A secret is shown once and stored nowhere; it is there where one was made. */
export interface Changed {
  readonly outcome: 'added' | 'changed' | 'unchanged';
  readonly secret?: string;
}

/** Each is durable when it returns, with its line in the log; what changes nothing has none. @throws AccountError */
export interface AccountChanges {
  /** Makes the operator's admin secret; one that was there ends. */
  makeOperatorSecret(): string;
  /** Adds it, or gives it this name and budget. */
  putOrganisation(terms: OrganisationTerms): Changed;
  /** Adds them with an admin secret, or gives them this role. */
  putMember(terms: MemberTerms): Changed;
  removeMember(organisation: string, id: string): void;
  rotateMember(organisation: string, id: string): string;
  addKey(terms: KeyTerms): { readonly key: ApiKey; readonly secret: string };
  /** Gives a key a new secret. Its id, budget and receipts stay; the old secret ends now. */
  rotateKey(id: string): string;
  revokeKey(id: string): Changed;
}

/** Of one organisation: keys that are not revoked, members. The operator's own keys have no limit. */
export const MOST_KEYS = 1_000;
export const MOST_MEMBERS = 1_000;
/** Of the models of a key, in the log. */
const MAX_MODELS_LENGTH = 500;

const OPERATOR = { organisation: '', id: 'operator', role: 'operator' } as const;

type Log = (entry: Omit<AuditEntry, 'id' | 'timeMs' | 'actor'>) => void;

interface ChangeContext {
  readonly store: Store;
  readonly nowMs: () => number;
  /** One transaction: the change, and what it says of itself. */
  change<T>(work: (log: Log) => T): T;
}

/** @param actor who changes it, for the log. @param store opened with ACCOUNTS_SCHEMA. */
export function createAccountChanges(
  store: Store,
  { actor, nowMs }: { readonly actor: string; readonly nowMs: () => number },
): AccountChanges {
  const change = <T>(work: (log: Log) => T): T =>
    store.transact(() =>
      work((entry) => void newAuditRow.insert(store, 'INSERT INTO audit', { timeMs: nowMs(), actor, ...entry })),
    );
  const context = { store, nowMs, change };
  return { ...createMemberChanges(context), ...createKeyChanges(context) };
}

type KeyChanges = 'addKey' | 'rotateKey' | 'revokeKey';

function createMemberChanges({ store, nowMs, change }: ChangeContext): Omit<AccountChanges, KeyChanges> {
  function insertMember(place: Omit<AccountMember, 'createdMs'>): string {
    const secret = createSecret('ogong-admin');
    const row = { ...place, createdMs: nowMs(), hash: hashSecret(secret) };
    newMemberRow.insert(store, 'INSERT OR REPLACE INTO members', row);
    return secret;
  }

  /** @throws AccountError where nobody would be left who may change the members. */
  function assertOwnerLeft({ organisation, id, role }: AccountMember): void {
    if (role !== 'owner') return;
    const others = "SELECT 1 FROM members WHERE organisation = ? AND role = 'owner' AND id <> ?";
    if (store.prepare(others).get(organisation, id) !== undefined) return;
    throw new AccountError('last-owner', `${id} is the only owner of ${organisation}; make another one first`);
  }

  function getMember(organisation: string, id: string): AccountMember {
    const found = findMember(store, organisation, id);
    if (found && found.role !== 'operator') return found;
    throw new AccountError('unknown', `${organisation} has no member ${id}`);
  }

  return {
    makeOperatorSecret: () =>
      change((log) => {
        const secret = insertMember(OPERATOR);
        log({ action: 'operator secret made', organisation: '', target: OPERATOR.id, detail: '' });
        return secret;
      }),
    putOrganisation: (given) =>
      change((log): Changed => {
        const { id, name, budgetAtomic } = readTerms(organisationTerms, given);
        const known = findOrganisation(store, id);
        if (known?.name === name && known.budgetAtomic === budgetAtomic) return { outcome: 'unchanged' };
        const row = { id, name, budgetAtomic, createdMs: known?.createdMs ?? nowMs() };
        organisationRow.insert(store, 'INSERT OR REPLACE INTO organisations', row);
        const outcome = known ? 'changed' : 'added';
        const detail = `name ${name}, budget ${budgetAtomic ?? 'none'}`;
        log({ action: `organisation ${outcome}`, organisation: id, target: id, detail });
        return { outcome };
      }),
    putMember: (given) =>
      change((log): Changed => {
        const terms = readTerms(memberTerms, given);
        const { organisation, id, role } = terms;
        assertOrganisation(store, organisation);
        const known = findMember(store, organisation, id);
        if (known?.role === role) return { outcome: 'unchanged' };
        if (known) assertOwnerLeft(known);
        else assertRoom(store, { table: 'members', organisation });
        const outcome = known ? 'changed' : 'added';
        log({ action: `member ${outcome}`, organisation, target: id, detail: `role ${role}` });
        if (known === undefined) return { outcome, secret: insertMember(terms) };
        store.prepare('UPDATE members SET role = ? WHERE organisation = ? AND id = ?').run(role, organisation, id);
        return { outcome };
      }),
    removeMember: (organisation, id) =>
      change((log) => {
        assertOwnerLeft(getMember(organisation, id));
        store.prepare('DELETE FROM members WHERE organisation = ? AND id = ?').run(organisation, id);
        log({ action: 'member removed', organisation, target: id, detail: '' });
      }),
    rotateMember: (organisation, id) =>
      change((log) => {
        getMember(organisation, id);
        const secret = createSecret('ogong-admin');
        const sql = 'UPDATE members SET hash = ? WHERE organisation = ? AND id = ?';
        store.prepare(sql).run(hashSecret(secret), organisation, id);
        log({ action: 'member secret rotated', organisation, target: id, detail: '' });
        return secret;
      }),
  };
}

/** @throws AccountError */
function assertOrganisation(store: Store, id: string): void {
  if (findOrganisation(store, id) === undefined) throw new AccountError('unknown', `there is no organisation ${id}`);
}

const ROOM = {
  keys: { most: MOST_KEYS, sql: 'SELECT COUNT(*) AS count FROM keys WHERE organisation = ? AND revoked_ms IS NULL' },
  members: { most: MOST_MEMBERS, sql: 'SELECT COUNT(*) AS count FROM members WHERE organisation = ?' },
} as const;

/** @throws AccountError */
function assertRoom(
  store: Store,
  { table, organisation }: { readonly table: keyof typeof ROOM; readonly organisation: string },
): void {
  const { most, sql } = ROOM[table];
  if (Number(store.prepare(sql).get(organisation)?.count) < most) return;
  throw new AccountError('full', `${organisation} has ${most} ${table}, as many as an organisation may have`);
}

function createKeyChanges({ store, nowMs, change }: ChangeContext): Pick<AccountChanges, KeyChanges> {
  function getKey(id: string): ApiKey {
    const found = findKey(store, id);
    if (found === undefined) throw new AccountError('unknown', `there is no key ${id}`);
    return found;
  }

  return {
    addKey: (given) =>
      change((log) => {
        const terms = readTerms(keyTerms, given);
        if (terms.organisation !== '') {
          assertOrganisation(store, terms.organisation);
          assertRoom(store, { table: 'keys', organisation: terms.organisation });
        }
        const secret = createSecret('ogong');
        const id = createKeyId();
        const { name, organisation, budgetAtomic, models, expiresMs, requestsPerMinute, tokensPerMinute } = terms;
        const key: ApiKey = {
          ...{ id, organisation, name, budgetAtomic, models, requestsPerMinute, tokensPerMinute, expiresMs },
          ...{ createdMs: nowMs(), rotatedMs: undefined, revokedMs: undefined },
        };
        newKeyRow.insert(store, 'INSERT INTO keys', { ...key, hash: hashSecret(secret) });
        log({ action: 'key added', organisation, target: id, detail: describeKey(key) });
        return { key, secret };
      }),
    rotateKey: (id) =>
      change((log) => {
        const { organisation, revokedMs, expiresMs } = getKey(id);
        if (revokedMs !== undefined) throw new AccountError('revoked-key', `key ${id} is revoked; make a new one`);
        if (expiresMs !== undefined && expiresMs <= nowMs()) {
          const ended = new Date(expiresMs).toISOString();
          throw new AccountError('expired-key', `key ${id} ended at ${ended}; make a new one`);
        }
        const secret = createSecret('ogong');
        store.prepare('UPDATE keys SET hash = ?, rotated_ms = ? WHERE id = ?').run(hashSecret(secret), nowMs(), id);
        log({ action: 'key rotated', organisation, target: id, detail: '' });
        return secret;
      }),
    revokeKey: (id) =>
      change((log): Changed => {
        const { organisation, revokedMs } = getKey(id);
        if (revokedMs !== undefined) return { outcome: 'unchanged' };
        store.prepare('UPDATE keys SET revoked_ms = ? WHERE id = ?').run(nowMs(), id);
        log({ action: 'key revoked', organisation, target: id, detail: '' });
        return { outcome: 'changed' };
      }),
  };
}

/** The terms of a key, in words. */
export function describeKey(key: ApiKey): string {
  const parts = [key.name, key.budgetAtomic === undefined ? 'no limit' : `at most ${key.budgetAtomic}`];
  if (key.expiresMs !== undefined) parts.push(`until ${new Date(key.expiresMs).toISOString()}`);
  if (key.models !== undefined) parts.push(`only ${key.models.join(',').slice(0, MAX_MODELS_LENGTH)}`);
  if (key.requestsPerMinute !== undefined) parts.push(`${key.requestsPerMinute} requests a minute`);
  if (key.tokensPerMinute !== undefined) parts.push(`${key.tokensPerMinute} tokens a minute`);
  return parts.join('; ');
}
