import type { SegmentGroup } from '@ogong/engine/interface/segment';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import { agreeOrder, showAdmission } from './chain-agreement.ts';
import { type ChainOrder, createRowReceiver, findOtherRows, noteBefore, planReplay } from './chain-order.ts';
import { carryPass } from './chain-passes.ts';
import { type ChainState, type CohortChainOptions, failAt, type Replacement, type ShardLane } from './chain-state.ts';
import { ShardFailure } from './shard-failure.ts';

type Replace = NonNullable<CohortChainOptions['replace']>;

/** The most shards that are replaced one after the other, before a pass fails. */
const MAX_REPLACEMENTS = 3;

/** Replaces shards that fail. One recovery runs at a time, and all other calls of the chain wait for it. */
export interface Recovery {
  /** Makes a call, once no recovery runs. The next recovery waits for its end. */
  call<T>(work: () => Promise<T>): Promise<T>;
  /** Replaces the shard, and has all open orders computed again up to where they were. @throws ShardFailure if it cannot. */
  recover(failure: ShardFailure, replace: Replace): Promise<void>;
}

export function createRecovery(state: ChainState): Recovery {
  const flying = new Set<Promise<unknown>>();
  let running: Promise<void> | undefined;

  async function replaceShards(first: ShardFailure, replace: Replace): Promise<void> {
    let failure: ShardFailure | undefined = first;
    for (let count = 0; failure !== undefined; count++) {
      await Promise.allSettled(flying);
      const replacement = count < MAX_REPLACEMENTS ? await replace(failure.place, failure) : undefined;
      if (replacement === undefined || !install(state, failure.place, replacement)) throw failure;
      failure = await resumeAll(state, failure.place);
    }
  }

  return {
    async call(work) {
      // Nothing may come between this check and the call.
      while (running !== undefined) await running.catch(() => undefined);
      const done = work();
      flying.add(done);
      try {
        return await done;
      } finally {
        flying.delete(done);
      }
    },
    recover(failure, replace) {
      running ??= replaceShards(failure, replace).finally(() => {
        running = undefined;
        for (const lane of state.lanes) lane.failure = undefined;
      });
      return running;
    },
  };
}

/** Puts a provider in the place of a shard. The leader's part of the price makes up for the difference. @returns whether it fits. */
function install({ members, lanes, orders }: ChainState, place: number, { member, calls }: Replacement): boolean {
  const leader = members.length - 1;
  const lane = lanes[place] as ShardLane;
  const [lost, own] = [members[place] as CohortMember, members[leader] as CohortMember];
  const pricePer1kAtomic = own.pricePer1kAtomic + lost.pricePer1kAtomic - member.pricePer1kAtomic;
  const isAlike = (['firstLayer', 'layers', 'numericClass'] as const).every((field) => member[field] === lost[field]);
  if (!isAlike || pricePer1kAtomic < 0n) return false;
  for (const { given } of orders.values()) void lane.calls.close(given.order.orderHash).catch(() => undefined);
  members[place] = member;
  members[leader] = { ...own, pricePer1kAtomic };
  lane.calls = calls;
  lane.failure = undefined;
  return true;
}

/** @returns the failure of another shard, if there is one. An order that cannot go on fails by itself. */
async function resumeAll(state: ChainState, place: number): Promise<ShardFailure | undefined> {
  for (const [passKey, order] of state.orders) {
    if (order.failure.signal.aborted) continue;
    try {
      await resume(state, { place, passKey, order });
    } catch (error) {
      if (error instanceof ShardFailure) return error;
      order.failure.abort(error);
    }
  }
  return undefined;
}

/** Agrees to the order with the members of now, and computes its rows again. @throws ShardFailure if a shard does not run a pass. */
async function resume(
  state: ChainState,
  { place, passKey, order }: { readonly place: number; readonly passKey: string; readonly order: ChainOrder },
): Promise<void> {
  const { options, members, lanes } = state;
  const { given, admission } = order;
  noteBefore(order);
  order.received[place] = createRowReceiver(options.crypto, given, {
    ...{ member: members[place] as CohortMember, place, sizes: options },
  });
  try {
    await agreeOrder(state, order);
    const { orderHash } = given.order;
    if (admission !== undefined) await showAdmission(state, lanes[place] as ShardLane, { orderHash, admission });
  } catch (error) {
    // A shard may have no room for this order, and still serve others.
    order.failure.abort(error);
    return;
  }
  const passes = planReplay(order, passKey, options);
  const ends = await Promise.allSettled(
    passes.map((pass) => carryPass(state, pass, [{ group: pass.groups[0] as SegmentGroup, order }])),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const other = findOtherRows(order);
  if (other !== undefined) order.failure.abort(failAt(state, other, 'computed other rows than came before'));
}
