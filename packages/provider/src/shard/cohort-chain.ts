import { EngineError } from '@ogong/engine/interface/engine-error';
import type { ChainPass, UpstreamRows } from '@ogong/engine/interface/segment';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
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
  commitBoundary,
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

type Part = Pick<ShardPass, 'orderHash' | 'pass'>;

/** The calls of one shard, in this process or over a link. */
export interface ShardCalls {
  agree(message: Omit<AgreeRequest, '$typeName' | '$unknown'>): Promise<CohortSignature>;
  run(parts: readonly Part[]): Promise<readonly Part[]>;
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
  /** Holds the leader's session key. */
  readonly session: Ed25519Signer;
  readonly embeddingSize: number;
  readonly vocabularySize: number;
  readonly contextSize: number;
  readonly passRows: number;
}

/** An admitted order, with the beacon and the blind that its boundaries need. */
export interface ChainedOrder {
  readonly order: NamedOrder;
  readonly admitted: Pick<AgreeRequest, 'order' | 'admission' | 'beacon'>;
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
  /** Agrees with all shards. @returns the signed agreement. @throws EngineError if a shard does not agree. */
  open(given: ChainedOrder): Promise<Uint8Array>;
  /**
   * Ends an order once its passes have ended.
   * @returns the signed roots by place; undefined where a shard signed for other rows or passes, or for none.
   */
  close(orderHash: Uint8Array): Promise<readonly (BoundaryRoot | undefined)[]>;
}

interface OpenOrder {
  readonly given: ChainedOrder;
  readonly tokens: PassSender<Uint32Array>;
  /** The rows of each shard, by place. */
  readonly received: readonly PassReceiver<Float32Array>[];
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

  const createOrder = (given: ChainedOrder): OpenOrder => {
    const edge = { orderHash: given.order.orderHash, blind: given.blind };
    return {
      given,
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

  /** Accepts the rows of a shard. @param open orders of the groups. */
  function accept(
    place: number,
    { kind, groups, tokens }: ChainPass,
    open: readonly OpenOrder[],
    answer: readonly Part[],
  ): Float32Array {
    if (answer.length !== groups.length) throw fail(place, `answered ${answer.length} of ${groups.length} orders`);
    const rows = new Float32Array(tokens.length * embeddingSize);
    let at = 0;
    groups.forEach((group, i) => {
      const { orderHash, pass: encoded } = answer[i] as Part;
      if (toHex(orderHash) !== group.passKey) throw fail(place, 'answered another order');
      const { received } = open[i] as OpenOrder;
      const pass = readPass(place, encoded);
      const { head } = pass;
      if (head.kind !== kind || head.position !== group.position || head.rows !== group.rows)
        throw fail(place, 'answered another pass');
      const result = (received[place] as PassReceiver<Float32Array>).accept(pass);
      if (!result.ok) throw fail(place, `sent rows that are refused, ${result.reason}: ${result.detail}`);
      rows.set(result.values, at);
      at += result.values.length;
    });
    return rows;
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

  const signTokens = ({ kind, groups, tokens }: ChainPass, open: readonly OpenOrder[]): Part[] => {
    let at = 0;
    return groups.map(({ position, rows }, i) => {
      const order = open[i] as OpenOrder;
      const own = tokens.subarray(at, at + rows);
      at += rows;
      return {
        orderHash: order.given.order.orderHash,
        pass: encodeBoundaryPass(order.tokens.send(kind, position, own)),
      };
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
    const own = commitBoundary(crypto, kept, { blind, bank });
    const isSame = own.positions === root.positions && own.turns === root.turns && equalBytes(own.root, root.root);
    return isSame ? root : undefined;
  }

  return {
    async open(given) {
      const { order, admitted, blind } = given;
      const { chainId, verifyingContract: escrow } = ledger;
      const terms: CohortTerms = {
        ...{ chainId, escrow, orderHash: order.orderHash, manifestHash: options.manifestHash },
        ...{ modelRoot: options.modelRoot, members: [...members] },
      };
      const own = signCohortTerms(signer, terms);
      const leader = { $typeName: 'ogong.v1.CohortSignature' as const, ...own };
      const message = { ...admitted, terms: encodeCohortTerms(terms), leader, blind };
      orders.set(passKeyOf(order), createOrder(given));
      try {
        const others = await Promise.all(shards.map((_, place) => agree(place, terms, message)));
        return encodeCohortAgreement({ terms, signatures: [...others, own] });
      } catch (error) {
        orders.delete(passKeyOf(order));
        for (const calls of shards) void calls.close(order.orderHash).catch(() => undefined);
        throw error;
      }
    },
    async run(pass) {
      const open = pass.groups.map(({ passKey = '' }) => findOrder(passKey));
      let rows = new Float32Array();
      const follow = (lane: Lane, input: Promise<readonly Part[]>): Promise<readonly Part[]> =>
        enter(lane, async () => {
          const parts = await input;
          const answer = await lane.calls.run(parts).catch((cause: Error) => {
            throw fail(lane.place, `did not run a pass: ${cause.message}`, cause);
          });
          rows = accept(lane.place, pass, open, answer) as typeof rows;
          return answer;
        });
      await lanes.reduce(
        (parts, lane) => follow(lane, parts),
        Promise.resolve<readonly Part[]>(signTokens(pass, open)),
      );
      return rows;
    },
    // A pass at an earlier position drops the rows behind it, and a closed order all of them.
    async drop() {},
    async close(orderHash) {
      const key = toHex(orderHash);
      const open = orders.get(key);
      orders.delete(key);
      if (open === undefined) return [];
      return await Promise.all(lanes.map((lane) => closeAt(lane, open)));
    },
  };
}

function readRoot(encoded: Uint8Array): BoundaryRoot | undefined {
  try {
    return parseBoundaryRoot(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
