import { toHex } from '@ogong/protocol/base/bytes';
import { encodeBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { LeaderMark } from '../../shard/kept-roots.ts';
import { createOrderMemory } from '../../shard/order-memory.ts';
import { createShard, type Shard } from '../../shard/shard.ts';
import { countFree, findOffer, type OfferState, type ServedOffer } from '../orders/offers.ts';
import type { ProviderState } from '../provider-state.ts';
import type { SegmentAtWork } from './offered-segments.ts';
import type { OpenedLead, OpenedSegments, OpenedShard, SegmentTerms } from './open-segments.ts';

/** A segment that leaders of cohorts use, with its orders. */
export interface ServedShard extends OpenedShard {
  readonly shard: Shard;
}

/** Opens a shard for each segment. All of them remember orders together. */
export function openShards(
  opened: readonly OpenedShard[],
  state: Pick<
    ProviderState,
    'crypto' | 'clock' | 'chain' | 'beacons' | 'signer' | 'id' | 'payee' | 'lent' | 'log' | 'metrics'
  >,
): readonly ServedShard[] {
  const orders = createOrderMemory(state.clock);
  const onError = (err: unknown): void => state.log.error({ err }, 'a segment failed');
  const onMark = (mark: LeaderMark): void => {
    state.metrics.leaderMarks.inc({ reason: mark.reason });
    state.log.warn(describeMark(mark), FINDINGS[mark.reason]);
  };
  return opened.map((own) => {
    const { slab, segment, session, pricePer1kAtomic } = own;
    const shard = createShard(
      { segment, session, pricePer1kAtomic, manifest: slab.manifest, firstLayer: slab.firstLayer, layers: slab.layers },
      { ...state, orders, onError, onMark, providerId: state.id },
    );
    return { ...own, shard };
  });
}

/** The offer of a model whose last layers are here. Its price is that of the cohort. */
export const offerOf = ({ modelId, pricePer1kAtomic, engine, seat }: OpenedLead): ServedOffer => ({
  ...{ modelId, pricePer1kAtomic, engine, chain: seat, getCohort: seat.standing },
});

/** Lists all segments as they are at work. */
export function listSegments(
  { shards, leads }: { readonly shards: readonly ServedShard[]; readonly leads: readonly OpenedLead[] },
  offers: readonly OfferState[],
): readonly SegmentAtWork[] {
  const led = leads.map((terms): SegmentAtWork => {
    const offer = findOffer(offers, terms.slab.modelRoot);
    return {
      ...{ terms, isLed: true },
      info: () => readInfo(terms.engine.info()),
      free: () => (offer === undefined ? 0 : countFree(offer)),
    };
  });
  return [
    ...shards.map(
      ({ shard, ...terms }): SegmentAtWork => ({
        ...{ terms, isLed: false },
        info: () => readInfo(terms.segment.info()),
        free: shard.free,
      }),
    ),
    ...led,
  ];
}

const readInfo = ({
  numericClass,
  contextSize,
  sequences: capacity,
}: {
  readonly numericClass: string;
  readonly contextSize: number;
  readonly sequences: number;
}) => ({ numericClass, contextSize, capacity });

const FINDINGS: Readonly<Record<LeaderMark['reason'], string>> = {
  'receipt-missing': 'the leader of a cohort has not confirmed the root of this shard in time',
  'receipt-wrong': 'the leader of a cohort has sent a wrong receipt for the root of this shard',
  'record-wrong': 'the leader of a cohort has shown a record that does not count for its order',
  'root-hidden':
    'the leader of a cohort has signed a receipt for the root of this shard, and its record does not list that root',
  'root-not-confirmed':
    'the record of the leader of a cohort does not list the root of this shard, and there is no receipt',
  'two-roots': 'the record of the leader of a cohort lists another root that this shard has signed',
};

/** Root, receipt and record: a claim about a hidden root needs them. */
const describeMark = ({ reason, leader, order, root, receipt, record }: LeaderMark) => ({
  ...{ reason, leader: toHex(leader.providerId), order: toHex(order.orderHash) },
  ...{ reply: toHex(order.replyId), root: toHex(encodeBoundaryRoot(root)) },
  ...(receipt && { receipt: toHex(receipt) }),
  ...(record && { record: toHex(record.record), header: toHex(record.header), signature: toHex(record.signature) }),
});

/** Describes the segments for the line that a daemon prints at its start. */
export const describeOpened = ({ shards, leads }: Pick<OpenedSegments, 'shards' | 'leads'>) => [
  ...shards.map((own) => ({ ...describeTerms(own), numericClass: own.segment.info().numericClass, leads: false })),
  ...leads.map((own) => ({ ...describeTerms(own), numericClass: own.engine.info().numericClass, leads: true })),
];

const describeTerms = ({
  modelId,
  slab: { modelRoot, manifestHash, firstLayer, layers, totalLayers },
}: SegmentTerms) => ({
  ...{ modelId, modelRoot: toHex(modelRoot), manifest: toHex(manifestHash) },
  layers: `${firstLayer}-${firstLayer + layers - 1} of ${totalLayers}`,
});
