import type { ChainClient } from '@ogong/chain/client';
import type { Holding } from '@ogong/chain/deploy/deploy';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { Order } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';

const MAX_REMEMBERED = 10_000;

export type EarningsView = ReturnType<typeof createEarningsView>;

/** Reads the amounts that the chain holds for providers' keys, by period. Values are read once, because they never change. */
export function createEarningsView({
  client,
}: {
  readonly client: () => Promise<Pick<ChainClient, 'parameters' | 'heldIn'>>;
}) {
  const readings = new Map<string, bigint>();
  let holding: Holding | undefined;

  /** Nobody can change it in a running network. */
  async function readHolding(): Promise<Holding> {
    holding ??= (await (await client()).parameters()).holding;
    return holding;
  }

  return {
    readHolding,
    /**
     * Returns the amount that the chain holds for a key and a payee in the period of that time. It is the earnings of the period before,
     * and the payee's bond at its end. None of it leaves before the next period is over, so a verdict about a reply of that time still
     * finds it.
     * @returns atomic units; undefined on a network that holds no earnings.
     * @throws ChainError if the chain cannot be read, or its newest block is before that period.
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

/** Returns the amount that a key holds now: at the turn of a period, the smaller of both amounts. @throws ChainError */
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
  /**
   * The amount that a key must hold to answer in a tier, by the tier's name, in whole units of the token of the fees. Default: none asks.
   */
  readonly tierStakes?: ReadonlyMap<string, bigint> | undefined;
}

/**
 * Returns the part that the tier of a reply requires and its provider's key lacks; undefined if none is missing. It follows from the chain,
 * the order and the network's file alone, so provider, validator and co-signers find the same. It uses the order's time, so no turn of a
 * period falls between them. Rejects if the chain cannot be read.
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
