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

/** A schedule of epochs. Epoch e begins at origin + e * period, by the chain's parameters. */
export interface EpochSchedule {
  readonly originMs: number;
  readonly periodMs: number;
}

/** Returns the epoch at a time; negative before the origin. */
export function epochAt({ originMs, periodMs }: EpochSchedule, nowMs: number): bigint {
  return BigInt(Math.floor((nowMs - originMs) / periodMs));
}

/** The most certificates in one answer. */
export const MAX_CERTIFICATES = 64;
/**
 * The largest lag of a validator behind its clock. Beyond it, the validator continues with a current epoch: nobody signed for
 * long, and a day has thousands of epochs.
 */
export const MAX_BEHIND = 64n;
/** The validator continues with a multiple of this, so that clocks that differ a little agree on the epoch. */
const STRIDE = 16n;
/** The shortest jump. */
const LEAST_JUMP = MAX_BEHIND - STRIDE;
/** The most skipped epochs that are signed at a time because a peer needs them. */
const MAX_LATE = 64;
/** The factor by which skipped epochs are repeated more seldom than the current epoch. */
const LATE_RESENDS = 4;

const messageCodec = union('kind', {
  partials: partialsCodec,
  /** Asks for the certificates from an epoch on. */
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
  /** The generations that the chain lists now. */
  readonly generations: () => readonly BeaconGeneration[];
  /** The signers of an epoch and the own shares; undefined while chain and key generation have not told them. */
  readonly groupOf: (
    epoch: bigint,
  ) => { readonly group: ThresholdGroup; readonly shares: readonly KeyShare[] } | undefined;
  /** Returns whether the value of an epoch is known here, with or without its certificate. */
  readonly hasValue: (epoch: bigint) => boolean;
  /** Returns certificates from an epoch on, ascending, at most MAX_CERTIFICATES, without skipped epochs. */
  readonly findCertificates: (from: bigint) => readonly ThresholdCertificate[];
}

/**
 * One validator's part in each epoch's value. It signs once its own clock has reached the epoch and sends its parts to all
 * peers. It combines T of the parts that it receives, so there is no leader to wait for. A value and its signature are unique,
 * so nothing must be stored before it is sent.
 */
export interface EpochMachine {
  /** The last epoch that has a certificate. */
  readonly latest: bigint;
  /** Accounts that sent wrong parts of the epoch that is being signed. */
  readonly liars: readonly Uint8Array[];
  tick(nowMs: number): EpochAction[];
  /** Signs a skipped epoch, together with any peer that is asked for it. */
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

/**
 * Renews collected parts after new shares were dealt for an epoch that is being signed already. Its parts differ from then on.
 */
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
  /** Parts of the next epoch and the one after it, because clocks differ a little. */
  readonly collectors: Map<bigint, Collected>;
  /** Skipped epochs that are being signed now. */
  readonly late: Map<bigint, Collected & { sentMs: number }>;
  /** The epoch that is being signed. */
  next: bigint;
  /** Time at which peers last supplied many missing epochs, or since which it is behind. */
  helpedMs: number | undefined;
  signed: bigint;
  sentMs: number;
  actions: EpochAction[];
}

/**
 * Jumps ahead if the validator is far behind. Values do not depend on each other, so a network that stood still need not catch
 * up on all epochs. If only this validator was away, the others help it within a period.
 */
function seek(state: State, schedule: EpochSchedule, nowMs: number): void {
  const now = epochAt(schedule, nowMs);
  const isBehind = now - state.latest > MAX_BEHIND;
  if (!isBehind) state.helpedMs = undefined;
  else state.helpedMs ??= nowMs;
  const isAlone = state.helpedMs !== undefined && nowMs - state.helpedMs >= schedule.periodMs;
  state.next = isAlone ? now - (now % STRIDE) : state.latest + 1n;
}

/** Returns whether an epoch is the next one, or one so far ahead that others have skipped those between. */
function isAhead({ latest }: State, epoch: bigint): boolean {
  return epoch === latest + 1n || epoch - latest >= LEAST_JUMP;
}

/** Returns undefined if the certificate is invalid. Only one of the epoch's own generation costs a pairing. */
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
  /** Peers that sent an invalid certificate last. */
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

  /** Sends the own parts. A validator without shares asks those that have shares. */
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

  /** Opens a skipped epoch. Its beginning is in the past, so no value becomes known early. */
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

  /** Accepts the complete signatures, in order. */
  function conclude(): void {
    for (;;) {
      const epoch = state.next;
      const signature = state.collectors.get(epoch)?.collector.signature;
      const generation = groupOf(epoch)?.group.generation;
      if (signature === undefined || generation === undefined) return;
      if (!adopt({ generation, epoch, signature })) return;
    }
  }

  /** Accepts a certificate. @returns whether it is valid. */
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
   * Checks certificates from a peer. Each check is a pairing. So future epochs and epochs that are not needed are skipped. The
   * first invalid certificate is the last one of its sender that is checked for a while.
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

  /** Receives parts of an epoch that was not needed until now, or that the sender missed. */
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
