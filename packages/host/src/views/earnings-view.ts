import type { ChainClient } from '@ogong/chain/client';
import type { Holding } from '@ogong/chain/deploy';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';

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
