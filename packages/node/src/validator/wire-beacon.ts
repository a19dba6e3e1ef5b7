import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type BeaconDriver, createBeaconDriver } from './beacon/beacon-driver.ts';
import { createSetReadings } from './beacon/set-readings.ts';
import { toPeer, type ValidatorState } from './validator-state.ts';

const BEACON_TIMEOUT_MS = 2_000;
/** A set that a proposer names was listed within so many epochs. */
const FRESH_EPOCHS = 4;

/** Connects the beacon with the chain's validators. @param onCertified called after each certified epoch. */
export function wireBeacon(state: ValidatorState, onCertified: () => void): BeaconDriver {
  const { options, crypto, signer, clock, archive, group, chain, vrfSeed, peerLinks, metrics, awake, log } = state;
  const sets = createSetReadings(
    { network: chain.network, freshMs: FRESH_EPOCHS * options.epochMs },
    {
      crypto,
      clock,
      listing: chain.listing,
      listingAt: chain.listingAt,
      findKept: archive.findSet,
      keep(set, members) {
        const kept = group.write((db) => archive.putSet(db, set, members));
        void kept.catch((err: unknown) => log.error({ err }, 'a set of validators could not be kept'));
      },
    },
  );
  return createBeaconDriver(
    { network: chain.network, epochMs: options.epochMs },
    {
      crypto,
      signer,
      clock,
      archive,
      group,
      proveVrf: (input) => proveVrf(vrfSeed, input),
      sets,
      async send(to, message) {
        const peer = chain.recallByAddress(to);
        if (peer === undefined) return;
        const link = peerLinks.to(ValidatorService, toPeer(options, peer));
        await link.deliverBeacon({ message }, { timeoutMs: BEACON_TIMEOUT_MS });
      },
      onCertified(epoch) {
        state.certifiedMs = awake.nowMs();
        metrics.epoch.set(Number(epoch));
        log.debug({ epoch: Number(epoch) }, 'beacon certified');
        onCertified();
      },
      onUndelivered: (err) => log.debug({ err }, 'beacon message not delivered'),
      onError: (err) => log.error({ err }, 'no part in the beacon until votes can be written'),
    },
  );
}
