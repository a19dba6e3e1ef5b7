import { EngineError } from '@ogong/engine/interface/engine-error';
import type { ChainPass, SegmentGroup, UpstreamRows } from '@ogong/engine/interface/segment';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest, ShardAnswer, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createPassReceiver,
  createPassSender,
  encodeBoundaryPass,
  MAX_TURNS,
  type PassReceiver,
  type PassSender,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import {
  type BoundaryRoot,
  parseBoundaryRoot,
  verifyBoundaryRoot,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import {
  type CohortMember,
  type CohortSignature,
  type CohortTerms,
  encodeCohortAgreement,
  encodeCohortTerms,
  findConsentProblem,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import { commitRows } from './commit-rows.ts';

type Part = Pick<ShardPass, 'orderHash' | 'pass'>;
type PartAnswer = Pick<ShardAnswer, 'orderHash' | 'result'>;

/** The calls of one shard, in this process or over a link. */
export interface ShardCalls {
  agree(message: Omit<AgreeRequest, '$typeName' | '$unknown'>): Promise<CohortSignature>;
  admit(orderHash: Uint8Array, admission: SignedAdmission): Promise<void>;
  run(parts: readonly Part[]): Promise<readonly PartAnswer[]>;
  close(orderHash: Uint8Array): Promise<Uint8Array>;
}

export interface CohortChainOptions {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly manifestHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** All members in the order of their layers; the last one is the leader itself. */
  readonly members: readonly CohortMember[];
  /** Of all members but the last, in their order. */
  readonly shards: readonly ShardCalls[];
  readonly signer: HybridSigner;
  /** SHA-256 of the certificate of the leader's link, by which it calls the shards. */
  readonly link: Uint8Array;
  /** Holds the leader's session key. */
  readonly session: Ed25519Signer;
  readonly embeddingSize: number;
  readonly vocabularySize: number;
  readonly contextSize: number;
  readonly passRows: number;
}

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

/** Names an order in the passes of the leader's engine. */
export const passKeyOf = ({ orderHash }: Pick<NamedOrder, 'orderHash'>): string => toHex(orderHash);

/**
 * The shards before the leader's. The leader carries the rows from each shard to the next one, and keeps them with their signatures
 * (docs/spec/shard.md).
 */
export interface CohortChain extends UpstreamRows {
  /** Agrees with all shards, before the leader consents to the order. @throws EngineError if a shard does not agree. */
  open(given: ChainedOrder): Promise<OpenedOrder>;
  /** Shows the admission of an open order to all shards, some seconds after `open` at most. @throws EngineError if a shard refuses it. */
  admit(orderHash: Uint8Array, admission: SignedAdmission): Promise<void>;
  /**
   * Ends an order once its passes have ended.
   * @returns the signed roots by place; undefined where a shard signed for other rows or passes, or for none.
   */
  close(orderHash: Uint8Array): Promise<readonly (BoundaryRoot | undefined)[]>;
}

export interface OpenedOrder {
  /** The agreement that all members have signed. */
  readonly agreement: Uint8Array;
  /** Aborted, with an EngineError, once a shard has refused a pass of this order. From then on its rows are zeros. */
  readonly failed: AbortSignal;
}

interface OpenOrder {
  readonly given: ChainedOrder;
  readonly failure: AbortController;
  /** Lets the next order be opened. */
  readonly endTurn: () => void;
  readonly tokens: PassSender<Uint32Array>;
  /** The rows of each shard, by place. */
  readonly received: readonly PassReceiver<Float32Array>[];
}

/** A part of a pass on its way from one shard to the next one. */
interface CarriedPart {
  readonly group: SegmentGroup;
  readonly order: OpenOrder;
  readonly part: Part;
  /** f32[rows of the group, embeddingSize]; empty for tokens. */
  readonly rows: Float32Array;
}

/** One shard and its last call: passes reach it in their order. */
interface Lane {
  readonly place: number;
  readonly calls: ShardCalls;
  tail: Promise<unknown>;
}

/** @internal until `serve` leads cohorts: tests serve orders with it */
export function createCohortChain(options: CohortChainOptions): CohortChain {
  const { crypto, ledger, members, shards, signer, session, embeddingSize } = options;
  const { contextSize: maxPositions, passRows: maxRows } = options;
  const content = createRowContent(embeddingSize);
  const tokenContent = createTokenContent(options.vocabularySize);
  const orders = new Map<string, OpenOrder>();
  const lanes = shards.map((calls, place): Lane => ({ place, calls, tail: Promise.resolve() }));
  const enter = <T>(lane: Lane, work: () => Promise<T>): Promise<T> => {
    const done = lane.tail.then(work);
    lane.tail = done.catch(() => undefined);
    return done;
  };
  const takeTurn = createTurns();
  const nameShard = (place: number): string =>
    `shard ${place} (${toHex((members[place] as CohortMember).providerId).slice(0, 8)})`;
  const fail = (place: number, reason: string, cause?: unknown): EngineError =>
    new EngineError('engine-crashed', `${nameShard(place)} ${reason}`, { cause, retryable: true });

  async function agree(place: number, terms: CohortTerms, message: Parameters<ShardCalls['agree']>[0]) {
    const signature = await (shards[place] as ShardCalls).agree(message).catch((cause: Error) => {
      throw fail(place, `does not agree to the order: ${cause.message}`, cause);
    });
    const problem = findConsentProblem(crypto, terms, signature, place);
    if (problem !== undefined) throw fail(place, `has not agreed: ${problem}`);
    return signature;
  }

  const createOrder = (given: ChainedOrder, endTurn: () => void): OpenOrder => {
    const edge = { orderHash: given.order.orderHash, blind: given.blind };
    return {
      ...{ given, endTurn, failure: new AbortController() },
      tokens: createPassSender(
        crypto,
        { ...edge, place: members.length - 1, content: tokenContent },
        { maxPositions, signer: session },
      ),
      received: shards.map((_, place) =>
        createPassReceiver(
          crypto,
          { ...edge, place, content },
          { ...{ maxPositions, maxRows, maxTurns: MAX_TURNS }, senderKey: (members[place] as CohortMember).sessionKey },
        ),
      ),
    };
  };

  /** Accepts the rows of a shard. The reply of a part that it refuses fails alone. @returns the parts for the next shard. */
  function accept(
    place: number,
    kind: ChainPass['kind'],
    carried: readonly CarriedPart[],
    answer: readonly PartAnswer[],
  ): CarriedPart[] {
    if (answer.length !== carried.length) throw fail(place, `answered ${answer.length} of ${carried.length} orders`);
    return carried.flatMap(({ group, order }, i): CarriedPart[] => {
      const { orderHash, result } = answer[i] as PartAnswer;
      if (toHex(orderHash) !== group.passKey) throw fail(place, 'answered another order');
      if (result.case !== 'pass') {
        order.failure.abort(fail(place, `did not run a pass: ${result.value ?? 'it gives no reason'}`));
        return [];
      }
      const pass = readPass(place, result.value);
      const { head } = pass;
      if (head.kind !== kind || head.position !== group.position || head.rows !== group.rows)
        throw fail(place, 'answered another pass');
      const accepted = (order.received[place] as PassReceiver<Float32Array>).accept(pass);
      if (!accepted.ok) throw fail(place, `sent rows that are refused, ${accepted.reason}: ${accepted.detail}`);
      return [{ group, order, part: { orderHash, pass: result.value }, rows: accepted.values }];
    });
  }

  const readPass = (place: number, encoded: Uint8Array) => {
    try {
      return parseBoundaryPass(encoded);
    } catch (cause) {
      throw cause instanceof ProtocolError ? fail(place, `sent no pass: ${cause.message}`, cause) : cause;
    }
  };

  const findOrder = (passKey: string): OpenOrder => {
    const order = orders.get(passKey);
    if (order === undefined) throw new EngineError('invalid-request', 'a pass is of an order that is not open');
    return order;
  };

  /** Signs the tokens of orders that have not failed. */
  const signTokens = ({ kind, groups, tokens }: ChainPass): CarriedPart[] => {
    const open = groups.map(({ passKey = '' }) => findOrder(passKey));
    let at = 0;
    return groups.flatMap((group, i): CarriedPart[] => {
      const { position, rows } = group;
      const order = open[i] as OpenOrder;
      const own = tokens.subarray(at, at + rows);
      at += rows;
      if (order.failure.signal.aborted) return [];
      const pass = encodeBoundaryPass(order.tokens.send(kind, position, own));
      return [{ group, order, part: { orderHash: order.given.order.orderHash, pass }, rows: new Float32Array() }];
    });
  };

  async function closeAt(lane: Lane, { given, received }: OpenOrder): Promise<BoundaryRoot | undefined> {
    const { order, blind, previousBeacon } = given;
    const { place, calls } = lane;
    const encoded = await enter(lane, () => calls.close(order.orderHash)).catch(() => new Uint8Array());
    const { kept } = received[place] as PassReceiver<Float32Array>;
    if (encoded.length === 0 || kept.positions === 0) return undefined;
    const root = readRoot(encoded);
    const senderKey = (members[place] as CohortMember).sessionKey;
    const sender = { orderHash: order.orderHash, place, senderKey };
    if (root === undefined || !verifyBoundaryRoot(crypto, sender, root)) return undefined;
    const bankSeed = computeBankSeed(crypto, order.modelRoot, previousBeacon);
    const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
    const own = await commitRows(crypto, kept, { blind, bank });
    const isSame = own.positions === root.positions && own.turns === root.turns && equalBytes(own.root, root.root);
    return isSame ? root : undefined;
  }

  return {
    async open(given) {
      const { order, signed, blind } = given;
      const { chainId, verifyingContract: escrow } = ledger;
      const terms: CohortTerms = {
        ...{ chainId, escrow, orderHash: order.orderHash, manifestHash: options.manifestHash },
        ...{ modelRoot: options.modelRoot, leaderLink: options.link, blindHash: hashBlind(crypto, blind) },
        members: [...members],
      };
      const own = signCohortTerms(signer, terms);
      const leader = { $typeName: 'ogong.v1.CohortSignature' as const, ...own };
      const message = { ...signed, terms: encodeCohortTerms(terms), leader, blind };
      const opened = createOrder(given, await takeTurn());
      orders.set(passKeyOf(order), opened);
      try {
        const others = await Promise.all(shards.map((_, place) => agree(place, terms, message)));
        const agreement = encodeCohortAgreement({ terms, signatures: [...others, own] });
        return { agreement, failed: opened.failure.signal };
      } catch (error) {
        orders.delete(passKeyOf(order));
        opened.endTurn();
        for (const calls of shards) void calls.close(order.orderHash).catch(() => undefined);
        throw error;
      }
    },
    async admit(orderHash, admission) {
      await Promise.all(
        shards.map((calls, place) =>
          calls.admit(orderHash, admission).catch((cause: Error) => {
            throw fail(place, `does not count the order as admitted: ${cause.message}`, cause);
          }),
        ),
      ).finally(orders.get(toHex(orderHash))?.endTurn);
    },
    async run(pass) {
      const follow = (lane: Lane, input: Promise<readonly CarriedPart[]>): Promise<readonly CarriedPart[]> =>
        enter(lane, async () => {
          const carried = await input;
          if (carried.length === 0) return [];
          const answer = await lane.calls.run(carried.map(({ part }) => part)).catch((cause: Error) => {
            throw fail(lane.place, `did not run a pass: ${cause.message}`, cause);
          });
          return accept(lane.place, pass.kind, carried, answer);
        });
      const signed: readonly CarriedPart[] = signTokens(pass);
      const last = await lanes.reduce((parts, lane) => follow(lane, parts), Promise.resolve(signed));
      return joinRows(pass.groups, last, embeddingSize);
    },
    // A pass at an earlier position drops the rows behind it, and a closed order all of them.
    async drop() {},
    async close(orderHash) {
      const key = toHex(orderHash);
      const open = orders.get(key);
      orders.delete(key);
      if (open === undefined) return [];
      open.endTurn();
      return await Promise.all(lanes.map((lane) => closeAt(lane, open)));
    },
  };
}

/** Lets one order after the other wait for its admission, since shards keep few sequences for such orders. */
function createTurns(): () => Promise<() => void> {
  let last: Promise<void> = Promise.resolve();
  return async () => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<void>();
    last = promise;
    await before;
    return resolve;
  };
}

/** Joins the rows of a pass; zeros for an order that has failed. */
function joinRows(groups: readonly SegmentGroup[], carried: readonly CarriedPart[], embeddingSize: number) {
  const own = new Map(carried.map(({ group, rows }) => [group, rows]));
  const joined = new Float32Array(groups.reduce((sum, { rows }) => sum + rows, 0) * embeddingSize);
  let at = 0;
  for (const group of groups) {
    joined.set(own.get(group) ?? [], at);
    at += group.rows * embeddingSize;
  }
  return joined;
}

function readRoot(encoded: Uint8Array): BoundaryRoot | undefined {
  try {
    return parseBoundaryRoot(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
