import type { ChainClient } from '@ogong/chain/client';
import { Refusal } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { readBondRoom } from './settlement/read-bond-room.ts';
import { sumOpen } from './store/channel-store.ts';

/** How old a reading may be before it is renewed beside the orders that come, and before one that refuses an order is renewed first. */
const READING_MS = 10_000;
const REFUSING_MS = 2_000;

/** Whether the bonds of the network carry what this validator admits. */
export interface BondRoom {
  /** What cannot be settled is not begun. @throws Refusal */
  check(maxFeeAtomic: bigint): Promise<void>;
  /** An order that was admitted. One that is refused after all takes no room. */
  count(maxFeeAtomic: bigint): void;
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

/**
 * The contract refuses a batch after which more than half of its signers' bonds is on its way to providers. So an order is admitted only
 * where all that is open here fits under it; what other validators have open is seen once it settles. While the chain does not answer, orders
 * are admitted by what it said last: no order is lost, it settles later.
 */
export function createBondRoom({ store, clock, client, validators, onError }: BondRoomDependencies): BondRoom {
  let reading: RoomReading = { atMs: Number.NEGATIVE_INFINITY, roomAtomic: undefined, openAtomic: 0n };
  let since = 0n;
  let running: Promise<void> | undefined;
  const renew = (): Promise<void> => {
    running ??= (async () => {
      const room = await readBondRoom(await client(), validators());
      reading = { atMs: clock.nowMs(), roomAtomic: room, openAtomic: store.read(() => sumOpen(store)) };
      since = 0n;
    })()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const isAbove = (maxFeeAtomic: bigint): boolean =>
    reading.roomAtomic !== undefined && reading.openAtomic + since + maxFeeAtomic > reading.roomAtomic;
  return {
    async check(maxFeeAtomic) {
      const ageMs = clock.nowMs() - reading.atMs;
      if (ageMs > READING_MS) void renew();
      if (isAbove(maxFeeAtomic) && ageMs > REFUSING_MS) await renew();
      if (isAbove(maxFeeAtomic)) {
        throw new Refusal(
          'unavailable',
          'the bonds of the validators carry no more fees until earlier ones have vested',
        );
      }
    },
    count(maxFeeAtomic) {
      since += maxFeeAtomic;
    },
  };
}
