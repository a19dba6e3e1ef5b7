import type { ChainClient } from '@ogong/chain/client';
import type { BytesLike, Hex } from '@ogong/chain/hex';
import type { Pin } from '@ogong/chain/registry/pins';

/** Calls to the chain at one time. */
const CALLS = 16;
/** Without a payer, pins of a model are found among the newest ones. */
const NEWEST = 1_024n;

/** A pin with the number that only the contract counts. */
export interface CountedPin {
  readonly pin: Pin;
  /** Missed epochs whose fee has not gone back. */
  readonly missed: number;
}

export type PinReads = Pick<ChainClient, 'listPins' | 'missedEpochsOf' | 'pinCount' | 'pinOf'>;

/** Names the state of a pin. */
export function describePinState({ pin, missed }: CountedPin): 'cancelled' | 'offered' | 'over' | 'accepted' {
  if (pin.epochs === 0) return 'cancelled';
  if (pin.start === undefined) return 'offered';
  return pin.proven + pin.returned + missed === pin.epochs ? 'over' : 'accepted';
}

/** Returns whether epochs of a pin are still to come, or its provider can still accept it. */
export function isRunning(shown: CountedPin): boolean {
  const state = describePinState(shown);
  return state === 'offered' || state === 'accepted';
}

/** Reads pins by their numbers. */
export async function readPins(client: PinReads, numbers: readonly bigint[]): Promise<readonly CountedPin[]> {
  const pins = await inTurns(numbers, (pin) => client.pinOf(pin));
  return addMissed(client, pins);
}

/**
 * Finds pins of some blobs, in the order of their numbers.
 * @param blobs ids, `0x` and 64 hex digits.
 * @param payer the account that opened them. Absent: any account, among the newest 1,024 pins of the network.
 */
export async function findPinsOf(
  client: PinReads,
  blobs: ReadonlySet<Hex>,
  payer?: BytesLike,
): Promise<readonly CountedPin[]> {
  const numbers =
    payer === undefined
      ? listNewest(await client.pinCount())
      : (await client.listPins({ payer })).map(({ pin }) => pin);
  const pins = await inTurns(numbers, (pin) => client.pinOf(pin));
  return addMissed(
    client,
    pins.filter(({ blob }) => blobs.has(blob)),
  );
}

const addMissed = (client: PinReads, pins: readonly Pin[]): Promise<readonly CountedPin[]> =>
  inTurns(pins, async (pin) => ({ pin, missed: await client.missedEpochsOf(pin.pin) }));

function listNewest(count: bigint): readonly bigint[] {
  const first = count > NEWEST ? count - NEWEST : 0n;
  return Array.from({ length: Number(count - first) }, (_, i) => first + BigInt(i));
}

async function inTurns<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += CALLS)
    results.push(...(await Promise.all(items.slice(from, from + CALLS).map(call))));
  return results;
}

/** Encodes a pin for JSON. Amounts and numbers of pins are text. */
export const encodePin = (shown: CountedPin) => {
  const { pin, feePerEpoch, start, ...rest } = shown.pin;
  return {
    ...{ pin: `${pin}`, ...rest, feePerEpoch: `${feePerEpoch}`, start: start === undefined ? null : Number(start) },
    ...{ missed: shown.missed, state: describePinState(shown) },
  };
};
