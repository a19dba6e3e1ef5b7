import { toGenerations } from '@ogong/host/views/beacon-generations';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { findGeneration, readEpochValue, verifyEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import {
  createEpochMachine,
  type EpochAction,
  type EpochMachine,
  type EpochMessage,
  epochAt,
  epochMessageFormat,
  MAX_CERTIFICATES,
} from '@ogong/protocol/beacon/threshold/epoch-machine';
import { createPauses } from '@ogong/protocol/beacon/threshold/pauses';
import { findGroup, scheduleOf, startOf, type ThresholdState } from './threshold-state.ts';

export interface EpochDriver {
  tick(nowMs: number): Promise<void>;
  receive(from: Uint8Array, message: EpochMessage, nowMs: number): Promise<void>;
}

const ASK_MS = 2_000;

/** Runs the epochs for which the chain lists a key: signs, combines, archives. */
export function createEpochDriver(state: ThresholdState): EpochDriver {
  const { crypto, bls, network, signer, archive, group, onUndelivered = () => {} } = state;
  let machine: EpochMachine | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  /** Peers whose last certificate was invalid, while no machine checks their messages yet. */
  const doubted = createPauses(ASK_MS);

  function send(to: Uint8Array, message: EpochMessage): void {
    void state.send(to, epochMessageFormat.encode(message)).catch(onUndelivered);
  }

  const generations = () => {
    const reading = state.beaconKeys();
    return reading === undefined ? [] : toGenerations(reading);
  };

  /** Returns the machine for the epoch after the last archived one, if the chain lists a key for it. */
  function current(): EpochMachine | undefined {
    const reading = state.beaconKeys();
    const { epoch: latest } = archive.latest();
    if (machine !== undefined && machine.latest !== latest) machine = undefined;
    if (reading === undefined || findGeneration(generations(), latest + 1n) === undefined) return undefined;
    const schedule = scheduleOf(reading);
    const resendMs = Math.max(100, Math.min(2_000, schedule.periodMs / 10));
    machine ??= createEpochMachine(
      { network, schedule, resendMs, latest },
      {
        ...{ crypto, bls, self: signer.address, generations },
        groupOf: (epoch) => findGroup(state, epoch),
        hasValue: (epoch) => archive.find(epoch) !== undefined,
        findCertificates: (from) => archive.listThreshold(from, MAX_CERTIFICATES),
      },
    );
    return machine;
  }

  async function carryOut(actions: readonly EpochAction[]): Promise<void> {
    try {
      for (const action of actions) {
        if (action.kind === 'send') {
          send(action.to, action.message);
        } else {
          await group.write((db) => archive.putThreshold(db, action.certificate));
          state.onCertified(action.certificate.epoch);
        }
      }
    } catch (error) {
      // The machine is ahead of the disk. The next one starts from there.
      machine = undefined;
      throw error;
    }
  }

  /** Returns the epoch that this validator should ask others for: it was away, or does not know the signers. */
  function findWanted(nowMs: number): bigint | undefined {
    const reading = state.beaconKeys();
    if (reading === undefined) return undefined;
    const schedule = scheduleOf(reading);
    const next = archive.latest().epoch + 1n;
    const known = generations();
    const isDue = (epoch: bigint): boolean => nowMs > startOf(schedule, epoch) + schedule.periodMs;
    if (findGeneration(known, next) !== undefined) {
      return isDue(next) || findGroup(state, next) === undefined ? next : undefined;
    }
    const ahead = known.find(({ firstEpoch }) => firstEpoch > next)?.firstEpoch;
    return ahead !== undefined && isDue(ahead) ? ahead : undefined;
  }

  /**
   * Resumes after the validator missed the last bootstrap epochs: it continues with the first threshold-signed epoch.
   * It asks others for a missed epoch only when it needs one.
   */
  async function catchUp(
    from: Uint8Array,
    { certificates }: EpochMessage & { readonly kind: 'certificates' },
    nowMs: number,
  ): Promise<void> {
    const [first] = certificates;
    const { epoch: latest } = archive.latest();
    if (first === undefined || first.epoch <= latest + 1n || doubted.has(toHex(from), nowMs)) return;
    const known = generations();
    const reading = state.beaconKeys();
    if (reading === undefined || findGeneration(known, latest + 1n) !== undefined) return;
    if (first.epoch > epochAt(scheduleOf(reading), nowMs) + 1n) return;
    const certificate = { kind: 'threshold', ...first } as const;
    const claim = { certificate, validators: [], generations: known };
    if (!verifyEpochCertificate(crypto, network, claim).ok) return doubted.begin(toHex(from), nowMs);
    await carryOut([
      { kind: 'certified', certificate: first, value: readEpochValue(crypto, network, certificate).value },
    ]);
  }

  return {
    async tick(nowMs) {
      await carryOut(current()?.tick(nowMs) ?? []);
      for (const epoch of state.takeRequestedEpochs()) await carryOut(current()?.want(epoch, nowMs) ?? []);
      const wanted = findWanted(nowMs);
      const reading = state.beaconKeys();
      if (wanted === undefined || reading === undefined) return;
      if (nowMs - askedMs < Math.min(ASK_MS, scheduleOf(reading).periodMs)) return;
      askedMs = nowMs;
      for (const { address } of state.validators()) {
        if (!equalBytes(address, signer.address)) send(address, { kind: 'request', from: wanted });
      }
    },
    async receive(from, message, nowMs) {
      if (message.kind === 'request' && current() === undefined) {
        const certificates = archive.listThreshold(message.from, MAX_CERTIFICATES);
        if (certificates.length > 0) send(from, { kind: 'certificates', certificates });
      }
      if (message.kind === 'certificates') await catchUp(from, message, nowMs);
      await carryOut(current()?.receive(from, message, nowMs) ?? []);
    },
  };
}
