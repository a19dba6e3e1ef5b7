import { equalBytes } from '../../base/bytes.ts';
import { type CodecType, createFormat, type Format, list, struct, u16, u64, union } from '../../base/codec.ts';
import type { Bls } from '../../crypto/bls.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { BeaconNetwork } from '../beacon.ts';
import {
  createEpochCollector,
  type EpochCollector,
  type KeyShare,
  partialsCodec,
  signPartials,
  type ThresholdGroup,
} from './partials.ts';
import {
  type BeaconGeneration,
  type ThresholdCertificate,
  thresholdCertificateCodec,
  verifyThresholdCertificate,
} from './threshold-value.ts';

/** Epochs are timed: epoch e begins at origin + e * period, by the chain's parameters. */
export interface EpochSchedule {
  readonly originMs: number;
  readonly periodMs: number;
}

/** The epoch at a time; negative before the origin. */
export function epochAt({ originMs, periodMs }: EpochSchedule, nowMs: number): bigint {
  return BigInt(Math.floor((nowMs - originMs) / periodMs));
}

/** Certificates that one answer has at most. */
export const MAX_CERTIFICATES = 64;

const messageCodec = union('kind', {
  partials: partialsCodec,
  /** The certificates from an epoch on. */
  request: struct({ from: u64 }),
  certificates: struct({
    certificates: list(thresholdCertificateCodec, {
      ...{ count: u16, min: 1, max: MAX_CERTIFICATES },
      ascending: (a: { readonly epoch: bigint }, b: { readonly epoch: bigint }) =>
        a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : 0,
    }),
  }),
});

export type EpochMessage = CodecType<typeof messageCodec>;

export const epochMessageFormat: Format<EpochMessage> = createFormat(messageCodec, {
  ...{ tag: 'ogong-beacon-epoch-message-v1', maxBytes: 1 << 18 },
});

export type EpochAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: EpochMessage }
  | { readonly kind: 'certified'; readonly certificate: ThresholdCertificate; readonly value: Uint8Array };

export interface EpochMachineOptions {
  readonly network: BeaconNetwork;
  readonly schedule: EpochSchedule;
  readonly resendMs: number;
  /** The last epoch that has a certificate, or the one before the first of the first generation. */
  readonly latest: bigint;
}

export interface EpochMachineDependencies {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly bls: Bls;
  /** Own account. */
  readonly self: Uint8Array;
  /** As the chain lists them now. */
  readonly generations: () => readonly BeaconGeneration[];
  /** Who signs an epoch, and the own shares; undefined where the chain or the key generation has not told yet. */
  readonly groupOf: (
    epoch: bigint,
  ) => { readonly group: ThresholdGroup; readonly shares: readonly KeyShare[] } | undefined;
  /** Certificates from an epoch on, ascending, at most MAX_CERTIFICATES. */
  readonly findCertificates: (from: bigint) => readonly ThresholdCertificate[];
}

/**
 * One validator's part in each epoch's value. It signs once its own clock has reached the epoch, sends its parts to all, and combines T of what it
 * hears: there is no leader to wait for. A value and its signature are unique, so nothing has to be kept before it is sent.
 */
export interface EpochMachine {
  /** The last epoch that has a certificate. */
  readonly latest: bigint;
  /** Accounts whose parts of the epoch that is sought were wrong. */
  readonly liars: readonly Uint8Array[];
  tick(nowMs: number): EpochAction[];
  /** @param from account at the other end of the authenticated link. */
  receive(from: Uint8Array, message: EpochMessage, nowMs: number): EpochAction[];
}

interface State {
  latest: bigint;
  /** Of the next epoch and the one after it: clocks differ a little. */
  readonly collectors: Map<bigint, EpochCollector>;
  signed: bigint;
  sentMs: number;
  actions: EpochAction[];
}

