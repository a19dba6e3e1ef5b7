import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { address, type CodecType, hash, list, struct, u8, u16, u128 } from '../base/codec.ts';

/** Fields of a shard, in the log and in an agreement. */
export const shardFields = {
  providerId: hash,
  payee: address,
  firstLayer: u16,
  /** Number of layers, at least 1. */
  layers: u16,
  /** Part of the order's price per 1,000 tokens, atomic units. */
  pricePer1kAtomic: u128,
};
const shardCodec = struct(shardFields);

/** One provider's part of a model that several providers serve together: layers from `firstLayer` on (docs/spec/cohorts.md). */
export interface CohortShard extends CodecType<typeof shardCodec> {}

export const MAX_SHARDS = 64;
const MAX_LAYERS = 65_535;

/** Shards in the order of their layers; empty if one provider serves alone. */
export const shardsCodec = list<CohortShard>(shardCodec, { count: u8, max: MAX_SHARDS });

/**
 * Splits one reply's fee among the shards of a cohort, by their prices, rounded down. The last shard leads and gets the rest. So the
 * amounts sum exactly to the fee.
 * @param shards in the order of their layers, which tile the model. If all prices are 0, the leader gets the whole fee.
 * @returns atomic units, in the order of the shards.
 * @throws ProtocolError `malformed` if the shards leave a gap, overlap, or are none or too many; `out-of-range` on a negative
 * fee or price.
 */
export function splitCohort(
  feeAtomic: bigint,
  shards: readonly Pick<CohortShard, 'firstLayer' | 'layers' | 'pricePer1kAtomic'>[],
): bigint[] {
  if (feeAtomic < 0n) throw new ProtocolError('out-of-range', `a fee of ${feeAtomic}`);
  countLayers(shards);
  const negative = shards.find(({ pricePer1kAtomic }) => pricePer1kAtomic < 0n);
  if (negative !== undefined) throw new ProtocolError('out-of-range', `a price of ${negative.pricePer1kAtomic}`);
  const total = sumPrices(shards);
  const parts = shards.map(({ pricePer1kAtomic }) => (total === 0n ? 0n : (feeAtomic * pricePer1kAtomic) / total));
  const rest = parts.reduce((left, part) => left - part, feeAtomic);
  return parts.map((part, i) => (i === parts.length - 1 ? part + rest : part));
}

/** Sums the prices of all shards, per 1,000 tokens. */
export const sumPrices = (shards: readonly Pick<CohortShard, 'pricePer1kAtomic'>[]): bigint =>
  shards.reduce((sum, { pricePer1kAtomic }) => sum + pricePer1kAtomic, 0n);

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

/** Returns whether two lists name the same shards, with the same layers, payees and prices. */
export const areSameShards = (a: readonly CohortShard[], b: readonly CohortShard[]): boolean =>
  a.length === b.length &&
  a.every((one, i) => {
    const other = b[i] as CohortShard;
    return (
      equalBytes(one.providerId, other.providerId) &&
      equalBytes(one.payee, other.payee) &&
      one.firstLayer === other.firstLayer &&
      one.layers === other.layers &&
      one.pricePer1kAtomic === other.pricePer1kAtomic
    );
  });

/** The fields of a log entry that name its providers. */
export interface EntryProviders extends Pick<CohortShard, 'providerId' | 'payee'> {
  /** Empty or absent if the provider served alone. */
  readonly shards?: readonly CohortShard[];
  /** Index of the shard that a reject is about. Default: the provider of the entry. */
  readonly culprit?: number | undefined;
}

/** One provider's part of an entry's fee. */
export interface FeePart extends Pick<CohortShard, 'providerId' | 'payee'> {
  readonly feeAtomic: bigint;
}

/** Splits the fee of an entry: its provider gets all of it, or each shard of a cohort its own part, in their order. */
export function listParts({
  providerId,
  payee,
  feeAtomic,
  shards = [],
}: EntryProviders & { readonly feeAtomic: bigint }): readonly FeePart[] {
  if (shards.length === 0) return [{ providerId, payee, feeAtomic }];
  const amounts = splitCohort(feeAtomic, shards);
  return shards.map((shard, i) => ({ ...nameEarner(shard), feeAtomic: amounts[i] ?? 0n }));
}

const nameEarner = ({ providerId, payee }: Pick<CohortShard, 'providerId' | 'payee'>) => ({ providerId, payee });

const NO_PAYEE: Uint8Array = new Uint8Array(20);

/**
 * Finds the key that the finding of an entry is about: the culprit of a cohort, else the provider that signed the record.
 * @returns the key with its payee. The payee is zero for a co-shard, because that payee has not signed for the key.
 */
export function findAccountable(entry: EntryProviders): Pick<CohortShard, 'providerId' | 'payee'> {
  const { providerId, payee, shards = [], culprit } = entry;
  const named = culprit === undefined ? undefined : shards[culprit];
  const isOwn = named === undefined || equalBytes(named.providerId, providerId);
  return isOwn ? { providerId, payee } : { providerId: named.providerId, payee: NO_PAYEE };
}

/** Lists the keys of an entry besides the provider that signed the record, each without a payee. */
export const listCoShards = ({
  providerId,
  shards = [],
}: EntryProviders): readonly Pick<CohortShard, 'providerId' | 'payee'>[] =>
  shards
    .filter((shard) => !equalBytes(shard.providerId, providerId))
    .map((shard) => ({ providerId: shard.providerId, payee: NO_PAYEE }));
