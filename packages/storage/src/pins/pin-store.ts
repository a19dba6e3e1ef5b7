import { existsSync, readFileSync } from 'node:fs';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';

/** Offers that wait for a review at most. Later ones are left out: strangers can open any number. */
const MAX_OFFERS = 1_000;

const number = z.string().regex(/^\d{1,20}$/);
const recordsSchema = z.strictObject({
  /** The first block whose offers have not been read. */
  nextBlock: number,
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
}

/** Offers and pins of a provider. Each change is on the disk when the call returns. */
export interface PinStore {
  readonly nextBlock: () => bigint;
  readonly offers: () => readonly WaitingOffer[];
  readonly kept: () => readonly KeptPin[];
  /** Adds offers of the blocks before `nextBlock`. Known ones and those above the limit are left out. */
  addOffers(offers: readonly Pick<WaitingOffer, 'pin' | 'place'>[], nextBlock: bigint): void;
  /** Replaces the offer of that pin. */
  updateOffer(offer: WaitingOffer): void;
  dropOffer(pin: bigint): void;
  keep(pin: KeptPin): void;
  drop(pin: bigint): void;
}

/** Opens the store in a file. @throws if the file is damaged: deleting it makes the daemon read the chain again. */
export function openPinStore(path: string, firstBlock: bigint): PinStore {
  let { nextBlock, offers, kept } = readRecords(path, firstBlock);
  const write = (): void =>
    writePrivateFile(
      path,
      JSON.stringify({ nextBlock, offers, kept }, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    );
  return {
    nextBlock: () => nextBlock,
    offers: () => offers,
    kept: () => kept,
    addOffers(found, next) {
      const known = new Set([...offers, ...kept].map(({ pin }) => pin));
      const fresh = found
        .filter(({ pin }) => !known.has(pin))
        .map(({ pin, place }) => ({ pin, place, failures: 0, isFetched: false }));
      offers = [...offers, ...fresh].slice(0, MAX_OFFERS);
      nextBlock = next;
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
    drop(pin) {
      kept = kept.filter((one) => one.pin !== pin);
      write();
    },
  };
}

interface PinRecords {
  nextBlock: bigint;
  offers: readonly WaitingOffer[];
  kept: readonly KeptPin[];
}

function readRecords(path: string, firstBlock: bigint): PinRecords {
  if (!existsSync(path)) return { nextBlock: firstBlock, offers: [], kept: [] };
  const { nextBlock, offers, kept } = recordsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const withNumber = <T extends { readonly pin: string }>(one: T) => ({ ...one, pin: BigInt(one.pin) });
  return { nextBlock: BigInt(nextBlock), offers: offers.map(withNumber), kept: kept.map(withNumber) };
}
