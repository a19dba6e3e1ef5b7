import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { afterEach, expect, it } from 'vitest';
import { createReceivables, RECEIVABLE_SCHEMA, type Receivables } from './receivables.ts';

const DAY_MS = 86_400_000;
const validator = new Uint8Array(20).fill(1);
const payer = new Uint8Array(20).fill(2);
const stranger = new Uint8Array(20).fill(3);

/** A chain that a test moves, and the provider's ledger over it. */
function open() {
  const store = openStore(':memory:', { schema: RECEIVABLE_SCHEMA });
  const commits = createGroupCommit(store);
  const clock = { atMs: 1_000, nowMs: () => clock.atMs };
  const chain = { admitted: 100n, spent: new Map<Uint8Array, bigint>(), paid: [0n], reads: 0 };
  const cached = new Map<Uint8Array, { readonly admitted: bigint; readonly spent: bigint }>();
  const dependencies = {
    ...{ store, commits, clock, writtenOffMs: DAY_MS },
    async readChannel(of: Uint8Array, _validator: Uint8Array, { fresh = false } = {}) {
      const read = { admitted: chain.admitted, spent: chain.spent.get(of) ?? 0n };
      const seen = fresh ? read : (cached.get(of) ?? read);
      cached.set(of, seen);
      return { ...seen, releasing: 0n, releasableAt: 0n, spendable: seen.admitted };
    },
    async readPayments(_validator: Uint8Array, fromBlock: number | undefined) {
      chain.reads += 1;
      const from = fromBlock ?? chain.paid.length;
      return { grossAtomic: chain.paid.slice(from).reduce((a, b) => a + b, 0n), nextBlock: chain.paid.length };
    },
  };
  const books: { now: Receivables } = { now: createReceivables(dependencies) };
  const order = (maxFeeAtomic: bigint, from = payer) => ({
    ...{ payer: from, validator, maxFeeAtomic },
    cumulativeAtomic: 10_000n,
  });
  return {
    ...{ chain, clock, books, order },
    async serve(feeAtomic: bigint, from = payer): Promise<void> {
      await (await books.now.hold(order(feeAtomic, from))).keep(feeAtomic);
    },
    /** A batch draws from a channel, and pays this provider or somebody else. */
    settle(feeAtomic: bigint, { from = payer, isOurs = true } = {}): void {
      chain.spent.set(from, (chain.spent.get(from) ?? 0n) + feeAtomic);
      chain.paid.push(isOurs ? feeAtomic : 0n);
    },
    restart(): void {
      books.now = createReceivables(dependencies);
    },
    async close(): Promise<void> {
      await commits.close();
      store.close();
    },
  };
}

let bench: ReturnType<typeof open> | undefined;
afterEach(() => bench?.close());

it('serves no more on credit than the channel holds, also after a restart', async () => {
  bench = open();
  await bench.serve(60n);
  const running = await bench.books.now.hold(bench.order(40n));
  await expect(bench.books.now.hold(bench.order(1n))).rejects.toThrow('holds 100 on the chain');
  running.drop();
  running.drop();
  bench.restart();
  await expect(bench.books.now.hold(bench.order(41n))).rejects.toThrow('would owe 101 here');
  await bench.serve(40n);
});

it('serves on once a batch has paid, though the cached channel is old', async () => {
  bench = open();
  for (let i = 0; i < 4; i++) {
    await bench.serve(100n);
    bench.settle(100n);
    bench.chain.admitted += 100n;
  }
  expect(bench.chain.reads).toBeGreaterThan(1);
});

it('stops where a validator draws the channel for others, again and again', async () => {
  bench = open();
  await bench.serve(100n);
  // The channel is filled again and drawn for another payee. That money does not pay this provider.
  for (let i = 0; i < 3; i++) {
    bench.settle(100n, { isOurs: false });
    bench.chain.admitted += 100n;
  }
  await expect(bench.serve(100n)).rejects.toThrow('has paid 0 of 100 lately');
  bench.chain.paid.push(100n);
  await bench.serve(100n);
});

it('reads no logs for a payer without money, however often it asks', async () => {
  bench = open();
  await bench.serve(100n);
  const { reads } = bench.chain;
  bench.chain.admitted = 0n;
  for (let i = 0; i < 3; i++) await expect(bench.serve(1n, stranger)).rejects.toThrow('holds 0 on the chain');
  expect(bench.chain.reads).toBe(reads);
});

it('counts what other payers of the validator hold', async () => {
  bench = open();
  await bench.serve(100n);
  await bench.serve(50n, stranger);
  bench.settle(100n, { isOurs: false });
  bench.chain.admitted += 100n;
  // 150 are unpaid, and the channels hold 100 and 200.
  await bench.serve(50n, stranger);
  await expect(bench.serve(101n, stranger)).rejects.toThrow('on the chain');
});

it('refuses an order that its own voucher does not cover', async () => {
  bench = open();
  bench.settle(30n);
  const order = { ...bench.order(10n), cumulativeAtomic: 39n };
  await expect(bench.books.now.hold(order)).rejects.toThrow('lets 39 be drawn in all, 30 of it is spent');
  await bench.books.now.hold({ ...order, cumulativeAtomic: 40n });
});

it('writes a debt off after a day, and remembers nobody for longer', async () => {
  bench = open();
  await bench.serve(100n);
  await expect(bench.serve(1n)).rejects.toThrow('on the chain');
  bench.clock.atMs += DAY_MS;
  await bench.serve(100n);
  bench.clock.atMs += DAY_MS + 1;
  await bench.books.now.sweep(bench.clock.nowMs());
  bench.restart();
  await bench.serve(100n);
});

it('says that it cannot serve a new payer while the chain cannot be read', async () => {
  bench = open();
  const { chain } = bench;
  Object.defineProperty(chain, 'spent', {
    get() {
      throw new Error('no answer');
    },
  });
  await expect(bench.serve(1n)).rejects.toThrow("[unavailable] the payer's channel cannot be read: no answer");
});
