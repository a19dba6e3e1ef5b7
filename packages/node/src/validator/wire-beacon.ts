import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type BeaconDriver, createBeaconDriver } from './beacon/beacon-driver.ts';
import { toPeer, type ValidatorState } from './validator-state.ts';

const BEACON_TIMEOUT_MS = 2_000;

/** Connects the beacon with the chain's validators. @param onCertified called after each certified epoch. */
export function wireBeacon(state: ValidatorState, onCertified: () => void): BeaconDriver {
  const { options, crypto, signer, clock, archive, group, chain, vrfSeed, peerLinks, metrics, awake, log } = state;
  return createBeaconDriver(
    { network: chain.network, epochMs: options.epochMs },
    {
      crypto,
      signer,
      clock,
      archive,
      group,
      proveVrf: (input) => proveVrf(vrfSeed, input),
      validators: chain.validators,
      async send(to, message) {
        const peer = chain.findByAddress(to);
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
