import { createAccounts } from '@ogong/gateway/books/accounts';
import { createBudgetAlerts } from '@ogong/gateway/books/budget-alerts';
import { type ChannelLedger, createChannelLedger } from '@ogong/gateway/books/channel-ledger';
import { addCredit, openCredit } from '@ogong/gateway/books/credit-store';
import { namePermit } from '@ogong/gateway/books/permit-store';
import { reconcile } from '@ogong/gateway/books/reconcile';
import type { Reservation } from '@ogong/gateway/books/reservation';
import { nameAccount, readSpending } from '@ogong/gateway/books/spending-store';
import { listUsage } from '@ogong/gateway/books/usage-store';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenBooks, TestBooksPlace } from './books-place.ts';

const bytes = new Uint8Array(4);
const UNLIMITED = 10n ** 30n;
const reservation = (replyId: string, maxFeeAtomic: bigint, change: Partial<Reservation> = {}): Reservation => ({
  replyId,
  completionId: `chatcmpl-${replyId}`,
  choice: 0,
  validator: 'aa',
  keyId: 'key',
  keyBudgetAtomic: undefined,
  model: 'ogong/verified/test/a',
  maxFeeAtomic,
  spendableAtomic: UNLIMITED,
  spentAtomic: 0n,
  createdMs: 1,
  expiresMs: 2,
  ...change,
});
const closing = (feeAtomic: bigint) => ({ feeAtomic, verdict: 'accept', detail: '', settlement: '', judgedRecord: '' });

