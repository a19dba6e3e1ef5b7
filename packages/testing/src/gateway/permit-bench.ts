import type { Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { describePermit, type SignedPermit, type UptoPermit } from '@ogong/chain/money/permits';
import { describeApproval } from '@ogong/chain/money/signed-approvals';
import { findGranted, sumCredits } from '@ogong/gateway/books/credit-store';
import { namePayer } from '@ogong/gateway/books/payment-store';
import { endPermit, findPermit, namePermit, type PermitRow } from '@ogong/gateway/books/permit-store';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { findSpending, putSpending } from '@ogong/gateway/books/spending-store';
import { createPermits, type PermitDesk } from '@ogong/gateway/front/permits';
import { openStore, type Store } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { privateKeyToAccount } from 'viem/accounts';
import { createFakePermitChain } from './fake-permit-chain.ts';

const hex = (length: number, byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(length)}`;
const deployment = { chainId: 31_337, token: hex(20, 0xee) };
const payTo = hex(20, 0xdd);
export const BENCH_CONFIRMATIONS = 2n;

export type MakeCall = (call: () => Promise<unknown>) => Promise<unknown>;

interface PermitBenchOptions {
  /** Number of gateways on one database and one account. */
  readonly gateways: number;
  readonly mostUnsettledAtomic?: bigint;
  /** Path of the database. Default: it is in memory. */
  readonly path?: string | undefined;
  /** Open stores, one for each gateway. The caller closes them. Default: all gateways have one store. */
  readonly stores?: readonly WorkStore[];
  /** Whether gateways wait for each other's lock. Default: yes. A broken connection to a database loses the lock. */
  readonly isLocked?: boolean;
  /** Makes each call of a gateway to the chain or to the store. Default: at once. */
  readonly makeCall?: MakeCall;
}

/** Wraps all functions of an object. They are looked up at each call, so that a test can replace them. */
function wrapCalls<T extends object>(target: T, makeCall: MakeCall): T {
  const wrapped = Object.entries(target).map(([name, value]) => [
    name,
    typeof value === 'function'
      ? (...given: unknown[]) => makeCall(() => (target as Record<string, typeof value>)[name]?.(...given))
      : value,
  ]);
  return Object.fromEntries(wrapped);
}

/** Gateways that take payments of scheme `upto` on one database, with orders that the caller settles. */
export function createPermitBench({
  gateways,
  mostUnsettledAtomic = 1_000_000n,
  path = ':memory:',
  stores,
  isLocked = true,
  makeCall = (call) => call(),
}: PermitBenchOptions) {
  const money = createFakePermitChain(payTo, BigInt(Math.floor(Date.now() / 1000)));
  const chain = wrapCalls(money.chain, makeCall);
  let store: Store | undefined;
  let books: WorkStore;
  let desks: readonly PermitDesk[] = [];
  let lock: Promise<unknown> = Promise.resolve();

  async function alone<T>(_name: string, run: () => Promise<T>): Promise<T> {
    if (!isLocked) return run();
    const before = lock;
    const { promise, resolve } = Promise.withResolvers<void>();
    lock = promise;
    await before;
    return run().finally(resolve);
  }

  function open(): void {
    if (stores === undefined) store = openStore(path, { schema: GATEWAY_SCHEMA });
    const own = store && { ...createWorkStore(store), alone };
    books = (own ?? stores?.[0]) as WorkStore;
    const limits = { leastAtomic: 10n, confirmations: BENCH_CONFIRMATIONS, keptMs: 86_400_000, mostUnsettledAtomic };
    const options = { deployment, payTo, ...limits };
    const about = { client: async () => chain, clock: systemClock, onError: () => {} };
    desks = Array.from({ length: gateways }, (_, index) => {
      const seen = stores?.[index] ?? books;
      const calls = wrapCalls({ read: seen.read, write: seen.write }, makeCall);
      return createPermits(options, { ...about, books: { ...seen, ...calls } });
    });
  }
  open();

  async function close(): Promise<void> {
    if (store === undefined) return;
    await books.close();
    store.close();
  }

  return {
    money,
    payTo,
    desk: (index: number): PermitDesk => desks[index] as PermitDesk,
    /** Signs a permit for these gateways, of an hour. */
    async sign(key: Hex, given: Partial<UptoPermit> & Pick<UptoPermit, 'maximum' | 'nonce'>): Promise<SignedPermit> {
      const deadline = money.state.timeS + 3_600n;
      const own = { from: computeAddress(key), to: payTo, facilitator: payTo, validAfter: 0n, deadline };
      const permit = { ...own, ...given };
      const signature = await privateKeyToAccount(key).signTypedData(describePermit(deployment, permit));
      return { permit, signature, approval: undefined };
    },
    /** Adds a signed approval of Permit2. */
    async approve(key: Hex, offer: SignedPermit, nonce: bigint): Promise<SignedPermit> {
      const { from, maximum: value, deadline } = offer.permit;
      const described = describeApproval(deployment, from, { value, nonce, deadline });
      const signature = await privateKeyToAccount(key).signTypedData(described);
      return { ...offer, approval: { value, nonce, deadline, signature } };
    },
    /** Reserves an order, if the credit of a permit covers it. */
    order: (permit: UptoPermit, maxFeeAtomic: bigint): Promise<boolean> =>
      books.write(function* () {
        const account = namePermit(permit);
        const { spent, reserved } = yield* findSpending(account);
        if (((yield* findGranted(account)) ?? 0n) < spent + reserved + maxFeeAtomic) return false;
        yield* putSpending(account, { spent, reserved: reserved + maxFeeAtomic });
        return true;
      }),
    /** Settles all orders of a permit by a part of their maximum fees. @param feeAtomic at most what is reserved. */
    settle: (permit: UptoPermit, feeAtomic: bigint): Promise<void> =>
      books.write(function* () {
        const { spent, reserved } = yield* findSpending(namePermit(permit));
        const fee = feeAtomic < reserved ? feeAtomic : reserved;
        yield* putSpending(namePermit(permit), { spent: spent + fee, reserved: 0n });
      }),
    /** Notes that the request of a permit is over. */
    end: (permit: UptoPermit): Promise<number> => books.write(() => endPermit(namePermit(permit))),
    find: (permit: UptoPermit): Promise<PermitRow | undefined> => books.read(() => findPermit(permit)),
    /** Reads what the account of a permit spent, its credit, and that of its payer. */
    readMoney: (permit: UptoPermit) =>
      books.snapshot(function* () {
        const sums = yield* sumCredits();
        const creditOf = (account: string): bigint => sums.get(account)?.granted ?? 0n;
        const { spent } = yield* findSpending(namePermit(permit));
        return { spent, kept: creditOf(namePermit(permit)), left: creditOf(namePayer(permit.from)) };
      }),
    /** Takes the lock of the gateways. @returns its release. */
    async hold(): Promise<() => void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      await new Promise<void>((begun) => {
        void books.alone('funding', () => {
          begun();
          return promise;
        });
      });
      return resolve;
    },
    async restart(): Promise<void> {
      await close();
      open();
    },
    close,
  };
}

export type PermitBench = ReturnType<typeof createPermitBench>;
