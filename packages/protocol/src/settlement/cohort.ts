import { ProtocolError } from '../base/bytes.ts';
import { address, type CodecType, hash, list, struct, u8, u16 } from '../base/codec.ts';

const shardCodec = struct({
  providerId: hash,
  payee: address,
  firstLayer: u16,
  /** Number of layers, at least 1. */
  layers: u16,
});

/** One provider's part of a model that several providers serve together: layers from `firstLayer` on (docs/spec/cohorts.md). */
export interface CohortShard extends CodecType<typeof shardCodec> {}

export const MAX_SHARDS = 64;
const MAX_LAYERS = 65_535;

/** Shards in the order of their layers; empty if one provider serves alone. */
export const shardsCodec = list<CohortShard>(shardCodec, { count: u8, max: MAX_SHARDS });

/**
 * Splits one reply's fee among the shards of a cohort, by their layers, rounded down. The first shard leads and gets the rest.
 * So the amounts sum exactly to the fee.
 * @param shards in the order of their layers, which tile the model.
 * @throws ProtocolError `malformed` if the shards leave a gap, overlap, or are none or too many; `out-of-range` on a negative
 * fee.
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

/**
 * Counts the layers of all shards. @throws ProtocolError `malformed` if the shards leave a gap, overlap, or are none or too
 * many.
 */
export function countLayers(shards: readonly Pick<CohortShard, 'firstLayer' | 'layers'>[]): number {
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