export function createEpochMachine(options: EpochMachineOptions, dependencies: EpochMachineDependencies): EpochMachine {
  const { network, schedule, resendMs } = options;
  const { bls, self, groupOf } = dependencies;
  const state: State = {
    ...{ latest: options.latest, collectors: new Map(), signed: options.latest },
    ...{ sentMs: Number.NEGATIVE_INFINITY, actions: [] },
  };

  function collectorOf(epoch: bigint): EpochCollector | undefined {
    const known = state.collectors.get(epoch);
    const found = known === undefined ? groupOf(epoch) : undefined;
    if (found === undefined) return known;
    const added = createEpochCollector({ bls, network }, { group: found.group, epoch });
    state.collectors.set(epoch, added);
    return added;
  }

  function tick(nowMs: number): void {
    const epoch = state.latest + 1n;
    if (epochAt(schedule, nowMs) < epoch) return;
    const isFirst = state.signed < epoch;
    if (!isFirst && nowMs - state.sentMs < resendMs) return;
    const found = groupOf(epoch);
    if (found === undefined) return;
    state.signed = epoch;
    state.sentMs = nowMs;
    const { group, shares } = found;
    const peers = group.seats.seats.filter(({ address }) => !equalBytes(address, self));
    if (shares.length === 0) {
      for (const { address } of peers) send(address, { kind: 'request', from: epoch });
      return;
    }
    const { generation, era } = group;
    const partials = signPartials(bls, network, { generation, era, epoch, shares });
    for (const { address } of peers) send(address, { kind: 'partials', ...partials });
    collectorOf(epoch)?.add(self, partials);
    conclude();
  }

  function send(to: Uint8Array, message: EpochMessage): void {
    state.actions.push({ kind: 'send', to, message });
  }

  /** Takes the signatures that are complete, in order. */
  function conclude(): void {
    for (;;) {
      const epoch = state.latest + 1n;
      const signature = state.collectors.get(epoch)?.signature;
      const generation = groupOf(epoch)?.group.generation;
      if (signature === undefined || generation === undefined) return;
      if (!adopt({ generation, epoch, signature })) return;
    }
  }

  function adopt(certificate: ThresholdCertificate): boolean {
    const { crypto, generations } = dependencies;
    if (certificate.epoch !== state.latest + 1n) return false;
    const verdict = verifyThresholdCertificate({ crypto, bls }, network, { certificate, generations: generations() });
    if (verdict.value === undefined) return false;
    state.latest = certificate.epoch;
    state.collectors.delete(certificate.epoch);
    state.actions.push({ kind: 'certified', certificate, value: verdict.value });
    return true;
  }

  function answer(to: Uint8Array, from: bigint): void {
    if (from > state.latest) return;
    const certificates = dependencies.findCertificates(from).slice(0, MAX_CERTIFICATES);
    if (certificates.length > 0) send(to, { kind: 'certificates', certificates });
  }

  function receive(from: Uint8Array, message: EpochMessage, nowMs: number): void {
    const next = state.latest + 1n;
    if (message.kind === 'request') {
      answer(from, message.from);
    } else if (message.kind === 'certificates') {
      for (const certificate of message.certificates) adopt(certificate);
      conclude();
    } else if (message.epoch < next) {
      answer(from, message.epoch);
    } else if (message.epoch <= next + 1n && message.epoch <= epochAt(schedule, nowMs) + 1n) {
      collectorOf(message.epoch)?.add(from, message);
      conclude();
    } else if (message.epoch <= epochAt(schedule, nowMs) + 1n) {
      send(from, { kind: 'request', from: next });
    }
  }

  function run(step: () => void): EpochAction[] {
    step();
    const out = state.actions;
    state.actions = [];
    return out;
  }

  return {
    get latest() {
      return state.latest;
    },
    get liars() {
      return state.collectors.get(state.latest + 1n)?.liars ?? [];
    },
    tick: (nowMs) => run(() => tick(nowMs)),
    receive: (from, message, nowMs) => run(() => receive(from, message, nowMs)),
  };
}
