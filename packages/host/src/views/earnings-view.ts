import type { ChainClient } from '@ogong/chain/client';
import type { Holding } from '@ogong/chain/deploy/deploy';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { Order } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';

const MAX_REMEMBERED = 10_000;

export type EarningsView = ReturnType<typeof createEarningsView>;

/** What providers' keys hold, as the chain keeps it by period. What was read once is not read again, for it never changes. */
export function createEarningsView({
  client,
}: {
  readonly client: () => Promise<Pick<ChainClient, 'parameters' | 'heldIn'>>;
}) {
  const readings = new Map<string, bigint>();
  let holding: Holding | undefined;

  /** Nobody can change it once a network runs. */
  async function readHolding(): Promise<Holding> {
    holding ??= (await (await client()).parameters()).holding;
    return holding;
  }

  return {
    readHolding,
    /**
     * What a key holds for a payee in the period of that time: all that it earned in the period before, and the bond that the payee
     * had put down for it by the end of that. None of it leaves before the period after is over, so that a verdict about a reply of
     * that time finds it still held.
     * @returns atomic units; undefined on a network that holds no earnings.
     * @throws ChainError where the chain cannot be read, or its newest block is before that period.
     */
    async heldFor(
      { providerId, payee }: { readonly providerId: Uint8Array; readonly payee: Uint8Array },
      timeMs: number,
    ): Promise<bigint | undefined> {
      const { period: seconds } = await readHolding();
      if (seconds === 0) return undefined;
      const before = Math.floor(timeMs / 1000 / seconds) - 1;
      const key = `${toHex(providerId)} ${toHex(payee)} ${before}`;
      const held = readings.get(key) ?? (await (await client()).heldIn(providerId, payee, before));
      readings.set(key, held);
      if (readings.size > MAX_REMEMBERED) readings.delete(readings.keys().next().value as string);
      return held;
    },
  };
}

/** What a key holds, whichever period an order of now is of: at the turn of a period the smaller amount. @throws ChainError */
export async function readLeastHeld(
  { heldFor }: Pick<EarningsView, 'heldFor'>,
  account: Parameters<EarningsView['heldFor']>[0],
  nowMs: number,
): Promise<bigint> {
  const times = [nowMs - MAX_ORDER_LIFETIME_MS, nowMs];
  const [before = 0n, now = 0n] = await Promise.all(times.map((timeMs) => heldFor(account, timeMs)));
  return before < now ? before : now;
}

export interface TierDemands {
  readonly heldFor: (account: Pick<Order, 'providerId' | 'payee'>, orderedMs: number) => Promise<bigint | undefined>;
  /** What a key has to lose to answer in a tier, by the tier's name: whole units of what fees are paid in. Default: none asks. */
  readonly tierStakes?: ReadonlyMap<string, bigint> | undefined;
}

/**
 * What a reply's tier asks for and its provider's key does not have; undefined for nothing. It follows from the chain, the order and the
 * network's file alone, so that provider, validator and co-signers find the same: by the order's time and not by that of whoever looks, so
 * that no turn of a period falls between them. Rejects where the chain cannot be read.
 */
export async function findStakeProblem(
  { heldFor, tierStakes }: TierDemands,
  tier: string,
  { providerId, payee, expiresAtMs }: Pick<Order, 'providerId' | 'payee' | 'expiresAtMs'>,
): Promise<string | undefined> {
  const least = tierStakes?.get(tier);
  if (least === undefined) return undefined;
  const held = (await heldFor({ providerId, payee }, computeOrderSpan({ expiresAtMs }).fromMs)) ?? 0n;
  if (held >= least * ATOMIC_PER_TOKEN) return undefined;
  return `tier ${tier} takes ${least} whole tokens to lose, and its provider had ${held / ATOMIC_PER_TOKEN}`;
}
