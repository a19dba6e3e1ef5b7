import { toHex } from '@ogong/protocol/base/bytes';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { ReceiptVerdict } from '@ogong/sdk';

/** `unknown`: only the receipt shows roots. */
export type RootState = 'signed' | 'not signed' | 'missing' | 'unknown' | 'leads';

/** A provider of a chain, in the order of its layers. */
export interface ShardLink {
  readonly layers: string;
  /** Hash of the provider's key, hex. */
  readonly providerId: string;
  /** Part of the order's price, in per cent. */
  readonly sharePercent: number;
  /** Absent where only the log names the shard. */
  readonly numericClass?: string;
  readonly root: RootState;
  /** The log's reject is about this shard. */
  readonly isCulprit: boolean;
}

type LoggedShards = Pick<VerdictEntry, 'shards' | 'culprit'>;

/**
 * Reads the providers that served a reply together: from its receipt, or from the log without one.
 * @returns none for a reply that one provider served alone.
 */
export function readChain(
  cohort: ReceiptVerdict['cohort'],
  { shards, culprit }: LoggedShards = { shards: [], culprit: undefined },
): readonly ShardLink[] {
  const logged = shards.map(
    ({ providerId, pricePer1kAtomic, firstLayer, layers }, i): ShownShard => ({
      ...{ firstLayer, layers, providerId: toHex(providerId), pricePer1kAtomic: `${pricePer1kAtomic}` },
      root: i === shards.length - 1 ? 'leads' : 'unknown',
    }),
  );
  const shown = cohort?.shards.map((shard): ShownShard => ({ ...shard, root: readRoot(shard) })) ?? logged;
  const prices = shown.map(({ pricePer1kAtomic }) => Number(pricePer1kAtomic));
  const total = prices.reduce((sum, price) => sum + price, 0);
  return shown.map(({ firstLayer, layers, providerId, numericClass, root }, place) => ({
    layers: layers === 1 ? `layer ${firstLayer}` : `layers ${firstLayer} to ${firstLayer + layers - 1}`,
    providerId,
    sharePercent: total === 0 ? 0 : Math.round((100 * (prices[place] as number)) / total),
    ...(numericClass !== undefined && { numericClass }),
    root,
    isCulprit: place === culprit,
  }));
}

type ReadShard = NonNullable<ReceiptVerdict['cohort']>['shards'][number];
interface ShownShard extends Pick<ReadShard, 'firstLayer' | 'layers' | 'providerId' | 'pricePer1kAtomic'> {
  readonly numericClass?: string;
  readonly root: RootState;
}

function readRoot({ boundary, isLeader }: ReadShard): RootState {
  if (isLeader) return 'leads';
  if (boundary === undefined) return 'missing';
  return boundary.isSigned ? 'signed' : 'not signed';
}
