import type { ChainView } from '@ogong/host/views/chain-view';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createBeaconDriver } from './beacon/beacon-driver.ts';
import { createEraStore } from './beacon/era-store.ts';
import { createSetReadings } from './beacon/set-readings.ts';
import { createThresholdDriver, type ThresholdDriver } from './beacon/threshold-driver.ts';
import { toPeer, type ValidatorState } from './validator-state.ts';

/** The beacons of a validator: bootstrap and threshold, or bootstrap alone. */
export interface WiredBeacon {
  start(): void;
  stop(): Promise<void>;
  /** @throws ProtocolError if the message */
  receive(from: Uint8Array, message: Uint8Array): Promise<void>;
}

const BEACON_TIMEOUT_MS = 2_000;
/** A set named by a proposer must have been listed within so many epochs. */
const FRESH_EPOCHS = 4;

/** Connects the beacon with the chain's validators. @param onCertified called after each certified epoch. */
export function wireBeacon(state: ValidatorState, onCertified: () => void): WiredBeacon {
  const { options, crypto, signer, clock, archive, group, chain, vrfSeed, peerLinks, metrics, awake, log } = state;
  const shared = {
    ...{ crypto, signer, clock, archive, group },
    async send(to: Uint8Array, message: Uint8Array): Promise<void> {
      const peer = chain.recallByAddress(to);
      if (peer === undefined) return;
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      await link.deliverBeacon({ message }, { timeoutMs: BEACON_TIMEOUT_MS });
    },
    onCertified(epoch: bigint): void {
      state.certifiedMs = awake.nowMs();
      metrics.epoch.set(Number(epoch));
      log.debug({ epoch: Number(epoch) }, 'beacon certified');
      onCertified();
    },
    onUndelivered: (err: unknown) => log.debug({ err }, 'beacon message not delivered'),
  };
  const threshold = wireThreshold(state, { ...shared, network: chain.network });
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
  const bootstrap = createBeaconDriver(
    { network: chain.network, epochMs: options.epochMs },
    {
      ...shared,
      proveVrf: (input) => proveVrf(vrfSeed, input),
      sets,
      gate: threshold?.gate,
      onError: (err) => log.error({ err }, 'this validator takes no part in the beacon until its votes can be written'),
    },
  );
  return {
    start() {
      threshold?.start();
      bootstrap.start();
    },
    async stop() {
      await Promise.all([threshold?.stop(), bootstrap.stop()]);
    },
    receive: (from, message) =>
      threshold?.isForIt(message) ? threshold.receive(from, message) : bootstrap.receive(from, message),
  };
}

type SharedDependencies = Pick<
  Parameters<typeof createThresholdDriver>[0],
  'network' | 'crypto' | 'signer' | 'clock' | 'archive' | 'group' | 'send' | 'onCertified' | 'onUndelivered'
>;

function wireThreshold(
  { threshold, store, chain, wanted, metrics, log }: ValidatorState,
  shared: SharedDependencies,
): ThresholdDriver | undefined {
  if (threshold === undefined) return undefined;
  const { validators, beaconKeys, readBeaconKeys, client }: ChainView = chain;
  return createThresholdDriver({
    ...shared,
    ...threshold,
    eras: createEraStore(store),
    takeRequestedEpochs() {
      const taken = [...wanted];
      wanted.clear();
      return taken;
    },
    ...{ validators, beaconKeys, readBeaconKeys, client },
    onLacking({ era, lacking, isLasting }) {
      metrics.lackingShares.set(lacking);
      if (!isLasting) return;
      const advice = 'signs no epoch until it has another box key: stop it, move box.key away, run register, start it';
      log.warn({ era, lacking }, `this validator lacks its shares of the beacon's key, so it ${advice}`);
    },
    onError: (err) => log.warn({ err }, 'the threshold beacon repeats a failed step'),
  });
}
