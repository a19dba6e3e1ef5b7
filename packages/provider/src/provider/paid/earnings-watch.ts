import type { DaemonContext } from '@ogong/host/lifecycle/daemon-context';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';

const UNIT = 1e18;
/** An epoch may take a part of what is there: it is worth a transaction from this part of what the operator asks for. */
const WORTHWHILE = 10n;

type PayingClient = Awaited<ReturnType<DaemonContext['payingClient']>>;

export interface EarningsWatchOptions {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  readonly intervalMs: number;
  /** Pays out what can be had once it is that much, atomic units. Undefined: never, which leaves it to others. */
  readonly withdrawFromAtomic: bigint | undefined;
}

export interface EarningsWatchDependencies {
  /** Sends from an account that pays for transactions. @throws ChainError while the chain cannot be reached. */
  readonly client: () => Promise<
    Pick<PayingClient, 'earningsOf' | 'carriedOf'> & {
      withdrawEarnings(providerId: Uint8Array, payee: Uint8Array): Promise<unknown>;
    }
  >;
  readonly metrics: Pick<Metrics, 'gauge'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Shows in the metrics what the provider's key earned, and pays it out if the operator wants that. */
export function createEarningsWatch(
  { providerId, payee, intervalMs, withdrawFromAtomic }: EarningsWatchOptions,
  { client, metrics, log }: EarningsWatchDependencies,
): Repeating {
  const help = 'Earnings of this key: held, withdrawable, paid, or gone to the verification pool';
  const earnings = metrics.gauge('provider_earnings_ogong', help, ['state']);

  async function look(): Promise<void> {
    const chain = await client();
    const before = await chain.earningsOf(providerId, payee);
    const { withdrawable } = before;
    const isWanted = withdrawFromAtomic !== undefined && withdrawable > 0n && withdrawable >= withdrawFromAtomic;
    // An epoch that is nearly full takes too little to pay for a transaction: the next look may find another.
    const carried = isWanted ? await chain.carriedOf(withdrawable) : 0n;
    const isPaid = carried > 0n && (carried === withdrawable || carried * WORTHWHILE >= (withdrawFromAtomic ?? 0n));
    if (isPaid) await chain.withdrawEarnings(providerId, payee);
    const after = await chain.earningsOf(providerId, payee);
    if (isPaid) log.info({ amountAtomic: `${after.paid - before.paid}` }, 'earnings were paid to the payee');
    const states = { held: after.held, withdrawable: after.withdrawable, paid: after.paid, pool: after.collected };
    for (const [state, amount] of Object.entries(states)) {
      earnings.set({ state }, Number(amount) / UNIT);
    }
  }
  return createRepeating({ intervalMs }, look, (err) => log.warn({ err }, 'earnings cannot be read or paid out'));
}
