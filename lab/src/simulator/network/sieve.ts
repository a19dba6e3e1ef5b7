import { fromBinary } from '@bufbuild/protobuf';
import { type BeaconMessage, parseBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { BeaconEnvelopeSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createDraws } from '../world/draws.ts';
import type { SimulatedNetwork } from './network.ts';

/** Messages of validators about an epoch. */
export const AGREEING = /\/DeliverBeacon$/;

/** Certificates are lost this many times as often as other messages, so that one validator alone may hold a certificate. */
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
 * Loses messages by kind: from one validator to another, in one view, all of a kind or none. A protocol with retries survives random
 * loss. This loss lasts for a whole view, so a few validators may hold messages that the others never receive.
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
