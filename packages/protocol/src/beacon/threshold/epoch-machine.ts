import { equalBytes, toHex } from '../../base/bytes.ts';
import { type CodecType, createFormat, type Format, list, struct, u16, u64, union } from '../../base/codec.ts';
import type { Bls } from '../../crypto/bls.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { BeaconNetwork } from '../beacon.ts';
import { findGeneration } from '../epoch-certificate.ts';
import {
  createEpochCollector,
  type EpochCollector,
  type KeyShare,
  type Partials,
  partialsCodec,
  signPartials,
  type ThresholdGroup,
} from './partials.ts';
import { createPauses } from './pauses.ts';
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
/** Who is further behind its clock than this goes on with an epoch of now: nobody signed for long, and a day has thousands of epochs. */
export const MAX_BEHIND = 64n;
/** It goes on with a multiple of this, so that clocks that differ a little agree on it. */
const STRIDE = 16n;
/** No jump is shorter. */
const LEAST_JUMP = MAX_BEHIND - STRIDE;
/** Epochs passed over that are signed at a time, because somebody needs them. */
const MAX_LATE = 64;
/** They are repeated by so many times more seldom than the epoch of now. */
const LATE_RESENDS = 4;

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
  /** Whether the value of an epoch is known here, with its certificate or without. */
  readonly hasValue: (epoch: bigint) => boolean;
  /** Certificates from an epoch on, ascending, at most MAX_CERTIFICATES. Epochs that were passed over are left out. */
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
  /** Signs an epoch that was passed over, with whoever else is asked for it. */
  want(epoch: bigint, nowMs: number): EpochAction[];
  /** @param from account at the other end of the authenticated link. */
  receive(from: Uint8Array, message: EpochMessage, nowMs: number): EpochAction[];
}

interface Signers {
  readonly group: ThresholdGroup;
  readonly shares: readonly KeyShare[];
}

/** Parts of one epoch, by the shares of one era. */
interface Collected {
  readonly era: number;
  readonly collector: EpochCollector;
}

/** Where shares are dealt anew for an epoch that is sought already, its parts are other ones from then on. */
function renew<C extends Collected>(
  { bls, groupOf }: Pick<EpochMachineDependencies, 'bls' | 'groupOf'>,
  { network, epoch, known }: { readonly network: BeaconNetwork; readonly epoch: bigint; readonly known: C | undefined },
): C | Collected | undefined {
  const group = groupOf(epoch)?.group;
  if (group === undefined || known?.era === group.era) return known;
  return { era: group.era, collector: createEpochCollector({ bls, network }, { group, epoch }) };
}

interface State {
  latest: bigint;
  /** Of the next epoch and the one after it: clocks differ a little. */
  readonly collectors: Map<bigint, Collected>;
  /** Epochs that were passed over, and are signed now. */
  readonly late: Map<bigint, Collected & { sentMs: number }>;
  /** The epoch that is sought. */
  next: bigint;
  /** When others last gave it many epochs that it lacked, or since when it is behind. */
  helpedMs: number | undefined;
  signed: bigint;
  sentMs: number;
  actions: EpochAction[];
}

/**
 * Values do not depend on each other, so a network that stood still need not make up for all that time. Whoever slept alone is helped by the
 * others within a period.
 */
function seek(state: State, schedule: EpochSchedule, nowMs: number): void {
  const now = epochAt(schedule, nowMs);
  const isBehind = now - state.latest > MAX_BEHIND;
  if (!isBehind) state.helpedMs = undefined;
  else state.helpedMs ??= nowMs;
  const isAlone = state.helpedMs !== undefined && nowMs - state.helpedMs >= schedule.periodMs;
  state.next = isAlone ? now - (now % STRIDE) : state.latest + 1n;
}

/** The next one, or one so far ahead that others have passed over what is between. */
function isAhead({ latest }: State, epoch: bigint): boolean {
  return epoch === latest + 1n || epoch - latest >= LEAST_JUMP;
}

