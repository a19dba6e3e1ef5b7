import { columns, integer } from '@ogong/host/store/columns';
import { change, findOne, insertRow, replaceRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
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

/** The result of a change. A new secret is shown once and stored nowhere. */
export interface Changed {
  readonly outcome: 'added' | 'changed' | 'unchanged';
  readonly secret?: string;
}

/**
 * Each change is durable when it resolves, with its line in the log. A change without effect has no line. @throws AccountError
 */
export interface AccountChanges {
  /** Makes the operator's admin secret. An earlier one ends. */
  makeOperatorSecret(): Promise<string>;
  /** Adds an organisation, or changes its name and budget. */
  putOrganisation(terms: OrganisationTerms): Promise<Changed>;
  /** Adds a member with an admin secret, or changes its role. */
  putMember(terms: MemberTerms): Promise<Changed>;
  removeMember(organisation: string, id: string): Promise<void>;
  rotateMember(organisation: string, id: string): Promise<string>;
  addKey(terms: KeyTerms): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  /** Gives a key a new secret. Its id, budget and receipts stay; the old secret ends now. */
  rotateKey(id: string): Promise<string>;
  revokeKey(id: string): Promise<Changed>;
  /** Writes only the log's line about opened credit. */
  noteCreditOpened(organisation: string): Promise<void>;
}

/** Most active keys and members of one organisation. The operator's own keys have no limit. */
export const MOST_KEYS = 1_000;
export const MOST_MEMBERS = 1_000;
/** Longest list of a key's models in the log. */
const MAX_MODELS_LENGTH = 500;

const countRow = columns({ count: integer });

const OPERATOR = { organisation: '', id: 'operator', role: 'operator' } as const;

type Log = (entry: Omit<AuditEntry, 'id' | 'timeMs' | 'actor'>) => Work<void>;

interface ChangeContext {
  readonly nowMs: () => number;
  /** Commits a change together with its line in the log. */
  commit<T>(work: (log: Log) => Work<T>): Promise<T>;
}

/** @param actor name of the operator, for the log. @param books opened with ACCOUNTS_SCHEMA. */
export function createAccountChanges(
  books: WorkStore,
  { actor, nowMs }: { readonly actor: string; readonly nowMs: () => number },
): AccountChanges {
  function* log(entry: Parameters<Log>[0]): Work<void> {
    yield* insertRow(newAuditRow, 'audit', { timeMs: nowMs(), actor, ...entry });
  }
  const context: ChangeContext = { nowMs, commit: (work) => books.write(() => work(log)) };
  return {
    ...createMemberChanges(context),
    ...createKeyChanges(context),
    noteCreditOpened: (organisation) =>
      context.commit((log) => log({ action: 'credit opened', organisation, target: organisation, detail: '' })),
  };
}

type KeyChanges = 'addKey' | 'rotateKey' | 'revokeKey' | 'noteCreditOpened';

function createMemberChanges({ nowMs, commit }: ChangeContext): Omit<AccountChanges, KeyChanges> {
  function* insertMember(place: Omit<AccountMember, 'createdMs'>): Work<string> {
    const secret = createSecret('ogong-admin');
    const row = { ...place, createdMs: nowMs(), hash: hashSecret(secret) };
    yield* replaceRow(newMemberRow, 'members', 'organisation, id', row);
    return secret;
  }

  /** @throws AccountError if no owner of the organisation would be left. */
  function* assertOwnerLeft({ organisation, id, role }: AccountMember): Work<void> {
    if (role !== 'owner') return;
    const others = "SELECT count(*) AS count FROM members WHERE organisation = ? AND role = 'owner' AND id <> ?";
    if (((yield* findOne(countRow, others, organisation, id))?.count ?? 0) > 0) return;
    throw new AccountError('last-owner', `${id} is the only owner of ${organisation}; make another one first`);
  }

  function* getMember(organisation: string, id: string): Work<AccountMember> {
    const found = yield* findMember(organisation, id);
    if (found && found.role !== 'operator') return found;
    throw new AccountError('unknown', `${organisation} has no member ${id}`);
  }

  return {
    makeOperatorSecret: () =>
      commit(function* (log) {
        const secret = yield* insertMember(OPERATOR);
        yield* log({ action: 'operator secret made', organisation: '', target: OPERATOR.id, detail: '' });
        return secret;
      }),
    putOrganisation: (given) =>
      commit(function* (log): Work<Changed> {
        const { id, name, budgetAtomic } = readTerms(organisationTerms, given);
        const known = yield* findOrganisation(id);
        if (known?.name === name && known.budgetAtomic === budgetAtomic) return { outcome: 'unchanged' };
        const row = { id, name, budgetAtomic, createdMs: known?.createdMs ?? nowMs() };
        yield* replaceRow(organisationRow, 'organisations', 'id', row);
        const outcome = known ? 'changed' : 'added';
        const detail = `name ${name}, budget ${budgetAtomic ?? 'none'}`;
        yield* log({ action: `organisation ${outcome}`, organisation: id, target: id, detail });
        return { outcome };
      }),
    putMember: (given) =>
      commit(function* (log): Work<Changed> {
        const terms = readTerms(memberTerms, given);
        const { organisation, id, role } = terms;
        yield* assertOrganisation(organisation);
        const known = yield* findMember(organisation, id);
        if (known?.role === role) return { outcome: 'unchanged' };
        if (known) yield* assertOwnerLeft(known);
        else yield* assertRoom({ table: 'members', organisation });
        const outcome = known ? 'changed' : 'added';
        yield* log({ action: `member ${outcome}`, organisation, target: id, detail: `role ${role}` });
        if (known === undefined) return { outcome, secret: yield* insertMember(terms) };
        yield* change('UPDATE members SET role = ? WHERE organisation = ? AND id = ?', role, organisation, id);
        return { outcome };
      }),
    removeMember: (organisation, id) =>
      commit(function* (log) {
        yield* assertOwnerLeft(yield* getMember(organisation, id));
        yield* change('DELETE FROM members WHERE organisation = ? AND id = ?', organisation, id);
        yield* log({ action: 'member removed', organisation, target: id, detail: '' });
      }),
    rotateMember: (organisation, id) =>
      commit(function* (log) {
        yield* getMember(organisation, id);
        const secret = createSecret('ogong-admin');
        const sql = 'UPDATE members SET hash = ? WHERE organisation = ? AND id = ?';
        yield* change(sql, hashSecret(secret), organisation, id);
        yield* log({ action: 'member secret rotated', organisation, target: id, detail: '' });
        return secret;
      }),
  };
}

/** @throws AccountError */
function* assertOrganisation(id: string): Work<void> {
  if ((yield* findOrganisation(id)) === undefined) throw new AccountError('unknown', `there is no organisation ${id}`);
}

const ROOM = {
  keys: { most: MOST_KEYS, sql: 'SELECT count(*) AS count FROM keys WHERE organisation = ? AND revoked_ms IS NULL' },
  members: { most: MOST_MEMBERS, sql: 'SELECT count(*) AS count FROM members WHERE organisation = ?' },
} as const;

/** @throws AccountError */
function* assertRoom({
  table,
  organisation,
}: {
  readonly table: keyof typeof ROOM;
  readonly organisation: string;
}): Work<void> {
  const { most, sql } = ROOM[table];
  if (((yield* findOne(countRow, sql, organisation))?.count ?? 0) < most) return;
  throw new AccountError('full', `${organisation} has ${most} ${table}, as many as an organisation may have`);
}

function createKeyChanges({
  nowMs,
  commit,
}: ChangeContext): Pick<AccountChanges, Exclude<KeyChanges, 'noteCreditOpened'>> {
  function* getKey(id: string): Work<ApiKey> {
    const found = yield* findKey(id);
    if (found === undefined) throw new AccountError('unknown', `there is no key ${id}`);
    return found;
  }

  return {
    addKey: (given) =>
      commit(function* (log) {
        const terms = readTerms(keyTerms, given);
        if (terms.organisation !== '') {
          yield* assertOrganisation(terms.organisation);
          yield* assertRoom({ table: 'keys', organisation: terms.organisation });
        }
        const secret = createSecret('ogong');
        const id = createKeyId();
        const { budgetAtomic, dayBudgetAtomic, models, expiresMs, requestsPerMinute, tokensPerMinute } = terms;
        const { name, organisation } = terms;
        const key: ApiKey = {
          ...{ id, organisation, name, budgetAtomic, dayBudgetAtomic, models },
          ...{ requestsPerMinute, tokensPerMinute, expiresMs },
          ...{ createdMs: nowMs(), rotatedMs: undefined, revokedMs: undefined },
        };
        yield* insertRow(newKeyRow, 'keys', { ...key, hash: hashSecret(secret) });
        yield* log({ action: 'key added', organisation, target: id, detail: describeKey(key) });
        return { key, secret };
      }),
    rotateKey: (id) =>
      commit(function* (log) {
        const { organisation, revokedMs, expiresMs } = yield* getKey(id);
        if (revokedMs !== undefined) throw new AccountError('revoked-key', `key ${id} is revoked; make a new one`);
        if (expiresMs !== undefined && expiresMs <= nowMs()) {
          const ended = new Date(expiresMs).toISOString();
          throw new AccountError('expired-key', `key ${id} ended at ${ended}; make a new one`);
        }
        const secret = createSecret('ogong');
        yield* change('UPDATE keys SET hash = ?, rotated_ms = ? WHERE id = ?', hashSecret(secret), nowMs(), id);
        yield* log({ action: 'key rotated', organisation, target: id, detail: '' });
        return secret;
      }),
    revokeKey: (id) =>
      commit(function* (log): Work<Changed> {
        const { organisation, revokedMs } = yield* getKey(id);
        if (revokedMs !== undefined) return { outcome: 'unchanged' };
        yield* change('UPDATE keys SET revoked_ms = ? WHERE id = ?', nowMs(), id);
        yield* log({ action: 'key revoked', organisation, target: id, detail: '' });
        return { outcome: 'changed' };
      }),
  };
}

/** Describes the terms of a key for the log. */
export function describeKey(key: ApiKey): string {
  const parts = [key.name, key.budgetAtomic === undefined ? 'no limit' : `at most ${key.budgetAtomic}`];
  if (key.dayBudgetAtomic !== undefined) parts.push(`at most ${key.dayBudgetAtomic} a day`);
  if (key.expiresMs !== undefined) parts.push(`until ${new Date(key.expiresMs).toISOString()}`);
  if (key.models !== undefined) parts.push(`only ${key.models.join(',').slice(0, MAX_MODELS_LENGTH)}`);
  if (key.requestsPerMinute !== undefined) parts.push(`${key.requestsPerMinute} requests a minute`);
  if (key.tokensPerMinute !== undefined) parts.push(`${key.tokensPerMinute} tokens a minute`);
  return parts.join('; ');
}
