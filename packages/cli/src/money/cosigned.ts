import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import type { createWrites } from '@ogong/chain/ledger-writes';
import type { CosignedPart } from '@ogong/chain/validators/cosigners';
import type { Output } from '@ogong/host/lifecycle/command';
import { type ShowAmount, unitsOf } from './amount.ts';

/** In one transaction: each takes some 60,000 gas. */
const PARTS_AT_ONCE = 100;

export interface Cosigned {
  /** Of days that are over. */
  readonly parts: readonly CosignedPart[];
  readonly overAtomic: bigint;
  /** Of the present day, as its pots are now. */
  readonly runningAtomic: bigint;
  /** Of both. */
  readonly unit: string;
}

/**
 * Finds the amount put aside for an account that has signed batches. It searches all events, so an account without a bond is skipped unless
 * the user insists.
 */
export async function findCosigned(
  client: Pick<ChainClient, 'cosignedParts' | 'bondOf' | 'deployment'> & { readonly address: Address },
  isAsked: boolean,
): Promise<Cosigned> {
  const { amount: bonded, unbonding } = await client.bondOf(client.address);
  const all = isAsked || bonded + unbonding > 0n ? await client.cosignedParts(client.address) : [];
  const sum = (parts: readonly CosignedPart[]): bigint => parts.reduce((total, { amount }) => total + amount, 0n);
  const parts = all.filter(({ isOver }) => isOver);
  const { paid: unit } = unitsOf(client.deployment);
  return { parts, overAtomic: sum(parts), runningAtomic: sum(all) - sum(parts), unit };
}

/**
 * Makes it the account's credit in the escrow.
 * @returns whether there was anything.
 */
export async function creditCosigned(
  writes: Pick<ReturnType<typeof createWrites>, 'claimCosigned'>,
  { parts, overAtomic, runningAtomic, unit }: Cosigned,
  output: Pick<Output, 'writeError'>,
  format: ShowAmount,
): Promise<boolean> {
  if (overAtomic + runningAtomic > 0n) {
    const [over, running] = [overAtomic, runningAtomic].map((atomic) => format(atomic, unit));
    output.writeError(`co-signer ${over} in ${parts.length} pots, ${running} when today is over\n`);
  }
  for (let first = 0; first < parts.length; first += PARTS_AT_ONCE) {
    await writes.claimCosigned(parts.slice(first, first + PARTS_AT_ONCE));
  }
  return parts.length > 0;
}
