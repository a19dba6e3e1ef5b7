import type { ChainPass } from '@ogong/engine/interface/segment';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto, Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createPassReceiver,
  createPassSender,
  MAX_TURNS,
  type PassReceiver,
  type PassSender,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { noteRows, readRows, type StandingRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';

/** An order, with the beacon and the blind that its boundaries need. */
export interface ChainedOrder {
  readonly order: NamedOrder;
  /** The order with its payer's signature, and the certificate of its beacon. */
  readonly signed: Pick<AgreeRequest, 'order' | 'beacon'>;
  /** Beacon of the epoch before the order's. */
  readonly previousBeacon: Uint8Array;
  /** Blind of the answer. */
  readonly blind: Uint8Array;
}

/** Sizes of the passes of a chain. */
export interface ChainSizes {
  readonly embeddingSize: number;
  readonly vocabularySize: number;
  readonly contextSize: number;
  /** Rows of one pass at most. */
  readonly passRows: number;
}

/** An order at its leader: the tokens that it sent, and the rows of each shard. */
export interface ChainOrder {
  readonly given: ChainedOrder;
  /** Aborted once a shard refuses a pass of this order. */
  readonly failure: AbortController;
  /** Lets the next order be opened. */
  readonly endTurn: () => void;
  readonly tokens: PassSender<Uint32Array>;
  /** The rows of each shard, by place. A shard that replaces another one begins anew. */
  readonly received: PassReceiver<Float32Array>[];
  /** Members that have agreed; the last one is the leader. */
  members: readonly CohortMember[];
  /** The agreement that all of them have signed. */
  agreement: Uint8Array;
  admission: SignedAdmission | undefined;
  /** Turns of the tokens, from the first one on, whose rows have come from all shards. */
  completedTurns: number;
  /** The rows of each shard before a replacement, while some are computed again. */
  before: readonly StandingRows[] | undefined;
}

export function createChainOrder(
  crypto: Crypto,
  { given, endTurn }: Pick<ChainOrder, 'given' | 'endTurn'>,
  { members, sizes, session }: { members: readonly CohortMember[]; sizes: ChainSizes; session: Ed25519Signer },
): ChainOrder {
  const edge = { orderHash: given.order.orderHash, blind: given.blind };
  const content = createTokenContent(sizes.vocabularySize);
  return {
    ...{
      given,
      endTurn,
      members,
      agreement: new Uint8Array(),
      admission: undefined,
      completedTurns: 0,
      before: undefined,
    },
    failure: new AbortController(),
    tokens: createPassSender(
      crypto,
      { ...edge, place: members.length - 1, content },
      { maxPositions: sizes.contextSize, signer: session },
    ),
    received: members.slice(0, -1).map((member, place) => createRowReceiver(crypto, given, { member, place, sizes })),
  };
}

/** Receives the rows of one shard. */
export function createRowReceiver(
  crypto: Crypto,
  { order: { orderHash }, blind }: ChainedOrder,
  { member, place, sizes }: { member: CohortMember; place: number; sizes: ChainSizes },
): PassReceiver<Float32Array> {
  return createPassReceiver(
    crypto,
    { orderHash, blind, place, content: createRowContent(sizes.embeddingSize) },
    {
      ...{ maxPositions: sizes.contextSize, maxRows: sizes.passRows, maxTurns: MAX_TURNS },
      senderKey: member.sessionKey,
    },
  );
}

/** The first position whose rows some shard may not have answered. */
function findIncomplete({ tokens: { kept }, completedTurns }: ChainOrder): number {
  const waiting = kept.standing.filter(({ pass }) => pass.head.turn >= completedTurns);
  return Math.min(kept.positions, ...waiting.map(({ pass }) => pass.head.position));
}

/**
 * Lists passes that compute all standing rows of an order again. A piece of the prompt stays as it is, since its length may decide its
 * kernels. Steps are scored together: every kernel of a step gives the bits of the reference kernels, which score.
 */
export function planReplay(order: ChainOrder, passKey: string, sizes: ChainSizes): ChainPass[] {
  const { decode } = createTokenContent(sizes.vocabularySize);
  const incomplete = findIncomplete(order);
  const planned: { readonly kind: ChainPass['kind']; readonly position: number; readonly tokens: number[] }[] = [];
  for (const { pass, bytes } of order.tokens.kept.standing) {
    const { kind, position } = pass.head;
    const tokens = [...(decode(bytes) ?? [])];
    const last = planned.at(-1);
    const joins = kind !== 'prompt' && last?.kind === 'score' && position !== incomplete;
    if (joins && last.tokens.length + tokens.length <= sizes.passRows) last.tokens.push(...tokens);
    else planned.push({ kind: kind === 'prompt' ? kind : 'score', position, tokens });
  }
  return planned.map(({ kind, position, tokens }) => ({
    ...{ kind, tokens: Uint32Array.from(tokens) },
    groups: [{ sequence: 0, position, rows: tokens.length, passKey }],
  }));
}

/** Notes the rows of each shard before some are computed again. Rows behind the last complete pass may be dropped ones. */
export function noteBefore(order: ChainOrder): void {
  const limit = findIncomplete(order);
  order.before ??= order.received.map(({ kept }) => {
    const noted = noteRows(kept);
    return { ...noted, positions: Math.min(noted.positions, limit) };
  });
}

/** Finds a shard that sent other rows than were received before; undefined if all have the same bits. Forgets the rows before. */
export function findOtherRows(order: ChainOrder): number | undefined {
  const { before = [], received } = order;
  order.before = undefined;
  order.completedTurns = order.tokens.kept.nextTurn;
  const place = before.findIndex((rows, i) => {
    const { kept } = received[i] as PassReceiver<Float32Array>;
    return (
      kept.positions < rows.positions ||
      !equalBytes(readRows(rows, 0, rows.positions), readRows(kept, 0, rows.positions))
    );
  });
  return place < 0 ? undefined : place;
}
