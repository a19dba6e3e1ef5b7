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

/** Age at which a reading is renewed in the background, or, before it refuses an order, at once. */
const READING_MS = 10_000;
const REFUSING_MS = 2_000;
/** Divisor of the room: unanswered orders of one payer, or of one provider, take one such part at most. */
const PARTS = 8n;
/**
 * Divisor of the room for unpaid credit: the unanswered amounts of all payers beyond their past payments here take one
 * such part at most.
 */
const CREDIT_PARTS = 2n;

type OpenOrder = Pick<NamedOrder, 'payer' | 'providerId' | 'maxFeeAtomic'>;
type BoundedOrder = OpenOrder & Pick<NamedOrder, 'orderHash'>;

/** Tells whether the bonds of the network cover the orders that this validator admits. */
export interface BondRoom {
  /**
   * Takes room for an order, so that no order begins that cannot be settled. An order takes its room before it is
   * written, since others are checked meanwhile. The same order takes it once.
   * @returns a function to call once with the result of the write. An order that was not stored takes no room. @throws
   * Refusal
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
  /** Undefined if there is no limit. */
  readonly roomAtomic: bigint | undefined;
  /** Fees that were open at the reading. Orders without a record count with their maximum fee. */
  readonly openAtomic: bigint;
}

const namesOf = ({ payer, providerId }: OpenOrder): readonly string[] => [
  `payer ${toHex(payer)}`,
  `provider ${toHex(providerId)}`,
];

/**
 * Bounds the fees that this validator admits by the bonds of the network. The contract refuses a batch after which more
 * than half of its signers' bonds would be on its way to providers. So an order is admitted only if all open fees here
 * fit under that limit. Open fees of other validators count once they settle. Unanswered orders cost nothing yet. So
 * those of one payer, and of one provider, take a part of the room at most. Keys are free, so another limit holds for
 * all payers together. Their unanswered amounts beyond their past payments here take half of the room at most. Payers
 * with past payments use the other half. No order is admitted before the chain has answered once. While it does not
 * answer later, orders are admitted by the last reading: no order is lost, it settles later.
 */
export function createBondRoom({ store, clock, client, validators, onError }: BondRoomDependencies): BondRoom {
  let reading: RoomReading | undefined;
  let since = 0n;
  /** Unanswered amounts by payer and provider. */
  let unanswered = new Map<string, bigint>();
  /** The part of it beyond the past payments of its payers here. */
  let unpaid = 0n;
  /** Returns the amount that an order adds to it. */
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
  /** Orders that are being written, by their hash, with the number of writes. */
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
      // Some of them may be in the database already. Until the next reading they count twice, which is safer than not
      // at all.
      for (const { order } of writing.values()) take(order);
    })()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const findProblem = (order: BoundedOrder): string | undefined => {
    if (reading === undefined) return 'the bonds of the validators cannot be read yet';
    const { roomAtomic: room, openAtomic } = reading;
    if (room === undefined) return undefined;
    if (openAtomic + since + order.maxFeeAtomic > room)
      return 'the bonds of the validators cover no more fees until earlier ones have vested';
    const full = namesOf(order).find((name) => ((unanswered.get(name) ?? 0n) + order.maxFeeAtomic) * PARTS > room);
    if (full) return `unanswered orders of ${full} use their whole part of the limit that the bonds cover`;
    const beyond = unpaidBy(order);
    return beyond > 0n && (unpaid + beyond) * CREDIT_PARTS > room
      ? 'unanswered orders of payers with few past payments use their whole part of the limit that the bonds cover'
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
      // From here on there is no wait, so that no two orders take the same room.
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
