import { computeAddress } from '@ogong/chain/keys';
import { signAuthorization } from '@ogong/chain/money/authorizations';
import { change } from '@ogong/host/store/work';
import { describeAccounts } from '@ogong/testing/gateway/accounts-compliance';
import { createSqlitePlace, type OpenBooks, type TestBooksPlace } from '@ogong/testing/gateway/books-place';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdminCommand, type AdminOutput, runAdminCommand } from '../admin/admin-command.ts';
import { assertModel } from '../front/completions.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { isModelAllowed } from './api-keys.ts';

describeAccounts(createSqlitePlace);

const now = 1_000;
let place: TestBooksPlace;
let opened: OpenBooks;
let accounts: Accounts;
beforeEach(async () => {
  place = await createSqlitePlace();
  opened = await place.open();
  accounts = createAccounts(opened.books, () => now);
});
afterEach(async () => {
  await opened.close();
  await place.remove();
});

const codeOf = (code: string) => expect.objectContaining({ code });

const run = (positionals: string, given: Partial<AdminCommand> = {}): Promise<AdminOutput> =>
  runAdminCommand({
    ...{ positionals: positionals.split(' '), accounts, actor: 'operator:test', isJson: true, nowMs: now },
    books: opened.books,
    ...{
      organisation: undefined,
      name: undefined,
      role: 'member',
      maxSpendAtomic: undefined,
      maxSpendPerDayAtomic: undefined,
      amountAtomic: undefined,
      lifetimeMs: undefined,
    },
    ...{ models: undefined, requestsPerMinute: undefined, tokensPerMinute: undefined, from: undefined, to: undefined },
    ...given,
  });
