import type { ChainClient } from '@ogong/chain/client';
import { Refusal } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { readBondRoom } from '../settlement/read-bond-room.ts';
import { readChannel, sumOpen } from '../store/channel-store.ts';
import { listUnanswered } from '../store/replies/reply-store.ts';

/** How old a reading may be before it is renewed beside the orders that come, and before one that refuses an order is renewed first. */
const READING_MS = 10_000;
const REFUSING_MS = 2_000;
/** One part in so many of the room is the most that unanswered orders of one payer, or of one provider, take. */
const PARTS = 8n;
/** One part in so many is the most that payers take together with what they have unanswered beyond all that they ever paid here. */
const CREDIT_PARTS = 2n;

type OpenOrder = Pick<NamedOrder, 'payer' | 'providerId' | 'maxFeeAtomic'>;
type BoundedOrder = OpenOrder & Pick<NamedOrder, 'orderHash'>;

/** Whether the bonds of the network carry what this validator admits. */
export interface BondRoom {
  /**
   * What cannot be settled is not begun. An order takes its room before it is written, since others are checked meanwhile; the same
   * order takes it once, however often it comes.
   * @returns to be called once: whether the order was stored by this. One that was not takes no room. @throws Refusal
   */
  reserve(order: BoundedOrder): Promise<(isStored: boolean) => void>;
}

export interface BondRoomDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly client: () => Promise<Pick<ChainClient, 'unvested' | 'votesOf'>>;
  readonly validators: () => readonly Pick<QuorumMember, 'address'>[];
  readonly onError: (error: unknown) => void;
}

interface RoomReading {
  readonly atMs: number;
  /** Undefined where nothing bounds it. */
  readonly roomAtomic: bigint | undefined;
  /** Fees that were open then, orders without a record by the most that they may cost. */
  readonly openAtomic: bigint;
}

const namesOf = ({ payer, providerId }: OpenOrder): readonly string[] => [
  `payer ${toHex(payer)}`,
  `provider ${toHex(providerId)}`,
];

/**
 * The contract refuses a batch after which more than half of its signers' bonds is on its way to providers. So an order is admitted only
 * where all that is open here fits under it; what other validators have open is seen once it settles. Orders that nobody has answered cost
 * nobody anything yet, so those of one payer, and of one provider, take a part of it at most. Keys are free, so that alone would not do: what
 * payers have unanswered beyond what they have paid here takes half at most, all of them together, and who has paid goes on in the other half. Nothing is admitted before the chain has
 * answered once. While it does not answer later, orders are admitted by what it said last: no order is lost, it settles later.
 */
export function createBondRoom({ store, clock, client, validators, onError }: BondRoomDependencies): BondRoom {
  let reading: RoomReading | undefined;
  let since = 0n;
  /** What payers and providers have unanswered. */
  let unanswered = new Map<string, bigint>();
  /** Of it, what is beyond all that its payers have paid here. */
  let unpaid = 0n;
  /** What an order adds to that. */
  const unpaidBy = ({ payer, maxFeeAtomic }: OpenOrder): bigint => {
    const before =
      (unanswered.get(`payer ${toHex(payer)}`) ?? 0n) - store.read(() => readChannel(store, payer)).settled;
    const more = before + maxFeeAtomic;
    return more <= 0n ? 0n : before <= 0n ? more : maxFeeAtomic;
  };
  const add = (order: OpenOrder): void => {
    unpaid += unpaidBy(order);
    for (const name of namesOf(order)) unanswered.set(name, (unanswered.get(name) ?? 0n) + order.maxFeeAtomic);
  };
  const takeBack = (order: BoundedOrder): void => {
    since -= order.maxFeeAtomic;
    for (const name of namesOf(order)) unanswered.set(name, (unanswered.get(name) ?? 0n) - order.maxFeeAtomic);
    unpaid -= unpaidBy(order);
  };
  const take = (order: BoundedOrder): void => {
    since += order.maxFeeAtomic;
    add(order);
  };
  /** Orders that are being written, by their hash, and how often each. */
  const writing = new Map<string, { readonly order: BoundedOrder; times: number; isStored: boolean }>();
  let running: Promise<void> | undefined;
  const renew = (): Promise<void> => {
    running ??= (async () => {
      const room = await readBondRoom(await client(), validators());
      const { open, orders } = store.read(() => ({ open: sumOpen(store), orders: listUnanswered(store) }));
      reading = { atMs: clock.nowMs(), roomAtomic: room, openAtomic: open };
      since = 0n;
      unanswered = new Map();
      unpaid = 0n;
      for (const order of orders) add(order);
      // Some of them may be in the database already. They count twice until the next reading, rather than not at all.
      for (const { order } of writing.values()) take(order);
    })()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const findProblem = (order: BoundedOrder): string | undefined => {
    if (reading === undefined) return 'what the bonds of the validators carry cannot be read yet';
    const { roomAtomic: room, openAtomic } = reading;
    if (room === undefined) return undefined;
    if (openAtomic + since + order.maxFeeAtomic > room)
      return 'the bonds of the validators carry no more fees until earlier ones have vested';
    const full = namesOf(order).find((name) => ((unanswered.get(name) ?? 0n) + order.maxFeeAtomic) * PARTS > room);
    if (full) return `orders of ${full} that nobody has answered take all that they may of what the bonds carry`;
    const beyond = unpaidBy(order);
    return beyond > 0n && (unpaid + beyond) * CREDIT_PARTS > room
      ? 'orders that nobody has answered, of payers that have paid less here, take all that they may of what the bonds carry'
      : undefined;
  };
  const check = async (order: BoundedOrder): Promise<void> => {
    const ageMs = reading === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() - reading.atMs;
    if (reading === undefined) await renew();
    else if (ageMs > READING_MS) void renew();
    if (findProblem(order) !== undefined && ageMs > REFUSING_MS) await renew();
  };
  return {
    async reserve(order) {
      const name = toHex(order.orderHash);
      if (!writing.has(name)) await check(order);
      // From here on nothing is waited for, so that no two orders take the same room.
      const entry = writing.get(name) ?? { order, times: 0, isStored: false };
      if (entry.times++ === 0) {
        const problem = findProblem(order);
        if (problem !== undefined) throw new Refusal('unavailable', problem);
        take(order);
        writing.set(name, entry);
      }
      return (isStored) => {
        entry.isStored ||= isStored;
        if (--entry.times > 0) return;
        writing.delete(name);
        if (!entry.isStored) takeBack(order);
      };
    },
  };
}
