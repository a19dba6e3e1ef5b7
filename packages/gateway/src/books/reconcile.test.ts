import { join } from 'node:path';
import { openStore, type Store } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reconcileChain } from '../admin/reconcile-chain.ts';
import { type ChannelLedger, createChannelLedger } from './channel-ledger.ts';
import { addCredit, findGranted, listCredits } from './credit-store.ts';
import { reconcile } from './reconcile.ts';
import { GATEWAY_SCHEMA } from './schema.ts';
import { nameAccount, readSpending } from './spending-store.ts';
import { listUsage, toDay } from './usage-store.ts';

const DAY_MS = 86_400_000;
const KEYS = ['k0', 'k1', 'k2'];
/** The first two keys share an organisation. */
const ORGANISATION = { id: 'acme', budgetAtomic: 900n };
const KEY_BUDGET = 700n;
const MODELS = ['ogong/verified/test/a', 'ogong/replay/test/b'];
const VALIDATORS = ['aa', 'bb'];
const bytes = new Uint8Array(1);

/** The process dies at one of its next statements, so the running transaction is not on the disk. */
interface Crash {
  left: number;
}

function open(path: string, crash: Crash): { store: Store; books: WorkStore; ledger: ChannelLedger } {
  const real = openStore(path, { schema: GATEWAY_SCHEMA });
  const store: Store = {
    ...real,
    prepare(sql) {
      if (crash.left-- === 0) throw new Error('the process died');
      return real.prepare(sql);
    },
  };
  const books = createWorkStore(store);
  return { store: real, books, ledger: createChannelLedger(books) };
}

/** Effects of an order on the ledger, noted separately. */
interface Ordered {
  readonly id: string;
  readonly key: number;
  readonly model: string;
  readonly day: string;
  readonly maxFee: bigint;
  fee: bigint | undefined;
  isDelivered: boolean;
  readonly validator: string;
  /** The amount that a batch has drawn for it on the chain, also if the gateway has not noted that. */
  drawn: bigint | undefined;
}

