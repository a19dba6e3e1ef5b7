import type { ChainPass, SegmentGroup } from '@ogong/engine/interface/segment';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import {
  encodeBoundaryPass,
  type PassReceiver,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import type { ChainOrder } from './chain-order.ts';
import { type ChainState, enterLane, failAt, type Part, type ShardLane } from './chain-state.ts';
import type { PartAnswer } from './shard.ts';
import { ShardFailure } from './shard-failure.ts';

/** One order of a pass. */
export interface PassGroup {
  readonly group: SegmentGroup;
  readonly order: ChainOrder;
}

/** One order of a pass on its way, with the rows of the last shard so far. */
interface Carried extends PassGroup {
  readonly part: Part;
  readonly values?: Float32Array;
}

/** Signs the tokens of a pass, and carries it from shard to shard. @returns the rows of the last one, by group. */
export async function carryPass(
  state: ChainState,
  pass: ChainPass,
  asked: readonly PassGroup[],
): Promise<ReadonlyMap<SegmentGroup, Float32Array>> {
  const signed = signTokens(pass, asked);
  const turns = signed.map(({ order }) => order.tokens.kept.nextTurn);
  const carried = await state.lanes.reduce(
    (sent, lane) => enterLane(lane, async () => runAt(state, lane, pass.kind, await sent)),
    Promise.resolve<readonly Carried[]>(signed),
  );
  signed.forEach(({ order }, i) => {
    order.completedTurns = Math.max(order.completedTurns, turns[i] as number);
  });
  return new Map(carried.map(({ group, values }) => [group, values ?? new Float32Array()]));
}

function signTokens({ kind, tokens }: ChainPass, asked: readonly PassGroup[]): Carried[] {
  let at = 0;
  return asked.flatMap(({ group, order }): Carried[] => {
    const { position, rows } = group;
    const own = tokens.subarray(at, at + rows);
    at += rows;
    if (order.failure.signal.aborted) return [];
    const pass = encodeBoundaryPass(order.tokens.send(kind, position, own));
    return [{ group, order, part: { orderHash: order.given.order.orderHash, pass } }];
  });
}

/** Accepts the rows of a shard. A reply whose part it refuses fails, and no other. @returns the parts for the next shard. */
function accept(
  state: ChainState,
  { place, kind }: { readonly place: number; readonly kind: ChainPass['kind'] },
  sent: readonly Carried[],
  answer: readonly PartAnswer[],
): Carried[] {
  const fail = (reason: string) => failAt(state, place, reason);
  if (answer.length !== sent.length) throw fail(`answered ${answer.length} of ${sent.length} orders`);
  const refused = answer.filter(({ result }) => result.case !== 'pass');
  // It is no fault of one order if none is served.
  if (state.options.replace !== undefined && refused.length === answer.length)
    throw fail(`did not run a pass: ${refused[0]?.result.value ?? 'it gives no reason'}`);
  return sent.flatMap(({ group, order }, i): Carried[] => {
    const { orderHash, result } = answer[i] as PartAnswer;
    if (toHex(orderHash) !== group.passKey) throw fail('answered another order');
    if (result.case !== 'pass') {
      order.failure.abort(fail(`did not run a pass: ${result.value ?? 'it gives no reason'}`));
      return [];
    }
    const pass = readPass(state, place, result.value);
    const { head } = pass;
    if (head.kind !== kind || head.position !== group.position || head.rows !== group.rows)
      throw fail('answered another pass');
    const accepted = (order.received[place] as PassReceiver<Float32Array>).accept(pass);
    if (!accepted.ok) throw fail(`sent rows that are refused, ${accepted.reason}: ${accepted.detail}`);
    return [{ group, order, part: { orderHash, pass: result.value }, values: accepted.values }];
  });
}

async function runAt(
  state: ChainState,
  lane: ShardLane,
  kind: ChainPass['kind'],
  sent: readonly Carried[],
): Promise<readonly Carried[]> {
  if (sent.length === 0) return [];
  if (lane.failure !== undefined) throw lane.failure;
  try {
    const answer = await lane.calls.run(sent.map(({ part }) => part)).catch((cause: Error) => {
      throw failAt(state, lane.place, `did not run a pass: ${cause.message}`, cause);
    });
    return accept(state, { place: lane.place, kind }, sent, answer);
  } catch (error) {
    if (state.options.replace !== undefined && error instanceof ShardFailure) lane.failure = error;
    throw error;
  }
}

function readPass(state: ChainState, place: number, encoded: Uint8Array) {
  try {
    return parseBoundaryPass(encoded);
  } catch (cause) {
    throw cause instanceof ProtocolError ? failAt(state, place, `sent no pass: ${cause.message}`, cause) : cause;
  }
}
