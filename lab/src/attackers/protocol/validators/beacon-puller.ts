import { equalBytes } from '@ogong/protocol/base/bytes';
import { type BeaconContribution, encodeVrfInput } from '@ogong/protocol/beacon/beacon';
import type { BeaconAction } from '@ogong/protocol/beacon/beacon-state';
import {
  type BeaconKeys,
  type BeaconParty,
  type BeaconTiming,
  beaconNetwork,
  createBeaconNetwork,
  hashSet,
} from '@ogong/testing/protocol/beacon-network';
import { defineAttack } from '../define-attack.ts';

/**
 * Claims to be in the next view that it proposes in, again and again, and signs nothing. It hands in contributions, so that
 * the others count on it, and asks for theirs.
 */
export function createBeaconPuller({ signer, validators, proveVrf }: BeaconKeys): BeaconParty {
  let epoch = 1n;
  let view = 0;
  let previous: Uint8Array | undefined;
  const set = hashSet(validators);
  const own = validators.findIndex(({ address }) => equalBytes(address, signer.address));
  const isOwn = (at: number): boolean => Number((epoch + BigInt(at)) % BigInt(validators.length)) === own;
  return {
    tick() {
      const start = previous;
      if (start === undefined) return [];
      do view++;
      while (!isOwn(view));
      const proof: BeaconContribution['proof'] = proveVrf(
        encodeVrfInput(beaconNetwork, { epoch, previous: start, set, validator: signer.address }),
      );
      return validators
        .filter(({ address }) => !equalBytes(address, signer.address))
        .flatMap(({ address: to }): BeaconAction[] => [
          { kind: 'send', to, message: { kind: 'view', epoch, view, previous: start, set } },
          { kind: 'send', to, message: { kind: 'contribution', epoch, view, proof, lock: undefined } },
        ]);
    },
    receive(_from, message) {
      if (message.kind === 'certificate' && message.epoch >= epoch) {
        epoch = message.epoch + 1n;
        previous = message.certificate.value;
        view = 0;
      } else if (message.kind === 'view' && message.epoch >= epoch) {
        epoch = message.epoch;
        previous = message.previous;
        view = Math.max(view, message.view);
      }
      return [];
    },
  };
}

const LIAR = 2;
/** Parts that the time is cut into by breaks. */
const BREAKS = 6;
/** As the driver sets them for epochs of a minute. */
const TIMING: BeaconTiming = { epochMs: 60_000, viewTimeoutMs: 15_000, gatherMs: 500, resendMs: 2_000 };

/** The epochs of an attacked beacon may lag behind those with a silent validator by so many. */
const BEACON_SLACK = 2;

/** One of four validators tries to halt the beacon for a time. */
export const beaconPuller = defineAttack({
  name: 'beacon-puller',
  adversary: 'proposer of a beacon',
  aim: 'halt the beacon: pull everybody from one of its own views to the next, and sign nothing',
  stoppedBy: "A view changes only by a validator's own timeout, or if more than a third of the stake is further",
  restarts: ['validator'],
  play({ hours }: { readonly hours: number }, breaks) {
    const count = (liar?: (keys: BeaconKeys) => BeaconParty): number => {
      const net = createBeaconNetwork({ timing: TIMING, beatMs: 500, liars: liar ? { [LIAR]: liar } : {} });
      const remove = breaks.add('validator', () => [0, 1, 3].forEach(net.restart));
      for (let i = 1; i < BREAKS; i++) net.schedule((i / BREAKS) * hours * 3_600_000, () => void breaks.take());
      net.runUntil(hours * 3_600_000);
      remove();
      return Math.min(...net.latestEpochs().map(Number));
    };
    return {
      honest: count(),
      oneSilent: count(() => ({ tick: () => [], receive: () => [] })),
      attacked: count(createBeaconPuller),
    };
  },
  async stage({ play }) {
    const { honest, oneSilent, attacked } = play({ hours: 1 });
    return {
      tried: 'asked everybody, for an hour, to go on to a view that it proposes in, and signed nothing',
      answered: [
        `${attacked} epochs of a minute are certified`,
        `${oneSilent} are if it only stays silent, ${honest} if it is honest`,
      ],
      worked: attacked < oneSilent - BEACON_SLACK || oneSilent <= 53 || honest <= 57,
    };
  },
});