const operation = fc.oneof(
  fc.record({
    kind: fc.constant('reserve' as const),
    key: fc.nat(KEYS.length - 1),
    model: fc.constantFrom(...MODELS),
    validator: fc.constantFrom(...VALIDATORS),
    day: fc.nat(2),
    maxFee: fc.bigInt(1n, 300n),
  }),
  fc.record({ kind: fc.constant('deliver' as const), order: fc.nat(30) }),
  fc.record({ kind: fc.constant('abandon' as const), order: fc.nat(30) }),
  // A fee above the maximum is cut to it.
  fc.record({ kind: fc.constant('close' as const), order: fc.nat(30), fee: fc.bigInt(0n, 400n) }),
  fc.record({ kind: fc.constant('credit' as const), payment: fc.nat(8), amount: fc.bigInt(1n, 400n) }),
  fc.record({ kind: fc.constant('refund' as const), payment: fc.nat(8) }),
  fc.record({ kind: fc.constant('expire' as const), day: fc.nat(3) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Payments of the organisation, by number: the amount, and whether it was taken back. */
type Payments = Map<number, { readonly amount: bigint; isBack: boolean }>;

async function pay(books: WorkStore, step: Operation, payments: Payments): Promise<boolean> {
  if (step.kind !== 'credit' && step.kind !== 'refund') return false;
  const known = payments.get(step.payment);
  const entry = { account: nameAccount(ORGANISATION.id), detail: '', madeMs: 1 };
  if (step.kind === 'credit') {
    const id = `card:${step.payment}`;
    const isNew = await books.write(() => addCredit({ ...entry, id, amountAtomic: step.amount }));
    expect(isNew).toBe(known === undefined);
    if (known === undefined) payments.set(step.payment, { amount: step.amount, isBack: false });
  } else if (known) {
    const id = `refund:${step.payment}`;
    await books.write(() => addCredit({ ...entry, id, amountAtomic: -known.amount }));
    known.isBack = true;
  }
  return true;
}

async function play(ledger: ChannelLedger, step: Operation, orders: Ordered[]): Promise<void> {
  if (step.kind === 'credit' || step.kind === 'refund') return;
  if (step.kind === 'expire') return void (await ledger.expire(step.day * DAY_MS));
  if (step.kind === 'reserve') {
    const { key, model, validator, maxFee } = step;
    const createdMs = step.day * DAY_MS;
    const id = `r${orders.length}`;
    const reservation = {
      ...{ replyId: id, completionId: id, choice: 0, validator, keyId: KEYS[key] as string, model },
      ...{ keyBudgetAtomic: KEY_BUDGET, organisation: key < 2 ? ORGANISATION : undefined, maxFeeAtomic: maxFee },
      ...{ spendableAtomic: 10n ** 12n, spentAtomic: 0n, createdMs, expiresMs: createdMs + 1 },
    };
    await ledger.reserve(reservation, () => ({ order: bytes, signature: bytes }));
    orders.push({
      id,
      key,
      model,
      day: toDay(createdMs),
      maxFee,
      fee: undefined,
      isDelivered: false,
      validator,
      drawn: undefined,
    });
    return;
  }
  const order = orders[step.order % Math.max(1, orders.length)];
  if (order === undefined) return;
  if (step.kind === 'abandon') return ledger.abandon(order.id);
  if (step.kind === 'deliver') {
    return ledger.deliver(order.id, { recordHash: 'ab', feeAtomic: 1n, promptTokens: 3, outputTokens: 5 });
  }
  const closing = { verdict: 'accept', detail: '', settlement: '0x1', judgedRecord: '' };
  // The chain is first, and it draws once: a gateway that dies meanwhile hears of the same fee again.
  const isTold = order.drawn !== undefined;
  order.drawn ??= step.fee < order.maxFee ? step.fee : order.maxFee;
  await ledger.close(order.id, { ...closing, feeAtomic: isTold ? order.drawn : step.fee });
  order.fee ??= order.drawn;
}

const PAYER = `0x${'ee'.repeat(20)}` as const;
const ADMITTED = 10n ** 6n;

/**
 * The escrow as it is after all this: payments came in, what was taken back went out, batches drew fees. The operator adds
 * exactly the amount that it loses: fees of keys without credit, and spent credit that was taken back.
 */
async function createEscrow(books: WorkStore, orders: readonly Ordered[], payments: Payments) {
  const account = nameAccount(ORGANISATION.id);
  const granted = await books.read(() => findGranted(account));
  const before = (await listCredits(books, account)).find(({ id }) => id.startsWith('before:'))?.amountAtomic ?? 0n;
  const feesOf = (some: readonly Ordered[]): bigint => sum(some.map(({ fee }) => fee ?? 0n));
  const [own, others] = [orders.filter(({ key }) => key < 2), orders.filter(({ key }) => key === 2)];
  // Without credit all of its fees are the operator's.
  const lost = granted === undefined ? feesOf(own) : before + orNothing(feesOf(own) - granted);
  const paid = sum([...payments.values()].map(({ amount, isBack }) => (isBack ? 0n : amount)));
  const escrow = { free: paid + lost + feesOf(others) - ADMITTED * BigInt(VALIDATORS.length) };
  const chain = {
    paymentBalanceOf: async () => 0n,
    freeOf: async () => escrow.free,
    channelOf: async (_payer: unknown, validator: Uint8Array) => ({
      admitted: ADMITTED,
      spent: sum(orders.filter((one) => one.validator === toHex(validator)).map(({ drawn }) => drawn ?? 0n)),
    }),
  };
  const left = granted === undefined ? 0n : orNothing(granted - feesOf(own));
  return { escrow, left, check: () => reconcileChain(books, chain as never, PAYER) };
}
function orNothing(left: bigint): bigint {
  if (left > 0n) return left;
  return 0n;
}

/** The escrow covers the sums exactly: one unit less would not. */
async function assertBorneOut(books: WorkStore, orders: readonly Ordered[], payments: Payments): Promise<void> {
  const { escrow, left, check } = await createEscrow(books, orders, payments);
  // The ledger has no channel without an order.
  escrow.free += ADMITTED * BigInt(VALIDATORS.filter((name) => !orders.some((one) => one.validator === name)).length);
  expect(await check()).toEqual([]);
  if (left === 0n) return;
  escrow.free -= 1n;
  const missing = { what: 'tokens behind the credit that is left', bookedAtomic: left - 1n, foundAtomic: left };
  expect(await check()).toEqual([missing]);
}

const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n);

/** Granted is spent, reserved and left, for each key and the organisation, and each day's usage is what its orders say. */
async function assertReconciled(
  books: WorkStore,
  orders: readonly Ordered[],
  payments: Payments = new Map(),
): Promise<void> {
  expect(await reconcile(books)).toEqual([]);
  const spentOf = (some: readonly Ordered[]): bigint => sum(some.map(({ fee }) => fee ?? 0n));
  const reservedOf = (some: readonly Ordered[]): bigint =>
    sum(some.map(({ fee, maxFee }) => (fee === undefined ? maxFee : 0n)));
  const accounts = [
    ...KEYS.map((key, i) => [key, KEY_BUDGET, orders.filter((order) => order.key === i)] as const),
    [nameAccount(ORGANISATION.id), ORGANISATION.budgetAtomic, orders.filter(({ key }) => key < 2)] as const,
  ];
  for (const [account, granted, own] of accounts) {
    const { spent, reserved } = await readSpending(books, account);
    expect([account, spent, reserved]).toEqual([account, spentOf(own), reservedOf(own)]);
    expect(granted - spent - reserved).toBeGreaterThanOrEqual(0n);
  }
  const granted = await books.read(() => findGranted(nameAccount(ORGANISATION.id)));
  const before = (await listCredits(books, nameAccount(ORGANISATION.id))).find(({ id }) => id.startsWith('before:'));
  const paid = sum([...payments.values()].map(({ amount, isBack }) => (isBack ? 0n : amount)));
  expect(granted ?? 0n).toBe(paid + (before?.amountAtomic ?? 0n));
  for (const row of await listUsage(books, { from: toDay(0), to: toDay(9 * DAY_MS) })) {
    const own = orders.filter(
      ({ key, model, day }) => KEYS[key] === row.keyId && model === row.model && day === row.day,
    );
    expect([row.costAtomic, row.reservedAtomic]).toEqual([spentOf(own), reservedOf(own)]);
  }
}

describe('every unit of credit', () => {
  it('reconciles, also with the escrow, after each operation, and after a crash at any of its statements', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ step: operation, diesAt: fc.option(fc.nat(14), { freq: 3 }) }), {
          minLength: 1,
          maxLength: 25,
        }),
        async (steps) => {
          const directory = createTestDirectory('reconcile');
          const path = join(directory.path, 'gateway.db');
          const crash = { left: -1 };
          let gateway = open(path, crash);
          const orders: Ordered[] = [];
          const payments: Payments = new Map();
          try {
            for (const { step, diesAt } of steps) {
              crash.left = diesAt ?? -1;
              const done = await pay(gateway.books, step, payments).catch(() => true);
              if (!done) await play(gateway.ledger, step, orders).catch(() => undefined);
              crash.left = -1;
              if (diesAt !== null) {
                gateway.store.close();
                gateway = open(path, crash);
              }
              await assertReconciled(gateway.books, orders, payments);
              await assertBorneOut(gateway.books, orders, payments);
            }
          } finally {
            gateway.store.close();
            directory.remove();
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('books that do not agree', () => {
  it.each([
    ["UPDATE spending SET spent = '6' WHERE account = 'k0'", 'spent by k0', '6', '5'],
    ["UPDATE spending SET reserved = '0' WHERE account = 'org:acme'", 'reserved by org:acme', '0', '20'],
    ["DELETE FROM spending WHERE account = 'k0'", 'spent by k0', '0', '5'],
    ["UPDATE usage SET cost = '4'", 'cost of key k0', '4', '5'],
    ["UPDATE usage SET reserved = '21'", 'reserved of key k0', '21', '20'],
    ["UPDATE channels SET outstanding = '19'", 'outstanding at aa', '19', '20'],
    ["UPDATE channels SET owed = '4'", 'owed to aa', '4', '5'],
    ["UPDATE channels SET cumulative = '24'", 'vouchers of aa', '24', '25'],
    ["UPDATE held SET held = '30'", 'held by aa org:acme', '30', '20'],
    ["UPDATE granted SET amount = '49'", 'credit of org:acme', '49', '75'],
    ['DELETE FROM credits', 'credit of org:acme', '75', '0'],
    ["UPDATE spending SET spent = '56' WHERE account = 'org:acme'", 'credit behind what org:acme spent', '75', '76'],
    ["DELETE FROM orders WHERE reply_id = 'r1'", 'outstanding at aa', '20', '0'],
    ["UPDATE orders SET fee = '7' WHERE reply_id = 'r0'", 'owed to aa', '5', '7'],
  ])('are found after: %s', async (sql, what, booked, found) => {
    const directory = createTestDirectory('reconcile');
    const { store, books, ledger } = open(join(directory.path, 'gateway.db'), { left: -1 });
    try {
      const reserve = { kind: 'reserve', key: 0, model: MODELS[0] as string, validator: 'aa', day: 0 } as const;
      const orders: Ordered[] = [];
      await play(ledger, { ...reserve, maxFee: 30n }, orders);
      await play(ledger, { ...reserve, maxFee: 20n }, orders);
      await play(ledger, { kind: 'close', order: 0, fee: 5n }, orders);
      const payments: Payments = new Map();
      await pay(books, { kind: 'credit', payment: 1, amount: 50n }, payments);
      await assertReconciled(books, orders, payments);
      store.database.exec(sql);
      const named = { what: expect.stringContaining(what), bookedAtomic: BigInt(booked), foundAtomic: BigInt(found) };
      expect(await reconcile(books)).toContainEqual(named);
    } finally {
      store.close();
      directory.remove();
    }
  });
});