/** Undefined where the certificate does not hold. Only one of the epoch's own generation costs a pairing. */
function readValue(
  { crypto, bls, generations }: Pick<EpochMachineDependencies, 'crypto' | 'bls' | 'generations'>,
  network: BeaconNetwork,
  certificate: ThresholdCertificate,
): Uint8Array | undefined {
  const known = generations();
  if (findGeneration(known, certificate.epoch)?.generation !== certificate.generation) return undefined;
  return verifyThresholdCertificate({ crypto, bls }, network, { certificate, generations: known }).value;
}

export function createEpochMachine(options: EpochMachineOptions, dependencies: EpochMachineDependencies): EpochMachine {
  const { network, schedule, resendMs } = options;
  const { bls, self, groupOf } = dependencies;
  const state: State = {
    ...{ latest: options.latest, collectors: new Map(), late: new Map(), signed: options.latest },
    ...{ next: options.latest + 1n, helpedMs: undefined },
    ...{ sentMs: Number.NEGATIVE_INFINITY, actions: [] },
  };
  /** Peers whose last certificate did not hold. */
  const doubted = createPauses(resendMs);

  function collectorOf(epoch: bigint): EpochCollector | undefined {
    const collected = renew(dependencies, { network, epoch, known: state.collectors.get(epoch) });
    if (collected !== undefined) state.collectors.set(epoch, collected);
    return collected?.collector;
  }

  function tick(nowMs: number): void {
    for (const [epoch, one] of state.late) if (nowMs - one.sentMs >= LATE_RESENDS * resendMs) signLate(epoch, nowMs);
    const epoch = state.next;
    if (epochAt(schedule, nowMs) < epoch) return;
    const isFirst = state.signed < epoch;
    if (!isFirst && nowMs - state.sentMs < resendMs) return;
    const found = groupOf(epoch);
    if (found === undefined) return;
    state.signed = epoch;
    state.sentMs = nowMs;
    const collector = collectorOf(epoch);
    if (collector !== undefined) sendParts(epoch, found, collector);
    conclude();
  }

  /** Whoever has no shares asks those who have. */
  function sendParts(epoch: bigint, { group, shares }: Signers, collector: EpochCollector): void {
    const { generation, era, seats } = group;
    const peers = seats.seats.filter(({ address }) => !equalBytes(address, self));
    if (shares.length === 0) {
      for (const { address } of peers) send(address, { kind: 'request', from: epoch });
      return;
    }
    const partials = signPartials(bls, network, { generation, era, epoch, shares });
    for (const { address } of peers) send(address, { kind: 'partials', ...partials });
    collector.add(self, partials);
  }

  /** Opens an epoch that was passed over. Its beginning is past, so nobody learns anything early. */
  function openLate(epoch: bigint): EpochCollector | undefined {
    const known = state.late.get(epoch);
    if (known === undefined && (epoch > state.latest || state.late.size >= MAX_LATE || dependencies.hasValue(epoch))) {
      return undefined;
    }
    const collected = renew(dependencies, { network, epoch, known });
    if (collected === undefined) return undefined;
    if (collected !== known) state.late.set(epoch, { ...collected, sentMs: Number.NEGATIVE_INFINITY });
    return collected.collector;
  }

  function signLate(epoch: bigint, nowMs: number): void {
    const collector = openLate(epoch);
    const one = state.late.get(epoch);
    const found = groupOf(epoch);
    if (collector === undefined || one === undefined || found === undefined) return;
    one.sentMs = nowMs;
    sendParts(epoch, found, collector);
    concludeLate(epoch);
  }

  function concludeLate(epoch: bigint): void {
    const signature = state.late.get(epoch)?.collector.signature;
    const generation = groupOf(epoch)?.group.generation;
    if (signature !== undefined && generation !== undefined) certify({ generation, epoch, signature });
  }

  function send(to: Uint8Array, message: EpochMessage): void {
    state.actions.push({ kind: 'send', to, message });
  }

  /** Takes the signatures that are complete, in order. */
  function conclude(): void {
    for (;;) {
      const epoch = state.next;
      const signature = state.collectors.get(epoch)?.collector.signature;
      const generation = groupOf(epoch)?.group.generation;
      if (signature === undefined || generation === undefined) return;
      if (!adopt({ generation, epoch, signature })) return;
    }
  }

  /** @returns whether it holds. */
  function adopt(certificate: ThresholdCertificate): boolean {
    const { epoch } = certificate;
    if (!certify(certificate)) return false;
    if (!isAhead(state, epoch)) return true;
    state.latest = epoch;
    state.next = epoch + 1n;
    for (const old of state.collectors.keys()) if (old <= epoch) state.collectors.delete(old);
    return true;
  }

  function certify(certificate: ThresholdCertificate): boolean {
    const value = readValue(dependencies, network, certificate);
    if (value === undefined) return false;
    state.late.delete(certificate.epoch);
    state.actions.push({ kind: 'certified', certificate, value });
    return true;
  }

  function answer(to: Uint8Array, from: bigint): void {
    if (from > state.latest) return;
    const certificates = dependencies.findCertificates(from).slice(0, MAX_CERTIFICATES);
    if (certificates.length > 0) send(to, { kind: 'certificates', certificates });
  }

  function receive(from: Uint8Array, message: EpochMessage, nowMs: number): void {
    const { next } = state;
    if (message.kind === 'request') {
      answer(from, message.from);
      want(message.from, nowMs);
    } else if (message.kind === 'certificates') {
      receiveCertificates(from, message.certificates, nowMs);
    } else if (message.epoch <= state.latest) {
      receiveLate(from, message, nowMs);
    } else if (message.epoch <= next + 1n && message.epoch <= epochAt(schedule, nowMs) + 1n) {
      collectorOf(message.epoch)?.add(from, message);
      conclude();
    } else if (message.epoch <= epochAt(schedule, nowMs) + 1n) {
      send(from, { kind: 'request', from: next });
    }
  }

  /**
   * Each check is a pairing. So epochs that have not begun, and those that are not needed, are passed over, and the first certificate that does
   * not hold is the last one that its sender has checked for a while.
   */
  function receiveCertificates(from: Uint8Array, certificates: readonly ThresholdCertificate[], nowMs: number): void {
    const name = toHex(from);
    if (doubted.has(name, nowMs)) return;
    const before = state.latest;
    const last = epochAt(schedule, nowMs) + 1n;
    for (const certificate of certificates) {
      if (certificate.epoch > last) break;
      if (!isAhead(state, certificate.epoch) && !state.late.has(certificate.epoch)) continue;
      if (adopt(certificate)) continue;
      doubted.begin(name, nowMs);
      break;
    }
    if (state.latest - before >= STRIDE) state.helpedMs = nowMs;
    conclude();
  }

  /** Parts of an epoch that nobody needed until now, or one that the sender missed. */
  function receiveLate(from: Uint8Array, message: Partials, nowMs: number): void {
    const isKnown = state.late.has(message.epoch);
    const collector = openLate(message.epoch);
    collector?.add(from, message);
    if (collector === undefined) answer(from, message.epoch);
    else if (isKnown) concludeLate(message.epoch);
    else signLate(message.epoch, nowMs);
  }

  function want(epoch: bigint, nowMs: number): void {
    if (!state.late.has(epoch) && openLate(epoch) !== undefined) signLate(epoch, nowMs);
  }

  function run(nowMs: number, step: () => void): EpochAction[] {
    seek(state, schedule, nowMs);
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
      return state.collectors.get(state.next)?.collector.liars ?? [];
    },
    tick: (nowMs) => run(nowMs, () => tick(nowMs)),
    receive: (from, message, nowMs) => run(nowMs, () => receive(from, message, nowMs)),
    want: (epoch, nowMs) => run(nowMs, () => want(epoch, nowMs)),
  };
}
