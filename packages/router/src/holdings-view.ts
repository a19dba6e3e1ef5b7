import { type EarningsView, readLeastHeld } from '@ogong/host/views/earnings-view';
import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { toHex } from '@ogong/protocol/base/bytes';

/** A provider's key, and the payee that it earns for. */
export interface KeyAccount {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
}

export type HoldingsView = ReturnType<typeof createHoldingsView>;

/** Accounts that are read from the chain at the same time. */
const AT_ONCE = 16;
/** Earlier periods whose failures count, besides the present one: as many as earnings are held for. */
const PERIODS_BEFORE = 2;

const nameAccount = ({ providerId, payee }: KeyAccount): string => `${toHex(providerId)} ${toHex(payee)}`;

/** Reads the holdings of the listed providers from the chain, and keeps the last reading. */
export function createHoldingsView({ readHolding, heldFor }: Pick<EarningsView, 'readHolding' | 'heldFor'>) {
  let held: ReadonlyMap<string, bigint> = new Map();
  let holding = { period: 0, entrance: 0n, growth: 0 };

  return {
    /** Undefined on a network that holds nothing, or before the first reading. */
    heldOf: (account: KeyAccount): bigint | undefined => held.get(nameAccount(account)),
    /** Returns the largest maximum fee of an order; undefined without a limit. A provider that was not read yet counts as new. */
    boundOf(account: KeyAccount): bigint | undefined {
      if (holding.period === 0) return undefined;
      const heldAtomic = held.get(nameAccount(account)) ?? 0n;
      return computeFeeBound({ entranceAtomic: holding.entrance, growthPpm: holding.growth }, heldAtomic);
    },
    entrance: (): bigint => holding.entrance,
    /** Number of the period of that time; always 0 on a network without periods. */
    periodOf: (timeMs: number): number => (holding.period === 0 ? 0 : Math.floor(timeMs / 1_000 / holding.period)),
    /** The first period whose failures count now. */
    firstPeriod(nowMs: number): number {
      return holding.period === 0 ? 0 : this.periodOf(nowMs) - PERIODS_BEFORE;
    },
    /**
     * Reads these accounts and forgets all others. At the turn of a period, orders may belong to either one, so the smaller
     * amount counts.
     * @throws ChainError; the earlier values stay in force until all are read.
     */
    async refresh(accounts: readonly KeyAccount[], nowMs: number): Promise<void> {
      holding = await readHolding();
      const read = new Map<string, bigint>();
      if (holding.period !== 0) {
        for (let i = 0; i < accounts.length; i += AT_ONCE) {
          await Promise.all(
            accounts
              .slice(i, i + AT_ONCE)
              .map(async (account) => read.set(nameAccount(account), await readLeastHeld({ heldFor }, account, nowMs))),
          );
        }
      }
      held = read;
    },
  };
}
