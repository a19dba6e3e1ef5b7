import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '@ogong/host/store/store';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MOST_MEMBERS } from './account-changes.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { type AdminCommand, type AdminOutput, runAdminCommand } from './admin-command.ts';
import { isModelAllowed } from './api-keys.ts';
import { assertModel } from './completions.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

let directory: TestDirectory;
let path: string;
let accounts: Accounts;
let now: number;
beforeEach(() => {
  directory = createTestDirectory('accounts');
  path = join(directory.path, 'accounts.db');
  now = 1_000;
  accounts = openAccounts(path, () => now);
});
afterEach(() => {
  accounts.close();
  directory.remove();
});

const add = (terms: Partial<Parameters<ReturnType<Accounts['as']>['addKey']>[0]> = {}) =>
  accounts.as('test').addKey({ organisation: '', name: 'k', ...terms });
const codeOf = (code: string) => expect.objectContaining({ code });
const readFiles = (): string =>
  readdirSync(directory.path)
    .map((name) => readFileSync(join(directory.path, name), 'latin1'))
    .join('');

function run(positionals: string, given: Partial<AdminCommand> = {}): AdminOutput {
  return runAdminCommand({
    ...{ positionals: positionals.split(' '), accounts, actor: 'operator:test', isJson: true, nowMs: now },
    openBooks: () => openStore(':memory:', { schema: GATEWAY_SCHEMA }),
    ...{ organisation: undefined, name: undefined, role: 'member', maxSpendAtomic: undefined, lifetimeMs: undefined },
    ...{ models: undefined, requestsPerMinute: undefined, tokensPerMinute: undefined, from: undefined, to: undefined },
    ...given,
  });
}
/** What a command printed, by `--json`. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
const runJson = (positionals: string, given?: Partial<AdminCommand>): any => JSON.parse(run(positionals, given).text);

describe('a key', () => {
  it('ends at its expiry, to the millisecond, and does not open the gateway by that', () => {
    expect(accounts.isEmpty()).toBe(true);
    const { key, secret } = add({ expiresMs: 5_000 });
    now = 4_999;
    expect(accounts.find(secret)?.id).toBe(key.id);
    now = 5_000;
    expect(accounts.find(secret)).toBeUndefined();
    expect(accounts.isEmpty()).toBe(false);
  });

  it('gets a new secret by rotation alone: id, budget, models, limits and expiry stay, and the old secret ends at once', () => {
    const limits = { requestsPerMinute: 3, tokensPerMinute: 5 };
    const { key, secret } = add({ budgetAtomic: 7n, expiresMs: 5_000, models: ['ogong/replay/*'], ...limits });
    const before = accounts.find(secret);
    const next = accounts.as('test').rotateKey(key.id);
    expect(accounts.find(secret)).toBeUndefined();
    expect(accounts.find(next)).toEqual(before);
    const organisation = undefined;
    expect(before).toEqual({ id: key.id, budgetAtomic: 7n, models: ['ogong/replay/*'], limits, organisation });
    now = 5_000;
    expect(accounts.find(next)).toBeUndefined();
    for (const shown of [secret, next]) expect(readFiles()).not.toContain(shown);
  });

  it('is not brought back by rotation once it is revoked or expired, and no other id is known', () => {
    const { key, secret } = add();
    const changes = accounts.as('test');
    expect(changes.revokeKey(key.id)).toEqual({ outcome: 'changed' });
    expect(accounts.find(secret)).toBeUndefined();
    expect(changes.revokeKey(key.id)).toEqual({ outcome: 'unchanged' });
    expect(() => changes.rotateKey(key.id)).toThrow(codeOf('revoked-key'));
    const ending = add({ expiresMs: now + 1 }).key;
    expect(changes.rotateKey(ending.id)).toMatch(/^ogong-/);
    now += 1;
    expect(() => changes.rotateKey(ending.id)).toThrow(codeOf('expired-key'));
    expect(() => changes.rotateKey('00000000')).toThrow(codeOf('unknown'));
  });

  it('is known at once to every process that has the file open', () => {
    const daemon = openAccounts(path, () => now);
    const { key, secret } = add();
    expect(daemon.find(secret)?.id).toBe(key.id);
    accounts.as('test').revokeKey(key.id);
    expect(daemon.find(secret)).toBeUndefined();
    daemon.close();
  });

  it('is renewed as it is now, unless it has ended', () => {
    const { key } = add({ budgetAtomic: 9n });
    expect(accounts.renew(key.id)).toMatchObject({ id: key.id, budgetAtomic: 9n });
    accounts.as('test').revokeKey(key.id);
    expect(accounts.renew(key.id)).toBeUndefined();
  });

  it('of an organisation comes with its budget, as it is now', () => {
    const changes = accounts.as('test');
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 9n });
    const { secret } = add({ organisation: 'acme' });
    expect(accounts.find(secret)?.organisation).toMatchObject({ id: 'acme', budgetAtomic: 9n });
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 11n });
    expect(accounts.find(secret)?.organisation).toMatchObject({ budgetAtomic: 11n });
    expect(() => add({ organisation: 'other' })).toThrow(codeOf('unknown'));
  });

  it.each([
    { models: [''] },
    { models: [] },
    { models: ['a*b'] },
    { models: Array.from({ length: 101 }, () => 'a') },
    { expiresMs: 1e15 },
    { name: 'n'.repeat(101) },
    { name: 'two\nlines' },
    { budgetAtomic: -1n },
    { requestsPerMinute: 0 },
    { tokensPerMinute: 1.5 },
  ])('is refused with terms that cannot be meant, and nothing is written: %o', (terms) => {
    expect(() => add(terms)).toThrow(codeOf('usage'));
    expect(accounts.isEmpty()).toBe(true);
    expect(accounts.listAudit(undefined, 9)).toEqual([]);
  });
});

describe('models of a key', () => {
  it('match whole, or by a beginning that ends in *', () => {
    const holder = { models: ['ogong/replay/maker/small', 'ogong/tee/*'] };
    for (const model of ['ogong/replay/maker/small', 'ogong/tee/maker/any']) {
      expect(isModelAllowed(holder, model)).toBe(true);
      expect(isModelAllowed({}, model)).toBe(true);
    }
    for (const model of ['ogong/replay/maker/small2', 'ogong/replay/maker/smal', 'ogong/teeth/maker/any']) {
      expect(isModelAllowed(holder, model)).toBe(false);
    }
  });

  it('are answered 403 where others exist', () => {
    const model = 'ogong/replay/maker/small';
    const key = { id: 'a', budgetAtomic: undefined };
    expect(() => assertModel(model, { ...key, models: ['ogong/replay/*'] })).not.toThrow();
    expect(() => assertModel(model, { ...key, models: ['ogong/tee/*'] })).toThrow(
      expect.objectContaining({ code: 'model_not_allowed', status: 403, param: 'model' }),
    );
  });
});

describe('members', () => {
  it('have one secret each, which ends when they are removed or it is rotated', () => {
    const changes = accounts.as('test');
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
    const alice = changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' }).secret as string;
    const bob = changes.putMember({ organisation: 'acme', id: 'bob', role: 'admin' }).secret as string;
    expect(accounts.findMember(alice)).toMatchObject({ organisation: 'acme', id: 'alice', role: 'owner' });
    expect(changes.putMember({ organisation: 'acme', id: 'bob', role: 'member' })).toEqual({ outcome: 'changed' });
    expect(accounts.findMember(bob)?.role).toBe('member');
    const next = changes.rotateMember('acme', 'bob');
    expect(accounts.findMember(bob)).toBeUndefined();
    changes.removeMember('acme', 'bob');
    expect(accounts.findMember(next)).toBeUndefined();
    // An admin secret buys nothing, and a key administers nothing.
    expect(accounts.find(alice)).toBeUndefined();
    expect(accounts.findMember(add().secret)).toBeUndefined();
  });

  it('and keys of an organisation have a limit, so that a database does not grow without one', () => {
    const changes = accounts.as('test');
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
    const store = openStore(path, { schema: ACCOUNTS_SCHEMA });
    store.database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MOST_MEMBERS})
      INSERT INTO members (organisation, id, role, created_ms, hash) SELECT 'acme', 'm' || i, 'member', 1, 'h' || i FROM n`);
    store.close();
    expect(() => changes.putMember({ organisation: 'acme', id: 'more', role: 'member' })).toThrow(codeOf('full'));
    changes.removeMember('acme', 'm1');
    expect(changes.putMember({ organisation: 'acme', id: 'more', role: 'member' }).outcome).toBe('added');
  });

  it('leave an owner behind', () => {
    const changes = accounts.as('test');
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
    changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' });
    expect(() => changes.removeMember('acme', 'alice')).toThrow(codeOf('last-owner'));
    expect(() => changes.putMember({ organisation: 'acme', id: 'alice', role: 'admin' })).toThrow(codeOf('last-owner'));
    changes.putMember({ organisation: 'acme', id: 'bob', role: 'owner' });
    changes.removeMember('acme', 'alice');
    expect(accounts.listMembers('acme').map(({ id }) => id)).toEqual(['bob']);
  });

  it('cannot be operators, nor belong to nothing', () => {
    const changes = accounts.as('test');
    const operator = changes.makeOperatorSecret();
    expect(() => changes.putMember({ organisation: '', id: 'eve', role: 'owner' })).toThrow(codeOf('usage'));
    expect(() => changes.putMember({ organisation: 'acme', id: 'eve', role: 'operator' as never })).toThrow(
      codeOf('usage'),
    );
    expect(() => changes.putMember({ organisation: 'acme', id: 'eve', role: 'owner' })).toThrow(codeOf('unknown'));
    expect(() => changes.removeMember('', 'operator')).toThrow(codeOf('unknown'));
    expect(accounts.findMember(operator)?.role).toBe('operator');
    const next = changes.makeOperatorSecret();
    expect([accounts.findMember(operator), accounts.findMember(next)?.role]).toEqual([undefined, 'operator']);
  });
});

describe('the audit log', () => {
  it('has one line for each change, with who made it, and none for what changed nothing or failed', () => {
    const changes = accounts.as('operator:test');
    const secrets = [changes.makeOperatorSecret()];
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 5n });
    changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 5n });
    secrets.push(changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' }).secret as string);
    changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' });
    const { key, secret } = accounts.as('acme/alice').addKey({ organisation: 'acme', name: 'laptop' });
    secrets.push(secret, accounts.as('acme/alice').rotateKey(key.id));
    changes.revokeKey(key.id);
    changes.revokeKey(key.id);
    expect(() => changes.removeMember('acme', 'alice')).toThrow();
    const lines = accounts.listAudit(undefined, 100).reverse();
    expect(lines.map(({ actor, action, target }) => [actor, action, target])).toEqual([
      ['operator:test', 'operator secret made', 'operator'],
      ['operator:test', 'organisation added', 'acme'],
      ['operator:test', 'member added', 'alice'],
      ['acme/alice', 'key added', key.id],
      ['acme/alice', 'key rotated', key.id],
      ['operator:test', 'key revoked', key.id],
    ]);
    expect(accounts.listAudit('acme', 100)).toHaveLength(5);
    for (const shown of secrets) expect(readFiles()).not.toContain(shown);
  });

  it('is only added to', () => {
    accounts.as('test').makeOperatorSecret();
    const store = openStore(path, { schema: ACCOUNTS_SCHEMA });
    for (const sql of ["UPDATE audit SET actor = 'nobody'", 'DELETE FROM audit']) {
      expect(() => store.database.exec(sql)).toThrow('only added to');
    }
    store.close();
    expect(accounts.listAudit(undefined, 9)).toHaveLength(1);
  });
});

describe('ogong-gatewayd admin', () => {
  it('can be said again: what is so already changes nothing', () => {
    for (const outcome of ['added', 'unchanged']) {
      expect(runJson('org put acme', { name: 'Acme', maxSpendAtomic: 100n })).toEqual({ id: 'acme', outcome });
    }
    // What is not said stays.
    expect(runJson('org put acme', { maxSpendAtomic: 200n })).toEqual({ id: 'acme', outcome: 'changed' });
    expect(runJson('org list')).toMatchObject([
      { id: 'acme', name: 'Acme', budget_atomic: '200', spent_atomic: '0', left_atomic: '200' },
    ]);
    const { secret, ...added } = runJson('member put acme alice', { role: 'owner' });
    expect(added).toEqual({ organisation: 'acme', id: 'alice', role: 'owner', outcome: 'added' });
    expect(runJson('member put acme alice', { role: 'owner' })).toEqual({ ...added, outcome: 'unchanged' });
    expect(accounts.findMember(secret)?.id).toBe('alice');
    expect(runJson('member put acme bob').outcome).toBe('added');
    expect(runJson('member remove acme bob').outcome).toBe('changed');
    expect(runJson('member remove acme bob').outcome).toBe('unchanged');
    expect(runJson('member list acme').map(({ id }: { id: string }) => id)).toEqual(['alice']);
    expect(accounts.findMember(runJson('secret').secret)?.role).toBe('operator');
  });

  it('makes, lists, rotates and revokes keys', () => {
    run('org put acme');
    const terms = { lifetimeMs: 1_000, models: 'ogong/replay/*, ogong/tee/a/b', requestsPerMinute: 6 };
    const made = run('key add', { ...terms, organisation: 'acme', name: 'laptop', isJson: false });
    const [, id = '', secret = ''] = /^id=(\S+) .*shown only now:\n(ogong-\S+)\n$/.exec(made.text) ?? [];
    expect(accounts.find(secret)).toMatchObject({ id, limits: { requestsPerMinute: 6 } });
    expect(runJson('key list', { organisation: 'acme' })).toMatchObject([
      { id, models: ['ogong/replay/*', 'ogong/tee/a/b'], expires_at: '1970-01-01T00:00:02.000Z', revoked_at: null },
    ]);
    expect(runJson('key list', { organisation: '' })).toEqual([]);
    const next = runJson(`key rotate ${id}`).secret;
    expect([accounts.find(secret), accounts.find(next)?.id]).toEqual([undefined, id]);
    expect(runJson(`key revoke ${id}`)).toEqual({ id, outcome: 'changed' });
    expect(accounts.find(next)).toBeUndefined();
  });

  it('holds the books against each other, and fails where they differ', () => {
    const openBooks = () => openStore(join(directory.path, 'gateway.db'), { schema: GATEWAY_SCHEMA });
    expect(run('reconcile', { openBooks, isJson: false })).toEqual({ text: 'all books agree\n', isOk: true });
    const books = openBooks();
    books.database.exec("INSERT INTO spending VALUES ('a', '5', '0')");
    books.close();
    const { text, isOk } = run('reconcile', { openBooks });
    expect([isOk, JSON.parse(text).discrepancies]).toEqual([
      false,
      [{ what: 'spent by a', booked_atomic: '5', found_atomic: '0' }],
    ]);
  });

  it.each(['org', 'org put', 'key', 'key rotate', 'members list acme', 'usage 2026', 'toString'])(
    'says what there is for: %s',
    (positionals) => {
      expect(() => run(positionals)).toThrow(codeOf('usage'));
    },
  );
});
