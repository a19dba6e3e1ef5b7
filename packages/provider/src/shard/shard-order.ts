import type { SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import {
  type BoundaryPass,
  createPassReceiver,
  createPassSender,
  MAX_TURNS,
  type PassReceiver,
  type PassResult,
  type PassSender,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { type BoundaryRoot, signBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { noteRows, readRows, type StandingRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import type { CohortMember, CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { commitRows, hashInput } from './commit-rows.ts';

/** One order at a shard: the rows that came, and the rows that went out. */
export interface ShardOrder {
  readonly sent: PassSender<Float32Array>;
  /** Positions that the segment has computed. */
  computed: number;
  /** Returns the rows of all passes so far. */
  countRows(): number;
  /** Accepts a pass of the sender before, as PassReceiver does, within the bounds of the order. */
  accept(pass: BoundaryPass): AcceptedPass;
  /**
   * Takes other members in the place of those that failed. Rows of another sender have to come again, from position 0 on.
   * @returns false if the leader, this shard, the blind or the layers of a member differ, or if it was called too often.
   */
  replaceMembers(terms: Pick<CohortTerms, 'members' | 'blindHash'>): boolean;
  /** Signs for the rows that it sent, and for those that came. @returns undefined if there are none. */
  signRoot(): Promise<BoundaryRoot | undefined>;
}

export type AcceptedPass = PassResult<Uint32Array | Float32Array> & {
  /** Present if these rows came before: the rows that this shard sent for them. Its segment still has them. */
  readonly again?: Float32Array | undefined;
};

/** Rows that stood before a sender began again at position 0. */
interface EarlierRows {
  readonly came: StandingRows;
  readonly sent: StandingRows;
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

/** The most other cohorts of an order, of which each costs a signature and its check. */
const MOST_REPLACEMENTS = 8;
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
  let { sessionKey: senderKey } = members[senderPlace] as CohortMember;
  /** A sender that began at another shard counts its turns on. */
  const openReceiver = (firstTurn: number): PassReceiver<Uint32Array> | PassReceiver<Float32Array> => {
    const limits = { maxPositions, maxRows, maxTurns, firstTurn, senderKey };
    return place === 0
      ? createPassReceiver(crypto, { ...edge, place: senderPlace, content: createTokenContent(vocabularySize) }, limits)
      : createPassReceiver(crypto, { ...edge, place: senderPlace, content }, limits);
  };
  let received: ReturnType<typeof openReceiver> | undefined;
  let earlier: EarlierRows | undefined;
  const sent = createPassSender(crypto, { ...edge, place, content }, { maxPositions, signer: session });
  const noteEarlier = (): EarlierRows | undefined =>
    earlier ?? (received && { came: noteRows(received.kept), sent: noteRows(sent.kept) });
  let cohort = members;
  let replacements = 0;
  let rowsInAll = 0;
  return {
    sent,
    computed: 0,
    countRows: () => rowsInAll,
    accept(pass) {
      const { turn, position, rows } = pass.head;
      if (rowsInAll + rows > maxRowsInAll)
        return { ok: false, reason: 'size', detail: `more than ${maxRowsInAll} rows of one order` };
      const receiver = received ?? openReceiver(turn);
      const noted = position === 0 ? noteEarlier() : earlier;
      const result = receiver.accept(pass);
      if (!result.ok) return result;
      received = receiver;
      rowsInAll += rows;
      const again = noted && findAgain(noted, pass);
      earlier = again && noted;
      return { ...result, again: again && content.decode(again) };
    },
    replaceMembers({ members: others, blindHash }) {
      if (!equalBytes(blindHash, hashBlind(crypto, blind))) return false;
      const isKept = (other: CohortMember, i: number): boolean => {
        const known = cohort[i];
        if (known === undefined || other.firstLayer !== known.firstLayer || other.layers !== known.layers) return false;
        return (i !== place && i !== cohort.length - 1) || equalBytes(other.sessionKey, known.sessionKey);
      };
      if (others.length !== cohort.length || !others.every(isKept) || replacements >= MOST_REPLACEMENTS) return false;
      replacements++;
      cohort = others;
      const next = (others[senderPlace] as CohortMember).sessionKey;
      if (equalBytes(next, senderKey)) return true;
      earlier = noteEarlier();
      senderKey = next;
      received = undefined;
      return true;
    },
    async signRoot() {
      if (received === undefined || sent.kept.positions === 0) return undefined;
      const bankSeed = computeBankSeed(crypto, order.modelRoot, previousBeacon);
      const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
      const { positions, turns, root } = await commitRows(crypto, sent.kept, { blind, bank });
      const input = await hashInput(crypto, received.kept, blind);
      return signBoundaryRoot(session, { orderHash: order.orderHash, place, positions, turns, root, input });
    },
  };
}

/** Finds the rows that were sent for rows that came again; undefined if they are not the same. */
function findAgain({ came, sent }: EarlierRows, { head: { position, rows }, payload }: BoundaryPass) {
  const end = position + rows;
  if (end > came.positions || end > sent.positions || !equalBytes(readRows(came, position, end), payload)) return;
  return readRows(sent, position, end);
}
