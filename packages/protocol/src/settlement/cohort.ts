import { ProtocolError } from '../base/bytes.ts';
import { type Line, netLines } from './batch.ts';

/** What one provider serves of a model that several serve together: layers from `firstLayer` on (docs/spec/settlement.md#cohorts). */
export interface CohortShard {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  readonly firstLayer: number;
  /** At least 1. */
  readonly layers: number;
}

const MAX_SHARDS = 64;
const MAX_LAYERS = 65_535;

/**
 * What each shard of a cohort is paid of one reply's fee: by its layers, rounded down; the first shard, which leads, has the rest. So the
 * amounts sum to the fee to the unit.
 * @param shards in the order of their layers, which tile the model.
 * @throws ProtocolError `malformed` where the shards leave a gap, overlap, or are none or too many; `out-of-range` on a negative fee.
 * @internal nobody serves as a cohort yet: tests hold it and the contract together
 */
export function splitCohort(
  feeAtomic: bigint,
  shards: readonly Pick<CohortShard, 'firstLayer' | 'layers'>[],
): bigint[] {
  if (feeAtomic < 0n) throw new ProtocolError('out-of-range', `a fee of ${feeAtomic}`);
  const total = countLayers(shards);
  const parts = shards.map(({ layers }) => (feeAtomic * BigInt(layers)) / BigInt(total));
  const rest = parts.reduce((left, part) => left - part, feeAtomic);
  return parts.map((part, i) => (i === 0 ? part + rest : part));
}

function countLayers(shards: readonly Pick<CohortShard, 'firstLayer' | 'layers'>[]): number {
  if (shards.length === 0 || shards.length > MAX_SHARDS) {
    throw new ProtocolError('malformed', `a cohort of ${shards.length} shards`);
  }
  let next = 0;
  for (const { firstLayer, layers } of shards) {
    if (!Number.isInteger(layers) || layers < 1 || firstLayer !== next || next + layers > MAX_LAYERS) {
      throw new ProtocolError(
        'malformed',
        `a shard of ${layers} layers from layer ${firstLayer}, expected layer ${next}`,
      );
    }
    next += layers;
  }
  return next;
}

/**
 * The lines of a batch that pay a cohort, one for each provider and payee, in the order that a batch has.
 * @param amounts of each shard, atomic units.
 * @throws ProtocolError `malformed` where they do not sum to the fee: nothing of it is settled. `out-of-range` on a negative one.
 * @internal nobody serves as a cohort yet: tests hold it and the contract together
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