/** Tests of a gateway's channels and budgets, for every store. @param runs number of random steps. */
export function describeLedger(createPlace: () => Promise<TestBooksPlace>, runs: number): void {
  let place: TestBooksPlace;
  let opened: OpenBooks;
  let ledger: ChannelLedger;
  let unexplained: (readonly [validator: string, amountAtomic: bigint])[] = [];

  async function open(): Promise<void> {
    opened = await place.open();
    ledger = createChannelLedger(opened.books, (...drawn) => unexplained.push(drawn));
  }
  beforeEach(async () => {
    unexplained = [];
    place = await createPlace();
    await open();
  });
  afterEach(async () => {
    await opened.close();
    await place.remove();
  });

  async function reserve(id: string, fee: bigint, change: Partial<Reservation> = {}): Promise<bigint> {
    let signed = -1n;
    await ledger.reserve(reservation(id, fee, change), (cumulative) => {
      signed = cumulative;
      return { order: bytes, signature: bytes };
    });
    return signed;
  }

  describe('vouchers', () => {
    it('cover the drawn orders that a restored copy has forgotten, and nothing twice', async () => {
      await reserve('1', 100n);
      await ledger.close('1', closing(60n));
      const copy = await ledger.channel('aa');
      // The known orders were drawn: 60 for one that is closed here, at most 100 for one that is open.
      expect(await reserve('2', 100n, { spentAtomic: 60n })).toBe(160n);
      expect(await reserve('3', 10n, { spentAtomic: 160n })).toBe(170n);
      expect(await ledger.channel('aa')).toMatchObject({ owedAtomic: copy.owedAtomic, outstandingAtomic: 110n });
      // 400 were drawn. Known orders explain 170 of them, so 230 were for others.
      expect(await reserve('4', 5n, { spentAtomic: 400n })).toBe(405n);
      expect(await reserve('5', 5n, { spentAtomic: 400n })).toBe(410n);
      expect(await ledger.channel('aa')).toEqual({ cumulativeAtomic: 410n, owedAtomic: 290n, outstandingAtomic: 120n });
    });

    it('are reported with the amount that a validator drew beyond the fees that it told', async () => {
      await reserve('1', 100n);
      // The validator says that the reply costs nothing, and settles it nevertheless.
      await ledger.close('1', { ...closing(0n), verdict: 'reject', settlement: 'none' });
      await reserve('2', 10n, { spentAtomic: 60n });
      expect(unexplained).toEqual([['aa', 60n]]);
      await reserve('3', 10n, { spentAtomic: 60n });
      await reserve('4', 10n, { spentAtomic: 70n });
      expect(unexplained).toHaveLength(1);
    });

    it('cover orders in flight, and shrink to the owed amount', async () => {
      expect(await reserve('1', 100n)).toBe(100n);
      expect(await reserve('2', 50n)).toBe(150n);
      await ledger.close('1', closing(10n));
      // 10 owed + 50 in flight + 80 now is less than the amount signed earlier.
      expect(await reserve('3', 80n)).toBe(150n);
      expect(await reserve('4', 80n)).toBe(220n);
    });

    it("start at the chain's amount if the memory is gone", async () => {
      expect(await reserve('1', 5n, { spentAtomic: 1000n })).toBe(1005n);
      // Later the memory counts: the chain may have drawn amounts that are still reserved here.
      expect(await reserve('2', 5n, { spentAtomic: 1005n })).toBe(1010n);
    });

    it('are refused beyond the channel, without a change', async () => {
      await reserve('1', 100n, { spendableAtomic: 120n });
      await expect(reserve('2', 30n, { spendableAtomic: 120n })).rejects.toMatchObject({ code: 'escrow_exhausted' });
      expect(await ledger.find('2')).toBeUndefined();
      expect(await reserve('3', 20n, { spendableAtomic: 120n })).toBe(120n);
    });

    it('are refused while unexpired orders hold the channel, even if their fees are known', async () => {
      const at = { spendableAtomic: 120n, createdMs: 1_000, expiresMs: 9_000 };
      await reserve('1', 100n, at);
      await ledger.close('1', closing(10n));
      expect(await ledger.held('aa', 8_000)).toBe(100n);
      await expect(reserve('2', 30n, { ...at, createdMs: 8_000 })).rejects.toMatchObject({ code: 'escrow_exhausted' });
      expect(await ledger.held('aa', 8_000)).toBe(100n);
      await expect(reserve('2', 20n, { ...at, spentAtomic: 1n, createdMs: 8_000 })).rejects.toThrow(
        '119 atomic units left',
      );
      expect(await reserve('2', 30n, { ...at, createdMs: 16_000, expiresMs: 25_000 })).toBe(100n);
    });

    it('are not signed if the order cannot be made', async () => {
      const broken = ledger.reserve(reservation('1', 100n), () => {
        throw new Error('no key');
      });
      await expect(broken).rejects.toThrow('no key');
      expect((await ledger.channel('aa')).cumulativeAtomic).toBe(0n);
    });

    it('are made once per reply id', async () => {
      await reserve('1', 100n);
      await expect(reserve('1', 100n)).rejects.toMatchObject({ code: 'invalid_request', param: 'nonce' });
      const both = await Promise.allSettled([reserve('2', 0n), reserve('2', 0n)]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await ledger.channel('aa')).toEqual({ cumulativeAtomic: 100n, owedAtomic: 0n, outstandingAtomic: 100n });
    });

    it('count a fee once, and never above its maximum', async () => {
      await reserve('1', 100n);
      await ledger.close('1', closing(1_000_000n));
      await ledger.close('1', closing(5n));
      expect(await ledger.channel('aa')).toEqual({ cumulativeAtomic: 100n, owedAtomic: 100n, outstandingAtomic: 0n });
      expect((await readSpending(opened.books, 'key')).spent).toBe(100n);
    });

    it('accept a settlement after the fee', async () => {
      await reserve('1', 100n);
      await ledger.close('1', closing(7n));
      const unsettled = await ledger.listUnsettled(10, 0);
      expect(unsettled).toEqual([
        {
          ...{ replyId: '1', validator: 'aa', keyId: 'key', organisation: '' },
          ...{ state: 'closed', expiresMs: (await ledger.find('1'))?.expiresMs },
        },
      ]);
      expect(await ledger.findAll(['2', '1'])).toEqual([await ledger.find('1')]);
      await ledger.close('1', { ...closing(9n), settlement: '0xabc' });
      expect(await ledger.find('1')).toMatchObject({ feeAtomic: 7n, settlement: '0xabc', state: 'closed' });
      expect(await ledger.listUnsettled(10, 0)).toEqual([]);
    });
  });

  describe('old orders', () => {
    it('are deleted once they are settled; their fees stay', async () => {
      for (const id of ['settled', 'closed', 'open', 'young']) {
        await reserve(id, 100n, { createdMs: id === 'young' ? 1000 : 1 });
      }
      await ledger.close('settled', { ...closing(5n), settlement: '0x1' });
      await ledger.close('young', { ...closing(5n), settlement: '0x1' });
      await ledger.close('closed', closing(5n));
      expect(await ledger.expire(500)).toBe(1);
      const kept = await Promise.all(['settled', 'closed', 'open', 'young'].map((id) => ledger.find(id)));
      expect(kept.map((order) => order?.replyId)).toEqual([undefined, 'closed', 'open', 'young']);
      expect(await ledger.channel('aa')).toEqual({ cumulativeAtomic: 400n, owedAtomic: 15n, outstandingAtomic: 100n });
    });
  });

  describe('credit', () => {
    const credit = (id: string, amountAtomic: bigint, account = 'key') =>
      opened.books.write(() => addCredit({ id, account, amountAtomic, detail: '', madeMs: 1 }));

    it("limits an account's keys together once it is opened, and each payment counts once", async () => {
      const organisation = { id: 'acme', budgetAtomic: undefined };
      await reserve('before', 1_000n, { organisation });
      await ledger.close('before', closing(700n));
      await opened.books.write(() => openCredit(nameAccount('acme'), 1));
      await expect(reserve('1', 1n, { organisation })).rejects.toMatchObject({ code: 'credit_exhausted', status: 429 });
      expect(await credit('card:1', 100n, nameAccount('acme'))).toBe(true);
      expect(await credit('card:1', 100n, nameAccount('acme'))).toBe(false);
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => reserve(`${i}`, 30n, { organisation, keyId: `k${i}` })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(await reconcile(opened.books)).toEqual([]);
    });

    it('stops new orders when it is withdrawn, even after it was spent', async () => {
      await credit('card:1', 100n);
      await reserve('1', 100n);
      await ledger.close('1', closing(80n));
      await credit('refund:1', -100n);
      await expect(reserve('2', 1n)).rejects.toMatchObject({ code: 'credit_exhausted' });
      expect(await reconcile(opened.books)).toEqual([]);
      await credit('card:2', 90n);
      await reserve('3', 10n);
    });
  });

  describe('usage', () => {
    it('has a row of spent and reserved amounts for each key, model and day', async () => {
      const day = (name: string): number => Date.parse(`${name}T23:59:59Z`);
      const organisation = { id: 'acme', budgetAtomic: undefined };
      const held = { recordHash: 'ab', feeAtomic: 5n, promptTokens: 3, outputTokens: 8 };
      await reserve('1', 10n, { createdMs: day('2026-01-31'), organisation });
      await reserve('2', 20n, { createdMs: day('2026-01-31'), organisation });
      await reserve('3', 30n, { createdMs: day('2026-02-01'), keyId: 'other' });
      for (const id of ['1', '2']) await ledger.deliver(id, held);
      await ledger.deliver('2', held);
      await ledger.close('1', closing(7n));
      const all = { from: '2026-01-01', to: '2026-12-31' };
      const model = 'ogong/verified/test/a';
      const first = {
        ...{ day: '2026-01-31', keyId: 'key', model, organisation: 'acme', replies: 2, promptTokens: 6 },
        ...{ outputTokens: 16, costAtomic: 7n, reservedAtomic: 20n },
      };
      const other = {
        ...{ day: '2026-02-01', keyId: 'other', model, organisation: '', replies: 0, promptTokens: 0 },
        ...{ outputTokens: 0, costAtomic: 0n, reservedAtomic: 30n },
      };
      expect(await listUsage(opened.books, all)).toEqual([first, other]);
      expect(await listUsage(opened.books, { ...all, organisation: 'acme' })).toEqual([first]);
      expect(await listUsage(opened.books, { ...all, keyId: 'other' })).toEqual([other]);
      expect(await listUsage(opened.books, { ...all, from: '2026-02-01' })).toEqual([other]);
    });

    it('past a part of a budget is reported once, by the first gateway that sees it', async () => {
      const accounts = createAccounts(opened.books, () => 1);
      await accounts.as('test').putOrganisation({ id: 'acme', name: 'acme', budgetAtomic: 100n });
      const told: string[] = [];
      const watch = () =>
        createBudgetAlerts(
          { intervalMs: 1_000, thresholds: [50, 80], webhook: undefined },
          {
            ...{ books: opened.books, accounts, clock: { nowMs: () => 1 } },
            onAlert: ({ account, percent, spentAtomic }) => told.push(`${account} ${percent} ${spentAtomic}`),
            onError(error) {
              throw error;
            },
          },
        );
      const organisation = { id: 'acme', budgetAtomic: 100n };
      await reserve('1', 60n, { organisation });
      await watch().trigger();
      await ledger.close('1', closing(55n));
      await Promise.all([watch().trigger(), watch().trigger()]);
      await watch().trigger();
      expect(told).toEqual(['org:acme 50 55']);
    });
  });

  describe('budgets', () => {
    it('hold for orders that are made at the same time', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => reserve(`${i}`, 30n, { keyBudgetAtomic: 100n })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'budget_exceeded' },
      });
    });

    it('return unspent amounts to their key alone', async () => {
      await reserve('1', 90n, { keyBudgetAtomic: 100n });
      await expect(reserve('2', 20n, { keyBudgetAtomic: 100n })).rejects.toMatchObject({ status: 429 });
      await reserve('3', 20n, { keyBudgetAtomic: 100n, keyId: 'other' });
      await ledger.close('1', closing(40n));
      await reserve('4', 60n, { keyBudgetAtomic: 100n });
      await expect(reserve('5', 1n, { keyBudgetAtomic: 100n })).rejects.toMatchObject({ code: 'budget_exceeded' });
    });

    it('of a day count all models of a key, and begin anew at midnight in UTC', async () => {
      const evening = Date.UTC(2026, 10, 29, 23, 59, 30);
      const day = (createdMs: number, change: Partial<Reservation> = {}) => ({
        ...{ createdMs, expiresMs: createdMs + 60_000, keyDayBudgetAtomic: 100n, ...change },
      });
      await reserve('1', 60n, day(evening));
      await reserve('2', 40n, day(evening, { model: 'ogong/verified/test/b' }));
      await expect(reserve('3', 1n, day(evening))).rejects.toMatchObject({
        ...{ code: 'budget_exceeded', status: 429, retryAfterS: 30 },
      });
      await expect(ledger.assertBudgets(reservation('3', 1n, day(evening)))).rejects.toMatchObject({ status: 429 });
      await reserve('4', 100n, day(evening, { keyId: 'other' }));
      await reserve('5', 100n, day(evening + 30_000));
      // The unspent rest goes back to the day of the order.
      await ledger.close('1', closing(10n));
      await expect(reserve('6', 1n, day(evening + 30_000))).rejects.toMatchObject({ status: 429 });
      await reserve('7', 50n, day(evening));
    });

    it('of a day hold for orders that are made at the same time', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) =>
          reserve(`${i}`, 30n, { keyDayBudgetAtomic: 100n, model: `ogong/verified/test/${i}` }),
        ),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    });
  });

  type Step =
    | { kind: 'reserve'; channel: number; fee: bigint }
    | { kind: 'close'; order: number; share: number }
    | { kind: 'crash' };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('reserve' as const),
        channel: fc.nat(1),
        fee: fc.bigInt(0n, 10n ** 22n),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('close' as const), order: fc.nat(30), share: fc.nat(150) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  );

  describe('the accounts of channels', () => {
    it('cover every order, never fall, never exceed what could be owed, and survive any crash', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          await opened.close();
          await place.remove();
          place = await createPlace();
          await open();
          // The expected voucher: the need of a validator that drew every fee, and of one that drew nothing yet.
          const channels = [0, 1].map(() => ({ voucher: 0n, owed: 0n, peak: 0n, open: new Map<string, bigint>() }));
          const orders: { id: string; channel: number; fee: bigint }[] = [];
          for (const [index, { ...next }] of steps.entries()) {
            if (next.kind === 'reserve') {
              const id = `${index}`;
              const channel = channels[next.channel]!;
              const voucher = await reserve(id, next.fee, { validator: `${next.channel}` });
              channel.open.set(id, next.fee);
              orders.push({ id, channel: next.channel, fee: next.fee });
              const inFlight = [...channel.open.values()].reduce((sum, fee) => sum + fee, 0n);
              if (channel.owed + inFlight > channel.peak) channel.peak = channel.owed + inFlight;
              expect(voucher >= channel.owed + inFlight).toBe(true);
              expect(voucher >= channel.voucher).toBe(true);
              expect(voucher <= channel.peak).toBe(true);
              channel.voucher = voucher;
            } else if (next.kind === 'close' && orders.length > 0) {
              const order = orders[next.order % orders.length]!;
              const channel = channels[order.channel]!;
              const claimed = (order.fee * BigInt(next.share)) / 100n;
              await ledger.close(order.id, closing(claimed));
              if (channel.open.delete(order.id)) channel.owed += claimed < order.fee ? claimed : order.fee;
            } else if (next.kind === 'crash') {
              await opened.close();
              await open();
            }
            for (const [name, { voucher, owed, open: inFlight }] of channels.entries()) {
              const outstandingAtomic = [...inFlight.values()].reduce((sum, fee) => sum + fee, 0n);
              expect(await ledger.channel(`${name}`)).toEqual({
                cumulativeAtomic: voucher,
                owedAtomic: owed,
                outstandingAtomic,
              });
            }
          }
        }),
        { seed: 20260607, numRuns: runs },
      );
    });
  });

  describe('the part of a shared channel that one key may hold', () => {
    const shared = (keyId: string) => ({ keyId, isShared: true, spendableAtomic: 1_000n });

    it('is half for a single key, and later an equal share with one to spare', async () => {
      for (let i = 0; i < 5; i++) await reserve(`flood ${i}`, 100n, shared('flood'));
      await expect(reserve('flood 5', 100n, shared('flood'))).rejects.toMatchObject({
        code: 'too_many_requests',
        retryAfterS: 5,
      });
      await reserve('honest 0', 300n, shared('honest'));
      await expect(reserve('honest 1', 100n, shared('honest'))).rejects.toMatchObject({ code: 'too_many_requests' });
      await reserve('newcomer 0', 200n, shared('newcomer'));
    });

    it('is one share for all keys of an organisation', async () => {
      const organisation = { id: 'acme', budgetAtomic: undefined };
      for (let i = 0; i < 5; i++) await reserve(`flood ${i}`, 100n, { ...shared(`key ${i}`), organisation });
      const further = reserve('flood 5', 100n, { ...shared('another key'), organisation });
      await expect(further).rejects.toMatchObject({ code: 'too_many_requests' });
      await reserve('honest', 300n, shared('honest'));
      for (let i = 0; i < 5; i++) await ledger.close(`flood ${i}`, closing(0n));
      await reserve('flood 6', 100n, { ...shared('another key'), organisation });
    });

    it('is one share for all permits of a payer', async () => {
      const payer = `0x${'a1'.repeat(20)}` as const;
      const ofPermit = (nonce: bigint) => shared(namePermit({ from: payer, nonce }));
      await opened.books.write(function* () {
        for (let nonce = 0n; nonce < 6n; nonce++) {
          const { keyId: account } = ofPermit(nonce);
          yield* addCredit({ id: `upto:${account}`, account, amountAtomic: 100n, detail: '', madeMs: 1 });
        }
      });
      for (let i = 0n; i < 5n; i++) await reserve(`flood ${i}`, 100n, ofPermit(i));
      await expect(reserve('flood 5', 100n, ofPermit(5n))).rejects.toMatchObject({ code: 'too_many_requests' });
      await reserve('honest', 300n, shared('honest'));
      for (let i = 0; i < 5; i++) await ledger.close(`flood ${i}`, closing(0n));
      await reserve('flood 6', 100n, ofPermit(5n));
    });

    it('is free again when its orders are closed, also after a restart', async () => {
      for (let i = 0; i < 5; i++) await reserve(`${i}`, 100n, shared('a'));
      await opened.close();
      await open();
      await expect(reserve('5', 100n, shared('a'))).rejects.toMatchObject({ code: 'too_many_requests' });
      for (let i = 0; i < 5; i++) await ledger.close(`${i}`, closing(0n));
      for (let i = 6; i < 11; i++) await reserve(`${i}`, 100n, shared('a'));
    });

    it('may be one request of any size, and everything without keys', async () => {
      await reserve('large', 900n, shared('a'));
      await expect(reserve('second', 1n, shared('a'))).rejects.toMatchObject({ code: 'too_many_requests' });
      for (let i = 0; i < 10; i++) await reserve(`open ${i}`, 100n, { validator: 'bb', spendableAtomic: 1_000n });
    });
  });
}
