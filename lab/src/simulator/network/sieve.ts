import { fromBinary } from '@bufbuild/protobuf';
import { type BeaconMessage, parseBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { BeaconEnvelopeSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createDraws } from '../world/draws.ts';
import type { SimulatedNetwork } from './network.ts';

/** What validators say to each other about an epoch. */
export const AGREEING = /\/DeliverBeacon$/;

/** Certificates are lost so many times as often as what leads to them: who has one is then alone with it. */
const OTHERS = 8;

/** @returns undefined for what is none. */
export function readBeaconMessage(bytes: Uint8Array): BeaconMessage | undefined {
  try {
    return parseBeaconMessage(fromBinary(BeaconEnvelopeSchema, bytes).message);
  } catch {
    return undefined;
  }
}

/**
 * Loses messages by what they are: of one validator to another, in one view, all of a kind or none. Plain loss spares a protocol that
 * repeats itself; this one lasts as long as the view, so a few may hold what the others never hear of.
 */
export function createSieve(seed: number, share: number): NonNullable<SimulatedNetwork['loses']> {
  const draws = createDraws(seed ^ 0x73696576);
  return ({ from, to, method, bytes }) => {
    if (!AGREEING.test(method)) return false;
    const message = readBeaconMessage(bytes);
    if (message === undefined) return false;
    const { kind, epoch } = message;
    const part = kind === 'vote' ? message.phase : '';
    // A certificate belongs to no view.
    const view = 'view' in message ? message.view : 0;
    return (
      draws.at(`${from} ${to} ${epoch} ${view} ${kind} ${part}`) < (kind === 'certificate' ? share : share / OTHERS)
    );
  };
}
