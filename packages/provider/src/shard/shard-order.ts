import type { SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import {
  type BoundaryPass,
  createPassReceiver,
  createPassSender,
  MAX_TURNS,
  type PassResult,
  type PassSender,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { type BoundaryRoot, signBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { commitRows } from './commit-rows.ts';

/** One order at a shard: the rows that came, and the rows that went out. */
export interface ShardOrder {
  readonly sent: PassSender<Float32Array>;
  /** Accepts a pass of the sender before, as PassReceiver does, within the bounds of the order. */
  accept(pass: BoundaryPass): PassResult<Uint32Array | Float32Array>;
  /** Signs for the rows that it sent. @returns undefined if there are none. */
  signRoot(): Promise<BoundaryRoot | undefined>;
}

export interface ShardOrderOptions {
  readonly order: Pick<NamedOrder, 'orderHash' | 'modelRoot' | 'contextSize' | 'maxFeeAtomic' | 'pricePer1kAtomic'>;
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

/** Guesses behind the last token that an order pays for. */
const MOST_GUESSES = 16;

/** Bounds of the passes of an order. */
export interface OrderBounds {
  readonly maxPositions: number;
  readonly maxTurns: number;
  /** Rows of all passes together, rejected ones included. */
  readonly maxRowsInAll: number;
}

/** Computes the bounds from the context that an order counts on, and from the tokens that it pays for. */
export function boundOrder(
  { contextSize, maxFeeAtomic, pricePer1kAtomic }: ShardOrderOptions['order'],
  segment: Pick<SegmentEngineInfo, 'contextSize'>,
): OrderBounds {
  const room = Math.min(contextSize, segment.contextSize);
  const paid = pricePer1kAtomic === 0n ? BigInt(room) : (maxFeeAtomic * 1000n) / pricePer1kAtomic;
  const maxPositions = Math.min(room, Number(paid < BigInt(room) ? paid : BigInt(room)) + MOST_GUESSES);
  // A pass adds a token or more, a piece of the prompt, or rows that a lost shard had.
  const maxTurns = Math.min(MAX_TURNS, 4 * maxPositions + 64);
  return { maxPositions, maxTurns, maxRowsInAll: MOST_GUESSES * maxPositions };
}

/** @throws ProtocolError `too-large` if the rows of the order have no room in a blob. */
export function createShardOrder(crypto: Crypto, options: ShardOrderOptions): ShardOrder {
  const { order, members, place, blind, previousBeacon, session, segment } = options;
  const { embeddingSize, vocabularySize, passRows: maxRows } = segment;
  const { maxPositions, maxTurns, maxRowsInAll } = boundOrder(order, segment);
  const content = createRowContent(embeddingSize);
  const edge = { orderHash: order.orderHash, blind };
  // The last shard leads: its tokens go to the first one.
  const senderPlace = place === 0 ? members.length - 1 : place - 1;
  const limits = {
    ...{ maxPositions, maxRows, maxTurns },
    senderKey: (members[senderPlace] as (typeof members)[number]).sessionKey,
  };
  const received =
    place === 0
      ? createPassReceiver(crypto, { ...edge, place: senderPlace, content: createTokenContent(vocabularySize) }, limits)
      : createPassReceiver(crypto, { ...edge, place: senderPlace, content }, limits);
  const sent = createPassSender(crypto, { ...edge, place, content }, { maxPositions, signer: session });
  let rowsInAll = 0;
  return {
    sent,
    accept(pass) {
      const { rows } = pass.head;
      if (rowsInAll + rows > maxRowsInAll)
        return { ok: false, reason: 'size', detail: `more than ${maxRowsInAll} rows of one order` };
      const result = received.accept(pass);
      if (result.ok) rowsInAll += rows;
      return result;
    },
    async signRoot() {
      if (sent.kept.positions === 0) return undefined;
      const bankSeed = computeBankSeed(crypto, order.modelRoot, previousBeacon);
      const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
      const { positions, turns, root } = await commitRows(crypto, sent.kept, { blind, bank });
      return signBoundaryRoot(session, { orderHash: order.orderHash, place, positions, turns, root });
    },
  };
}
