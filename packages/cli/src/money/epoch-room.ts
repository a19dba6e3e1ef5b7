import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';

/** @param now seconds since 1970. @returns whole minutes, rounded up */
export const minutesToNextEpoch = (now: bigint): bigint => (MINT_EPOCH_S - (now % MINT_EPOCH_S) + 59n) / 60n;

/** Describes the time until which the rest waits. */
export async function describeNextEpoch({ transactor }: Pick<ChainClient, 'transactor'>): Promise<string> {
  const { timestamp: now } = await transactor.read('the time', (reader) => reader.getBlock());
  const minutes = minutesToNextEpoch(now);
  const at = new Date(Number(now + MINT_EPOCH_S - (now % MINT_EPOCH_S)) * 1_000).toISOString();
  return `the next epoch begins at ${at}, in ${minutes} ${minutes === 1n ? 'minute' : 'minutes'}`;
}

/**
 * Sends a transaction that counts in the present epoch. If others have filled it since it was read, the
 * money stays in place without an error.
 * @param amount of the transaction. @returns whether the epoch took anything of it
 */
export async function takeIntoEpoch(
  client: Pick<ChainClient, 'carriedOf'>,
  amount: bigint,
  send: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
    // A transaction that was mined and failed does not say why.
    const isFull =
      error.revert === undefined ? (await client.carriedOf(amount)) === 0n : error.revert.name === 'EpochFull';
    if (!isFull) throw error;
    return false;
  }
}