/** The JSON that a command printed. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
const runJson = async (positionals: string, given?: Partial<AdminCommand>): Promise<any> =>
  JSON.parse((await run(positionals, given)).text);

describe('models of a key', () => {
  it('match whole, or by a beginning that ends in *', async () => {
    const holder = { models: ['ogong/replay/maker/small', 'ogong/tee/*'] };
    for (const model of ['ogong/replay/maker/small', 'ogong/tee/maker/any']) {
      expect(isModelAllowed(holder, model)).toBe(true);
      expect(isModelAllowed({}, model)).toBe(true);
    }
    for (const model of ['ogong/replay/maker/small2', 'ogong/replay/maker/smal', 'ogong/teeth/maker/any']) {
      expect(isModelAllowed(holder, model)).toBe(false);
    }
  });

  it('are answered 403 where others exist', async () => {
    const model = 'ogong/replay/maker/small';
    const key = { id: 'a', budgetAtomic: undefined };
    expect(() => assertModel(model, { ...key, models: ['ogong/replay/*'] })).not.toThrow();
    expect(() => assertModel(model, { ...key, models: ['ogong/tee/*'] })).toThrow(
      expect.objectContaining({ code: 'model_not_allowed', status: 403, param: 'model' }),
    );
  });
});

describe('ogong-gatewayd admin', () => {
  it('can be repeated: a change without effect does nothing', async () => {
    for (const outcome of ['added', 'unchanged']) {
      expect(await runJson('org put acme', { name: 'Acme', maxSpendAtomic: 100n })).toEqual({ id: 'acme', outcome });
    }
    // Fields that the command leaves out stay as they are.
    expect(await runJson('org put acme', { maxSpendAtomic: 200n })).toEqual({ id: 'acme', outcome: 'changed' });
    expect(await runJson('org list')).toMatchObject([
      { id: 'acme', name: 'Acme', budget_atomic: '200', spent_atomic: '0', left_atomic: '200' },
    ]);
    const { secret, ...added } = await runJson('member put acme alice', { role: 'owner' });
    expect(added).toEqual({ organisation: 'acme', id: 'alice', role: 'owner', outcome: 'added' });
    expect(await runJson('member put acme alice', { role: 'owner' })).toEqual({ ...added, outcome: 'unchanged' });
    expect((await accounts.findMember(secret))?.id).toBe('alice');
    expect((await runJson('member put acme bob')).outcome).toBe('added');
    expect((await runJson('member remove acme bob')).outcome).toBe('changed');
    expect((await runJson('member remove acme bob')).outcome).toBe('unchanged');
    expect((await runJson('member list acme')).map(({ id }: { id: string }) => id)).toEqual(['alice']);
    expect((await accounts.findMember((await runJson('secret')).secret))?.role).toBe('operator');
  });

  it('makes, lists, rotates and revokes keys', async () => {
    await run('org put acme');
    const terms = { lifetimeMs: 1_000, models: 'ogong/replay/*, ogong/tee/a/b', requestsPerMinute: 6 };
    const made = await run('key add', { ...terms, organisation: 'acme', name: 'laptop', isJson: false });
    const [, id = '', secret = ''] = /^id=(\S+) .*shown only now:\n(ogong-\S+)\n$/.exec(made.text) ?? [];
    expect(await accounts.find(secret)).toMatchObject({ id, limits: { requestsPerMinute: 6 } });
    expect(await runJson('key list', { organisation: 'acme' })).toMatchObject([
      { id, models: ['ogong/replay/*', 'ogong/tee/a/b'], expires_at: '1970-01-01T00:00:02.000Z', revoked_at: null },
    ]);
    expect(await runJson('key list', { organisation: '' })).toEqual([]);
    const next = (await runJson(`key rotate ${id}`)).secret;
    expect([await accounts.find(secret), (await accounts.find(next))?.id]).toEqual([undefined, id]);
    expect(await runJson(`key revoke ${id}`)).toEqual({ id, outcome: 'changed' });
    expect(await accounts.find(next)).toBeUndefined();
  });

  it('adds credit once for each reference, and takes it back', async () => {
    await run('org put acme');
    await expect(run('credit open other')).rejects.toThrow(codeOf('unknown'));
    await expect(run('credit add acme invoice-1')).rejects.toThrow(codeOf('usage'));
    expect((await runJson('credit open acme')).outcome).toBe('added');
    for (const outcome of ['added', 'unchanged'])
      expect((await runJson('credit add acme invoice-1', { amountAtomic: 70n })).outcome).toBe(outcome);
    expect((await runJson('credit add acme refund-1', { amountAtomic: -20n })).outcome).toBe('added');
    expect((await runJson('credit open acme')).outcome).toBe('unchanged');
    expect((await runJson('credit list acme')).map((one: { amount_atomic: string }) => one.amount_atomic)).toEqual([
      '70',
      '-20',
    ]);
    expect(await runJson('org list')).toMatchObject([{ credit_atomic: '50', credit_left_atomic: '50' }]);
    const lines = (await runJson('audit')).map(
      (one: { actor: string; action: string }) => `${one.actor}: ${one.action}`,
    );
    expect(lines.filter((line: string) => line.includes('credit')).sort()).toEqual([
      ...['operator:test: credit added', 'operator:test: credit opened', 'operator:test: credit taken back'],
    ]);
  });

  it('says what a payer signs for an organisation, and keeps what was signed', async () => {
    await run('org put acme');
    await run('credit open acme');
    const deposits = { deployment: { chainId: 1, token: `0x${'70'.repeat(20)}` } } as const;
    await expect(run('credit terms acme')).rejects.toThrow(codeOf('usage'));
    await expect(run('credit terms acme', { deposits })).rejects.toThrow(codeOf('unknown'));
    const address = `0x${'ad'.repeat(20)}` as const;
    await opened.books.write(() => change('INSERT INTO deposits VALUES (?, ?, 0)', 'org:acme', address));
    const terms = JSON.parse((await run('credit terms acme', { deposits })).text);
    expect(terms).toMatchObject({ to: address, primary_type: 'TransferWithAuthorization', domain: { chainId: 1 } });
    const key = `0x${'11'.repeat(32)}` as const;
    const authorization = {
      ...{
        from: computeAddress(key),
        to: terms.to,
        value: 70n,
        validAfter: 0n,
        nonce: `0x${'22'.repeat(32)}` as const,
      },
      validBefore: BigInt(Math.floor(now / 1_000)) + 600n,
    };
    const signature = await signAuthorization(deposits.deployment, authorization, key);
    const named = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, `${value}`]));
    const transfer = JSON.stringify({ authorization: named, signature });
    for (const outcome of ['added', 'unchanged'])
      expect((await runJson('credit transfer acme', { deposits, transfer })).outcome).toBe(outcome);
    await expect(run('credit transfer acme', { deposits })).rejects.toThrow('--transfer');
    await expect(run('credit transfer acme', { deposits, transfer: '{' })).rejects.toThrow('not JSON');
    const other = transfer.replace('"70"', '"71"');
    await expect(run('credit transfer acme', { deposits, transfer: other })).rejects.toThrow('did not sign');
    expect(await runJson('audit')).toContainEqual(
      expect.objectContaining({ action: 'signed transfer handed in', actor: 'operator:test' }),
    );
  });

  it('compares the sums with the rows behind them, and fails if they differ', async () => {
    expect(await run('reconcile', { isJson: false })).toEqual({ text: 'all books agree\n', isOk: true });
    await opened.books.write(() => change("INSERT INTO spending VALUES ('a', '5', '0')"));
    const { text, isOk } = await run('reconcile');
    expect([isOk, JSON.parse(text).discrepancies]).toEqual([
      false,
      [{ what: 'spent by a', booked_atomic: '5', found_atomic: '0' }],
    ]);
  });

  it.each(['org', 'org put', 'key', 'key rotate', 'members list acme', 'usage 2026', 'toString'])(
    'says what there is for: %s',
    async (positionals) => {
      await expect(run(positionals)).rejects.toThrow(codeOf('usage'));
    },
  );
});
