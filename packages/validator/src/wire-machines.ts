import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import { ProviderService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { stepEjections } from './machines/eject-machine.ts';
import type { MachinesState } from './machines/machine-state.ts';
import { stepMachines } from './machines/step-machines.ts';
import { readAnnouncement } from './store/announcement-store.ts';
import { getBeacon, toPeer, type ValidatorState } from './validator-state.ts';

const CALL_TIMEOUT_MS = 15_000;
const STEP_MS = 60_000;
/** Average pause between two challenges of one machine. */
const CHALLENGE_MS = 30 * 60_000;

/**
 * Connects the registry of machines with the chain, providers and other validators. Undefined on a network without one.
 */
export function wireMachines(state: ValidatorState): MachinesState | undefined {
  const { options, crypto, clock, signer, store, group, archive, chain, links, peerLinks, log } = state;
  const { machines: domain, machinePolicy: policy } = options;
  if (domain === undefined) return undefined;
  return {
    ...{ crypto, clock, signer, domain, policy, store, group, chain, ledger: chain.ledger, settlement: state.domain },
    latestEpoch: () => archive.latest().epoch,
    findBeacon: async (epoch) => (await getBeacon(state, epoch))?.value,
    async askProvider(providerId, nonce) {
      const announced = store.read(() => readAnnouncement(store, providerId));
      if (announced === undefined) throw new Error('the provider no longer announces itself');
      const link = links.to(ProviderService, announced);
      const { attestedKey, sealKey, evidence } = await link.getEvidence({ nonce }, { timeoutMs: CALL_TIMEOUT_MS });
      const sealKeyHash = hashSealKey(crypto, sealKey?.sealKey ?? new Uint8Array());
      return { providerId, attestedKey, sealKeyHash, evidence };
    },
    async askPeer(peer, asked) {
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      return (await link.certifyMachine(asked, { timeoutMs: CALL_TIMEOUT_MS })).signature;
    },
    async askEjection(peer, proof) {
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      return (await link.signMachineEjection({ proof }, { timeoutMs: CALL_TIMEOUT_MS })).signature;
    },
    onEjected: ({ providerId, evidence }, transactionHash) =>
      log.warn(
        { providerId: toHex(providerId), evidence: toHex(evidence), transactionHash },
        'a provider was ejected for its machine',
      ),
    randomBytes: nodeSeal.random,
    random: () => Buffer.from(nodeSeal.random(4)).readUInt32BE() / 2 ** 32,
    lapsed: new Map(),
    onEntered: ({ providerId, machine, until }, transactionHash) =>
      log.info(
        { providerId: toHex(providerId), machine: toHex(machine), until: Number(until), transactionHash },
        'a machine was entered',
      ),
    onLapsed: (providerId, why) => log.warn({ providerId: toHex(providerId), why }, 'a machine does not pass any more'),
    onError: (err) => log.info({ err }, 'a machine could not be asked, or got no signature'),
  };
}

/** Challenges machines at intervals. */
export function repeatMachines(
  { options, log }: Pick<ValidatorState, 'options' | 'log'>,
  machines: MachinesState,
): Repeating {
  const intervalMs = Math.min(STEP_MS, 2 * options.settleMs);
  return createRepeating(
    { intervalMs },
    async () => {
      await stepEjections(machines);
      await stepMachines(machines, intervalMs / CHALLENGE_MS);
    },
    (err) => log.warn({ err }, 'machines wait'),
  );
}
