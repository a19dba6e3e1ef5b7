import { ProtocolError } from '../base/bytes.ts';
import { type Line, netLines } from './batch.ts';
import { type CohortShard, countLayers } from './cohort.ts';

/**
 * Creates the lines of a batch that pay a cohort, one for each provider and payee, in the order of a batch.
 * @param amounts of each shard, atomic units.
 * @throws ProtocolError `malformed` if they do not sum to the fee: then nothing is settled. `out-of-range` on a negative
 * amount.
 * @internal for amounts from elsewhere: a batch splits the fee itself
 */
export function createCohortLines(
  {
    feeAtomic,
    router,
    amounts,
  }: { readonly feeAtomic: bigint; readonly router: Uint8Array; readonly amounts: readonly bigint[] },
  shards: readonly CohortShard[],
): Line[] {
  countLayers(shards);
  if (amounts.length !== shards.length) throw new ProtocolError('malformed', `${amounts.length} amounts`);
  const negative = amounts.find((amount) => amount < 0n);
  if (negative !== undefined) throw new ProtocolError('out-of-range', `a shard of ${negative}`);
  const sum = amounts.reduce((total, amount) => total + amount, 0n);
  if (sum !== feeAtomic) throw new ProtocolError('malformed', `shards of ${sum} for a fee of ${feeAtomic}`);
  const owed = shards.map(({ providerId, payee }, i) => ({ providerId, payee, router, feeAtomic: amounts[i] ?? 0n }));
  return netLines(owed.filter(({ feeAtomic: amount }) => amount > 0n));
}
