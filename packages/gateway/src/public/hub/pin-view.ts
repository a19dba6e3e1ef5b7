import type { Pin } from '@ogong/chain/registry/pins';
import type { Clock } from '@ogong/host/time/clock';
import { createMemo } from '../../front/memo.ts';
import { createTurns } from './turns.ts';

/** The newest pins, among which those of a model are found. */
const MAX_LOOKED_AT = 1_024;
/** The most pins in one answer. */
const MAX_SHOWN = 64;
const MAX_CALLS = 16;
const FRESH_MS = 15_000;

/** The part of a chain client that reads pins. */
export interface PinLookups {
  pinCount(): Promise<bigint>;
  pinOf(pin: bigint): Promise<Pin>;
  missedEpochsOf(pin: bigint): Promise<number>;
}

export interface ShownPin extends Pin {
  /** Missed epochs whose fee has not gone back. */
  readonly missed: number;
}

/** Pins of blobs as last read, at most 15 seconds ago. */
export interface PinView {
  /** Finds the newest pins of some blobs. @param blobs 64 hex digits each. @throws ChainError */
  pinsOf(blobs: ReadonlySet<string>): Promise<readonly ShownPin[]>;
}

export function createPinView(client: () => Promise<PinLookups>, clock: Clock): PinView {
  const inTurn = createTurns(MAX_CALLS);
  /** Blob of each pin that was looked at, by its number. A pin never changes its blob. */
  const blobs = new Map<bigint, string>();
  const looks = createMemo<void>({ capacity: 1, lifetimeMs: () => FRESH_MS }, clock);
  const pins = createMemo<ShownPin>({ capacity: MAX_LOOKED_AT, lifetimeMs: () => FRESH_MS }, clock);

  async function lookAtNewest(): Promise<void> {
    const chain = await client();
    const count = await chain.pinCount();
    const first = count > BigInt(MAX_LOOKED_AT) ? count - BigInt(MAX_LOOKED_AT) : 0n;
    const unknown: bigint[] = [];
    for (let pin = first; pin < count; pin++) if (!blobs.has(pin)) unknown.push(pin);
    await Promise.all(
      unknown.map((pin) =>
        inTurn(async () => {
          blobs.set(pin, (await chain.pinOf(pin)).blob.replace(/^0x/, ''));
        }),
      ),
    );
    for (const pin of blobs.keys()) if (pin < first) blobs.delete(pin);
  }

  return {
    async pinsOf(wanted) {
      await looks('', lookAtNewest);
      const found = [...blobs].filter(([, blob]) => wanted.has(blob)).map(([pin]) => pin);
      const newest = found.sort((a, b) => Number(b - a)).slice(0, MAX_SHOWN);
      return Promise.all(
        newest.map((pin) =>
          pins(`${pin}`, () =>
            inTurn(async () => {
              const chain = await client();
              const [one, missed] = await Promise.all([chain.pinOf(pin), chain.missedEpochsOf(pin)]);
              return { ...one, missed };
            }),
          ),
        ),
      );
    },
  };
}
