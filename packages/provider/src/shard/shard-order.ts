import type { SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import {
  createPassReceiver,
  createPassSender,
  MAX_TURNS,
  type PassReceiver,
  type PassSender,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import {
  type BoundaryRoot,
  commitBoundary,
  signBoundaryRoot,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';

/** One order at a shard: the rows that came, and the rows that went out. */
export interface ShardOrder {
  readonly received: PassReceiver<Uint32Array> | PassReceiver<Float32Array>;
  readonly sent: PassSender<Float32Array>;
  /** Signs for the rows that it sent. @returns undefined if there are none. */
  signRoot(): BoundaryRoot | undefined;
}

export interface ShardOrderOptions {
  readonly order: Pick<NamedOrder, 'orderHash' | 'modelRoot'>;
  readonly members: CohortTerms['members'];
  /** Place of this shard, 0..n - 2. */
  readonly place: number;
  /** Blind of the answer, 32 bytes. */
  readonly blind: Uint8Array;
  /** Beacon of the epoch before the order's, 32 bytes. It decides the sketch bank. */
  readonly previousBeacon: Uint8Array;
  readonly session: Ed25519Signer;
  readonly segment: Pick<SegmentEngineInfo, 'embeddingSize' | 'vocabularySize' | 'contextSize' | 'passRows'>;
}

export function createShardOrder(crypto: Crypto, options: ShardOrderOptions): ShardOrder {
  const { order, members, place, blind, previousBeacon, session, segment } = options;
  const { embeddingSize, vocabularySize, contextSize: maxPositions, passRows: maxRows } = segment;
  const content = createRowContent(embeddingSize);
  const edge = { orderHash: order.orderHash, blind };
  const limits = { maxPositions, maxRows, maxTurns: MAX_TURNS };
  // The last shard leads: its tokens go to the first one.
  const senderPlace = place === 0 ? members.length - 1 : place - 1;
  const senderKey = (members[senderPlace] as (typeof members)[number]).sessionKey;
  const received =
    place === 0
      ? createPassReceiver(
          crypto,
          { ...edge, place: senderPlace, content: createTokenContent(vocabularySize) },
          { ...limits, senderKey },
        )
      : createPassReceiver(crypto, { ...edge, place: senderPlace, content }, { ...limits, senderKey });
  const sent = createPassSender(crypto, { ...edge, place, content }, { maxPositions, signer: session });
  return {
    received,
    sent,
    signRoot() {
      if (sent.kept.positions === 0) return undefined;
      const bankSeed = computeBankSeed(crypto, order.modelRoot, previousBeacon);
      const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
      const { positions, turns, root } = commitBoundary(crypto, sent.kept, { blind, bank });
      return signBoundaryRoot(session, { orderHash: order.orderHash, place, positions, turns, root });
    },
  };
}
