import { EngineError } from '@ogong/engine/interface/engine-error';
import type { ChainPass, SegmentGroup, UpstreamRows } from '@ogong/engine/interface/segment';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { PassReceiver } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import {
  type BoundaryRoot,
  parseBoundaryRoot,
  signRootReceipt,
  verifyBoundaryRoot,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { type BoundaryRows, readRows } from '@ogong/protocol/modality/text/boundary/boundary-rows';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import { agreeOrder, showAdmission } from './chain-agreement.ts';
import { type ChainedOrder, type ChainOrder, createChainOrder } from './chain-order.ts';
import { carryPass, type PassGroup } from './chain-passes.ts';
import { createRecovery } from './chain-recovery.ts';
import { type ChainState, type CohortChainOptions, enterLane, type ShardLane } from './chain-state.ts';
import { commitRows, hashInput } from './commit-rows.ts';
import { ShardFailure } from './shard-failure.ts';

interface ClosingOrder {
  readonly order: ChainOrder;
  readonly positions: number | undefined;
}

/** A shard's signed root, with the values behind it. */
export interface ClosedEdge extends BoundaryRoot {
  readonly values: EdgeValues;
  /** The rows that `values` names, f32[positions, embeddingSize], little-endian. A verifier of the next shard gets them. */
  readonly bytes: Uint8Array;
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
   * Ends an order once its passes have ended. Rows of guesses behind the reply are dropped first, by one more pass.
   * @param positions of the rows that stand in the end: all tokens of prompt and reply but the last. Default: there is no reply.
   * @returns the signed roots by place; undefined where a shard signed for other rows or passes, or for none.
   */
  close(orderHash: Uint8Array, positions?: number): Promise<readonly (ClosedEdge | undefined)[]>;
  /** Shows the record of a closed order to all shards, and waits for none. */
  show(orderHash: Uint8Array, bound: BoundRecord): void;
}

export interface OpenedOrder {
  /** The agreement that all members have signed. It changes if a shard is replaced. */
  readonly agreement: Uint8Array;
  /** Edges between the shards. */
  readonly edges: number;
  /** Aborted, with an EngineError, once a shard has refused a pass of this order. From then on its rows are zeros. */
  readonly failed: AbortSignal;
}

export function createCohortChain(options: CohortChainOptions): CohortChain {
  const { crypto, session, embeddingSize, replace } = options;
  const content = createRowContent(embeddingSize);
  const tokenContent = createTokenContent(options.vocabularySize);
  const orders = new Map<string, ChainOrder>();
  const lanes = options.shards.map(
    (calls, place): ShardLane => ({ place, calls, tail: Promise.resolve(), failure: undefined }),
  );
  const state: ChainState = { options, members: [...options.members], lanes, orders };
  const recovery = createRecovery(state);

  /** Ends once the order that was opened last is admitted or over. */
  let turn: Promise<void> = Promise.resolve();
  /** Waits for the orders before, since shards keep few sequences for orders that are not admitted. @returns the end of the turn. */
  async function takeTurn(): Promise<() => void> {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    return resolve;
  }

  const findOrder = (passKey: string): ChainOrder => {
    const order = orders.get(passKey);
    if (order === undefined) throw new EngineError('invalid-request', 'a pass is of an order that is not open');
    return order;
  };

  /** Reads the last shard's rows of a pass that were computed again. */
  const readAgain = (asked: readonly PassGroup[]): ReadonlyMap<SegmentGroup, Float32Array> =>
    new Map(
      asked.flatMap(({ group, order }): [SegmentGroup, Float32Array][] => {
        if (order.failure.signal.aborted) return [];
        const { kept } = order.received.at(-1) as PassReceiver<Float32Array>;
        const end = group.position + group.rows;
        // The order may have been closed before its rows were computed again.
        const values = kept.positions < end ? undefined : content.decode(readRows(kept, group.position, end));
        return values === undefined ? [] : [[group, values]];
      }),
    );

  const openOrder = async (given: ChainedOrder, endTurn: () => void): Promise<ChainOrder> => {
    const cohort = { members: [...state.members], sizes: options, session };
    const order = createChainOrder(crypto, { given, endTurn }, cohort);
    orders.set(passKeyOf(given.order), order);
    await agreeOrder(state, order);
    return order;
  };

  async function run(pass: ChainPass): Promise<Float32Array> {
    let asked: readonly PassGroup[] = [];
    try {
      const rows = await recovery.call(async () => {
        asked = pass.groups.map((group) => ({ group, order: findOrder(group.passKey ?? '') }));
        return await carryPass(state, pass, asked);
      });
      return joinRows(pass, rows, embeddingSize);
    } catch (error) {
      if (replace === undefined || !(error instanceof ShardFailure)) throw error;
      await recovery.recover(error, replace);
      return joinRows(pass, readAgain(asked), embeddingSize);
    }
  }

  /** Repeats the last row that has to stand if others stand behind it: a pass drops all rows from its position on. */
  async function dropBehind(orderHash: Uint8Array, positions: number): Promise<void> {
    const kept = orders.get(toHex(orderHash))?.tokens.kept;
    if (kept === undefined || kept.positions <= positions) return;
    const position = positions - 1;
    const tokens = tokenContent.decode(readRows(kept, position, positions)) as Uint32Array;
    const group = { sequence: 0, position, rows: 1, passKey: passKeyOf({ orderHash }) };
    await run({ kind: 'step', groups: [group], tokens });
  }

  return {
    async open(given) {
      const endTurn = await takeTurn();
      try {
        const order = await recovery.call(() => openOrder(given, endTurn));
        return {
          get agreement() {
            return order.agreement;
          },
          edges: lanes.length,
          failed: order.failure.signal,
        };
      } catch (error) {
        orders.delete(passKeyOf(given.order));
        endTurn();
        for (const { calls } of lanes) void calls.close(given.order.orderHash).catch(() => undefined);
        throw error;
      }
    },
    async admit(orderHash, admission) {
      const order = findOrder(toHex(orderHash));
      try {
        await recovery.call(async () => {
          order.admission = admission;
          await Promise.all(lanes.map((lane) => showAdmission(state, lane, { orderHash, admission })));
        });
      } finally {
        order.endTurn();
      }
    },
    run,
    // A pass at an earlier position drops the rows behind it, and a closed order all of them.
    async drop() {},
    async close(orderHash, positions) {
      // A shard that fails here has no root of these positions.
      if (positions !== undefined) await dropBehind(orderHash, positions).catch(() => undefined);
      return await recovery.call(async () => {
        const key = toHex(orderHash);
        const order = orders.get(key);
        orders.delete(key);
        order?.endTurn();
        if (order === undefined) return [];
        const edges = await closeAll(options, lanes, { order, positions });
        if (positions !== undefined && !order.failure.signal.aborted)
          for (const [place, edge] of edges.entries())
            if (edge === undefined) options.onRootMissing?.(order.members[place] as CohortMember);
        return edges;
      });
    },
    show(orderHash, bound) {
      // A shard that gave no root, or took another's place since then, has no such order.
      for (const { calls } of lanes) void calls.showRecord(orderHash, bound).catch(() => undefined);
    },
  };
}

/** Ends an order at all shards. @returns the roots by place, each if it is about the rows that came, their passes, and the rows before. */
async function closeAll(
  { crypto, embeddingSize, session }: CohortChainOptions,
  lanes: readonly ShardLane[],
  { order: { given, received, members, tokens }, positions }: ClosingOrder,
): Promise<readonly (ClosedEdge | undefined)[]> {
  const { order, blind, previousBeacon } = given;
  const { orderHash } = order;
  const isWhole = (kept: BoundaryRows): boolean =>
    kept.positions > 0 && kept.positions === (positions ?? kept.positions);
  const closed = lanes.map(async (lane) => {
    const encoded = await enterLane(lane, () => lane.calls.close(orderHash)).catch(() => new Uint8Array());
    const root = encoded.length === 0 ? undefined : readRoot(encoded);
    const { sessionKey: senderKey } = members[lane.place] as CohortMember;
    return root && verifyBoundaryRoot(crypto, { orderHash, place: lane.place, senderKey }, root) ? root : undefined;
  });
  // Passes in flight end before the calls do.
  const signed = await Promise.all(closed);
  if (signed.every((root) => root === undefined)) return signed.map(() => undefined);
  const bankSeed = computeBankSeed(crypto, order.modelRoot, previousBeacon);
  const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
  const edges: (ClosedEdge | undefined)[] = [];
  let input = isWhole(tokens.kept) ? await hashInput(crypto, tokens.kept, blind) : undefined;
  for (const [place, { kept }] of received.entries()) {
    const own = isWhole(kept) ? await commitRows(crypto, kept, { blind, bank }) : undefined;
    const root = signed[place];
    const isSame = own && input && root && isSameRoot(root, { ...own, input });
    input = own?.rows.root;
    if (!isSame) {
      edges.push(undefined);
      continue;
    }
    // The reply does not wait for it. A shard that refuses a receipt goes without one.
    void lanes[place]?.calls.confirm(orderHash, signRootReceipt(crypto, session, root)).catch(() => undefined);
    const { positions: committed, rows, sketches } = own;
    edges.push({ ...root, values: { positions: committed, rows, sketches }, bytes: readRows(kept, 0, committed) });
  }
  return edges;
}

type SignedFields = Pick<BoundaryRoot, 'positions' | 'turns' | 'root' | 'input'>;

const isSameRoot = (a: SignedFields, b: SignedFields): boolean =>
  a.positions === b.positions && a.turns === b.turns && equalBytes(a.root, b.root) && equalBytes(a.input, b.input);

/** Joins the rows of a pass; zeros for an order that has failed. */
function joinRows(
  { groups, tokens }: ChainPass,
  own: ReadonlyMap<SegmentGroup, Float32Array>,
  embeddingSize: number,
): Float32Array {
  const rows = new Float32Array(tokens.length * embeddingSize);
  let at = 0;
  for (const group of groups) {
    rows.set(own.get(group) ?? [], at);
    at += group.rows * embeddingSize;
  }
  return rows;
}

function readRoot(encoded: Uint8Array): BoundaryRoot | undefined {
  try {
    return parseBoundaryRoot(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
