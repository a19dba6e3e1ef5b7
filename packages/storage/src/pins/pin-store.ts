import { existsSync, readFileSync } from 'node:fs';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';

/** Offers that wait for a review at most: strangers can open any number. Later ones are read from the chain when there is room. */
const MAX_OFFERS = 1_000;

const number = z.string().regex(/^\d{1,20}$/);
const recordsSchema = z.strictObject({
  /** The first block whose offers have not been read. */
  nextBlock: number,
  /** The first pin that has not been read. */
  nextPin: number.default('0'),
  /** Missed epochs of all pins so far. */
  missedEpochs: z.number().int().min(0).default(0),
  offers: z.array(
    z.strictObject({
      pin: number,
      place: z.string().max(256),
      failures: z.number().int().min(0),
      isFetched: z.boolean(),
    }),
  ),
  kept: z.array(
    z.strictObject({
      pin: number,
      blob: z.string().regex(/^[0-9a-f]{64}$/),
      sizeBytes: z.number().int().min(1),
      isFetched: z.boolean(),
      missed: z.number().int().min(0).default(0),
      manifest: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
    }),
  ),
});

/** An offer that waits for a review. */
export interface WaitingOffer {
  readonly pin: bigint;
  readonly place: string;
  /** Failed attempts to accept it. */
  readonly failures: number;
  /** The fetching of its blob has begun, so the blob goes if the offer does. */
  readonly isFetched: boolean;
}

/** An accepted pin that is not over. */
export interface KeptPin {
  readonly pin: bigint;
  /** Id of its blob. */
  readonly blob: string;
  readonly sizeBytes: number;
  /** The blob was fetched for a pin, so it goes when its last pin is over. */
  readonly isFetched: boolean;
  /** Its missed epochs so far. */
  readonly missed: number;
  /** Hash of the manifest that came for the pin. */
  readonly manifest?: string | undefined;
}

/** Offers and pins of a provider. Each change is on the disk when the call returns. */
export interface PinStore {
  readonly nextBlock: () => bigint;
  readonly offers: () => readonly WaitingOffer[];
  readonly kept: () => readonly KeptPin[];
  /** Returns the missed epochs of all pins so far, of those that are over too. */
  readonly missedEpochs: () => number;
  /** Returns whether another offer fits. */
  readonly hasRoom: () => boolean;
  /**
   * Adds offers of the blocks before `nextBlock`, in the order of their numbers. Known ones are left out. If some do not fit, the present
   * `nextBlock` stays, so that they are read again.
   */
  addOffers(offers: readonly Pick<WaitingOffer, 'pin' | 'place'>[], nextBlock: bigint): void;
  /** Replaces the offer of that pin. */
  updateOffer(offer: WaitingOffer): void;
  dropOffer(pin: bigint): void;
  keep(pin: KeptPin): void;
  /** Records the missed epochs of a pin. @returns how many of them are new. */
  recordMissed(pin: bigint, missed: number): number;
  drop(pin: bigint): void;
}

/** Opens the store in a file. @throws if the file is damaged: deleting it makes the daemon read the chain again. */
export function openPinStore(path: string, firstBlock: bigint): PinStore {
  let { nextBlock, nextPin, missedEpochs, offers, kept } = readRecords(path, firstBlock);
  const write = (): void =>
    writePrivateFile(
      path,
      JSON.stringify({ nextBlock, nextPin, missedEpochs, offers, kept }, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    );
  return {
    nextBlock: () => nextBlock,
    offers: () => offers,
    kept: () => kept,
    missedEpochs: () => missedEpochs,
    hasRoom: () => offers.length < MAX_OFFERS,
    addOffers(found, next) {
      const fresh = found.filter(({ pin }) => pin >= nextPin);
      const taken = fresh.slice(0, MAX_OFFERS - offers.length);
      offers = [...offers, ...taken.map(({ pin, place }) => ({ pin, place, failures: 0, isFetched: false }))];
      nextPin = (taken.at(-1)?.pin ?? nextPin - 1n) + 1n;
      if (taken.length === fresh.length) nextBlock = next;
      write();
    },
    updateOffer(offer) {
      offers = offers.map((one) => (one.pin === offer.pin ? offer : one));
      write();
    },
    dropOffer(pin) {
      offers = offers.filter((one) => one.pin !== pin);
      write();
    },
    keep(one) {
      offers = offers.filter(({ pin }) => pin !== one.pin);
      kept = [...kept.filter(({ pin }) => pin !== one.pin), one];
      write();
    },
    recordMissed(pin, missed) {
      const fresh = Math.max(0, missed - (kept.find((one) => one.pin === pin)?.missed ?? missed));
      if (fresh === 0) return 0;
      missedEpochs += fresh;
      kept = kept.map((one) => (one.pin === pin ? { ...one, missed } : one));
      write();
      return fresh;
    },
    drop(pin) {
      kept = kept.filter((one) => one.pin !== pin);
      write();
    },
  };
}

interface PinRecords {
  nextBlock: bigint;
  nextPin: bigint;
  missedEpochs: number;
  offers: readonly WaitingOffer[];
  kept: readonly KeptPin[];
}

function readRecords(path: string, firstBlock: bigint): PinRecords {
  if (!existsSync(path)) return { nextBlock: firstBlock, nextPin: 0n, missedEpochs: 0, offers: [], kept: [] };
  const { nextBlock, nextPin, missedEpochs, offers, kept } = recordsSchema.parse(
    JSON.parse(readFileSync(path, 'utf8')),
  );
  const withNumber = <T extends { readonly pin: string }>(one: T) => ({ ...one, pin: BigInt(one.pin) });
  const next = { nextBlock: BigInt(nextBlock), nextPin: BigInt(nextPin), missedEpochs };
  return { ...next, offers: offers.map(withNumber), kept: kept.map(withNumber) };
}
