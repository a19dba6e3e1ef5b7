import { MOST_MEMBERS } from '@ogong/gateway/books/account-changes';
import { type Accounts, createAccounts } from '@ogong/gateway/books/accounts';
import { change } from '@ogong/host/store/work';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenBooks, TestBooksPlace } from './books-place.ts';

/** Tests of organisations, members, keys and their log, for every store. */
export function describeAccounts(createPlace: () => Promise<TestBooksPlace>): void {
  let place: TestBooksPlace;
  let opened: OpenBooks;
  let accounts: Accounts;
  let now: number;
  beforeEach(async () => {
    place = await createPlace();
    now = 1_000;
    opened = await place.open();
    accounts = createAccounts(opened.books, () => now);
  });
  afterEach(async () => {
    await opened.close();
    await place.remove();
  });

  const add = (terms: Partial<Parameters<ReturnType<Accounts['as']>['addKey']>[0]> = {}) =>
    accounts.as('test').addKey({ organisation: '', name: 'k', ...terms });
  const codeOf = (code: string) => expect.objectContaining({ code });

  describe('a key', () => {
    it("ends at its expiry, to the millisecond, and does not lift the gateway's need for keys", async () => {
      expect(await accounts.isEmpty()).toBe(true);
      const { key, secret } = await add({ expiresMs: 5_000 });
      now = 4_999;
      expect((await accounts.find(secret))?.id).toBe(key.id);
      now = 5_000;
      expect(await accounts.find(secret)).toBeUndefined();
      expect(await accounts.isEmpty()).toBe(false);
    });

    it('receives a new secret by rotation; all its other fields stay, and the old secret ends at once', async () => {
      const limits = { requestsPerMinute: 3, tokensPerMinute: 5 };
      const { key, secret } = await add({
        budgetAtomic: 7n,
        dayBudgetAtomic: 3n,
        expiresMs: 5_000,
        models: ['ogong/replay/*'],
        ...limits,
      });
      const before = await accounts.find(secret);
      const next = await accounts.as('test').rotateKey(key.id);
      expect(await accounts.find(secret)).toBeUndefined();
      expect(await accounts.find(next)).toEqual(before);
      const organisation = undefined;
      expect(before).toEqual({
        ...{ id: key.id, budgetAtomic: 7n, dayBudgetAtomic: 3n, models: ['ogong/replay/*'], limits, organisation },
      });
      now = 5_000;
      expect(await accounts.find(next)).toBeUndefined();
      for (const shown of [secret, next]) expect(await place.dump()).not.toContain(shown);
    });

    it('is not revived by rotation after revocation or expiry, and no other id is known', async () => {
      const { key, secret } = await add();
      const changes = accounts.as('test');
      expect(await changes.revokeKey(key.id)).toEqual({ outcome: 'changed' });
      expect(await accounts.find(secret)).toBeUndefined();
      expect(await changes.revokeKey(key.id)).toEqual({ outcome: 'unchanged' });
      await expect(changes.rotateKey(key.id)).rejects.toThrow(codeOf('revoked-key'));
      const ending = (await add({ expiresMs: now + 1 })).key;
      expect(await changes.rotateKey(ending.id)).toMatch(/^ogong-/);
      now += 1;
      await expect(changes.rotateKey(ending.id)).rejects.toThrow(codeOf('expired-key'));
      await expect(changes.rotateKey('00000000')).rejects.toThrow(codeOf('unknown'));
    });

    it('is known at once to every process with the same store', async () => {
      const other = await place.open();
      const daemon = createAccounts(other.books, () => now);
      const { key, secret } = await add();
      expect((await daemon.find(secret))?.id).toBe(key.id);
      await accounts.as('test').revokeKey(key.id);
      expect(await daemon.find(secret)).toBeUndefined();
      await other.close();
    });

    it('is renewed with its present fields, unless it has ended', async () => {
      const { key } = await add({ budgetAtomic: 9n });
      expect(await accounts.renew(key.id)).toMatchObject({ id: key.id, budgetAtomic: 9n });
      await accounts.as('test').revokeKey(key.id);
      expect(await accounts.renew(key.id)).toBeUndefined();
    });

    it('of an organisation comes with its present budget', async () => {
      const changes = accounts.as('test');
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 9n });
      const { secret } = await add({ organisation: 'acme' });
      expect((await accounts.find(secret))?.organisation).toMatchObject({ id: 'acme', budgetAtomic: 9n });
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 11n });
      expect((await accounts.find(secret))?.organisation).toMatchObject({ budgetAtomic: 11n });
      await expect(add({ organisation: 'other' })).rejects.toThrow(codeOf('unknown'));
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
      { dayBudgetAtomic: -1n },
      { requestsPerMinute: 0 },
      { tokensPerMinute: 1.5 },
    ])('is refused with terms that cannot be meant, and nothing is written: %o', async (terms) => {
      await expect(add(terms)).rejects.toThrow(codeOf('usage'));
      expect(await accounts.isEmpty()).toBe(true);
      expect(await accounts.listAudit(undefined, 9)).toEqual([]);
    });
  });

  describe('members', () => {
    it('have one secret each, which ends by removal or rotation', async () => {
      const changes = accounts.as('test');
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
      const alice = (await changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' })).secret as string;
      const bob = (await changes.putMember({ organisation: 'acme', id: 'bob', role: 'admin' })).secret as string;
      expect(await accounts.findMember(alice)).toMatchObject({ organisation: 'acme', id: 'alice', role: 'owner' });
      expect(await changes.putMember({ organisation: 'acme', id: 'bob', role: 'member' })).toEqual({
        outcome: 'changed',
      });
      expect((await accounts.findMember(bob))?.role).toBe('member');
      const next = await changes.rotateMember('acme', 'bob');
      expect(await accounts.findMember(bob)).toBeUndefined();
      await changes.removeMember('acme', 'bob');
      expect(await accounts.findMember(next)).toBeUndefined();
      // An admin secret buys nothing, and a key administers nothing.
      expect(await accounts.find(alice)).toBeUndefined();
      expect(await accounts.findMember((await add()).secret)).toBeUndefined();
    });

    it('and keys of an organisation are limited in number', async () => {
      const changes = accounts.as('test');
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
      await opened.books.write(() =>
        change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MOST_MEMBERS})
      INSERT INTO members (organisation, id, role, created_ms, hash) SELECT 'acme', 'm' || i, 'member', 1, 'h' || i FROM n`),
      );
      await expect(changes.putMember({ organisation: 'acme', id: 'more', role: 'member' })).rejects.toThrow(
        codeOf('full'),
      );
      await changes.removeMember('acme', 'm1');
      expect((await changes.putMember({ organisation: 'acme', id: 'more', role: 'member' })).outcome).toBe('added');
    });

    it('cannot all leave: one owner stays', async () => {
      const changes = accounts.as('test');
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: undefined });
      await changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' });
      await expect(changes.removeMember('acme', 'alice')).rejects.toThrow(codeOf('last-owner'));
      await expect(changes.putMember({ organisation: 'acme', id: 'alice', role: 'admin' })).rejects.toThrow(
        codeOf('last-owner'),
      );
      await changes.putMember({ organisation: 'acme', id: 'bob', role: 'owner' });
      await changes.removeMember('acme', 'alice');
      expect((await accounts.listMembers('acme')).map(({ id }) => id)).toEqual(['bob']);
    });

    it('need an organisation and cannot be operators', async () => {
      const changes = accounts.as('test');
      const operator = await changes.makeOperatorSecret();
      await expect(changes.putMember({ organisation: '', id: 'eve', role: 'owner' })).rejects.toThrow(codeOf('usage'));
      await expect(changes.putMember({ organisation: 'acme', id: 'eve', role: 'operator' as never })).rejects.toThrow(
        codeOf('usage'),
      );
      await expect(changes.putMember({ organisation: 'acme', id: 'eve', role: 'owner' })).rejects.toThrow(
        codeOf('unknown'),
      );
      await expect(changes.removeMember('', 'operator')).rejects.toThrow(codeOf('unknown'));
      expect((await accounts.findMember(operator))?.role).toBe('operator');
      const next = await changes.makeOperatorSecret();
      expect([await accounts.findMember(operator), (await accounts.findMember(next))?.role]).toEqual([
        undefined,
        'operator',
      ]);
    });
  });

  describe('the audit log', () => {
    it('has one line with its author for each change, and none for calls that failed or changed nothing', async () => {
      const changes = accounts.as('operator:test');
      const secrets = [await changes.makeOperatorSecret()];
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 5n });
      await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 5n });
      secrets.push((await changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' })).secret as string);
      await changes.putMember({ organisation: 'acme', id: 'alice', role: 'owner' });
      const { key, secret } = await accounts.as('acme/alice').addKey({ organisation: 'acme', name: 'laptop' });
      secrets.push(secret, await accounts.as('acme/alice').rotateKey(key.id));
      await changes.revokeKey(key.id);
      await changes.revokeKey(key.id);
      await expect(changes.removeMember('acme', 'alice')).rejects.toThrow();
      const lines = (await accounts.listAudit(undefined, 100)).reverse();
      expect(lines.map(({ actor, action, target }) => [actor, action, target])).toEqual([
        ['operator:test', 'operator secret made', 'operator'],
        ['operator:test', 'organisation added', 'acme'],
        ['operator:test', 'member added', 'alice'],
        ['acme/alice', 'key added', key.id],
        ['acme/alice', 'key rotated', key.id],
        ['operator:test', 'key revoked', key.id],
      ]);
      expect(await accounts.listAudit('acme', 100)).toHaveLength(5);
      for (const shown of secrets) expect(await place.dump()).not.toContain(shown);
    });

    it('is append-only', async () => {
      await accounts.as('test').makeOperatorSecret();
      for (const sql of ["UPDATE audit SET actor = 'nobody'", 'DELETE FROM audit']) {
        await expect(opened.books.write(() => change(sql))).rejects.toThrow('only added to');
      }
      expect(await accounts.listAudit(undefined, 9)).toHaveLength(1);
    });
  });
}
