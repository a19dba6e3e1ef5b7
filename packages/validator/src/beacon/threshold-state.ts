import type { ChainClient } from '@ogong/chain/client';
import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Clock } from '@ogong/host/time/clock';
import { findEra, toGenerations } from '@ogong/host/views/beacon-generations';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { findGeneration } from '@ogong/protocol/beacon/epoch-certificate';
import { type EpochSchedule, epochAt } from '@ogong/protocol/beacon/threshold/epoch-machine';
import type { EraRecord } from '@ogong/protocol/beacon/threshold/era-message';
import { findCommitteeMember, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import type { KeyShare, ThresholdGroup } from '@ogong/protocol/beacon/threshold/partials';
import type { SetMember } from '@ogong/protocol/beacon/validator-set';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { SealedBox } from '@ogong/protocol/crypto/sealed-box';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { BeaconArchive } from './beacon-archive.ts';
import type { EraStore } from './era-store.ts';

export type BeaconKeysChain = Pick<ChainClient, 'boxKeyHashes' | 'boxKeyOf' | 'activateEra'>;

/** A validator's tickets without shares. */
export interface Lacking {
  readonly era: number;
  readonly lacking: number;
  /**
   * True if the shares will not come any more. In the first epochs of an era other members may still send them. Later
   * the validator needs another box key to get new shares.
   */
  readonly isLasting: boolean;
}

/** A validator's secrets and library for the threshold beacon. */
export interface ThresholdParts {
  readonly bls: Bls;
  readonly box: SealedBox;
  /** Secret that opens the boxes with its shares, 32 bytes. */
  readonly boxSecret: Uint8Array;
  /** Returns 32 fresh random bytes. */
  readonly drawSeed: () => Uint8Array;
}

export interface ThresholdDependencies extends ThresholdParts {
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  readonly clock: Clock;
  readonly archive: BeaconArchive;
  readonly eras: EraStore;
  readonly group: GroupCommit;
  /** Returns the registry of the last reading. */
  readonly validators: () => readonly SetMember[];
  /** Return keys and eras of the last reading, and of a new one. @throws ChainError */
  readonly beaconKeys: () => BeaconKeysReading | undefined;
  readonly readBeaconKeys: () => Promise<unknown>;
  readonly client: () => Promise<BeaconKeysChain>;
  /** Sends to a validator. The message may be lost: the machines repeat what matters. */
  readonly send: (to: Uint8Array, message: Uint8Array) => Promise<void>;
  readonly onCertified: (epoch: bigint) => void;
  /** Returns the skipped epochs whose values were requested since the last call. */
  readonly takeRequestedEpochs: () => readonly bigint[];
  /** Reports the number of lacking shares of the era that signs now, on every change. */
  readonly onLacking?: ((lacking: Lacking) => void) | undefined;
  readonly onUndelivered?: ((error: unknown) => void) | undefined;
  /** Reports a failed step. It is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** An era with its points decoded. */
export interface KnownEra {
  readonly group: ThresholdGroup;
  readonly shares: readonly KeyShare[];
}

export interface ThresholdState extends ThresholdDependencies {
  /** By number and transcript. */
  readonly known: Map<string, KnownEra>;
  /** Box keys of validators, by account. */
  readonly boxKeys: Map<string, Uint8Array>;
}

export const scheduleOf = ({ origin, period }: Pick<BeaconKeysReading, 'origin' | 'period'>): EpochSchedule => ({
  originMs: Number(origin) * 1_000,
  periodMs: Number(period) * 1_000,
});

/** Returns the time at which an epoch begins. */
export function startOf({ originMs, periodMs }: EpochSchedule, epoch: bigint): number {
  return originMs + Number(epoch) * periodMs;
}

/** Returns the group of a listed era if it is known here. */
export function lookUpEra(
  { eras, known, crypto, bls, network }: ThresholdState,
  { era, transcript }: { readonly era: number; readonly transcript: string },
): KnownEra | undefined {
  const key = `${era} ${transcript}`;
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  const kept = eras.findEra(era, fromHex(transcript.slice(2)));
  const group = kept && openRecord({ crypto, bls, network }, kept.record);
  if (kept === undefined || group === undefined) return undefined;
  const found = { group, shares: kept.shares };
  known.set(key, found);
  return found;
}

/** Returns the group of a former era, whose shares may be deleted. */
export function lookUpFormer(
  state: ThresholdState,
  listed: { readonly era: number; readonly transcript: string },
): ThresholdGroup | undefined {
  const known = lookUpEra(state, listed)?.group;
  const record = known ? undefined : state.eras.findFormer(listed.era, fromHex(listed.transcript.slice(2)));
  return known ?? (record && openRecord(state, record));
}

/** Decodes a record. Undefined if a commitment is no key. @throws ProtocolError if the committee is impossible. */
export function openRecord(
  { crypto, bls, network }: Pick<ThresholdState, 'crypto' | 'bls' | 'network'>,
  { generation, era, seats: members, commitments: bytes }: EraRecord,
): ThresholdGroup | undefined {
  const commitments = bls.decodeKeys(bytes);
  return commitments && { generation, era, seats: formCommittee(crypto, network, members), commitments };
}

/**
 * Returns whether a reading settles which beacon makes an epoch. Every change of keys up to that epoch had begun to count by the
 * time of its block. A change counts from the second epoch after its own block. So it is more than an epoch old by then, and no
 * shorter reorganisation takes it back.
 */
export function isSettled(
  { epoch: read, generations }: Pick<BeaconKeysReading, 'epoch' | 'generations'>,
  epoch: bigint,
): boolean {
  return generations
    .flatMap(({ firstEpoch, lastEpoch }) => (lastEpoch === undefined ? [firstEpoch] : [firstEpoch, lastEpoch + 1n]))
    .every((change) => change > epoch || change <= read);
}

export function newestEra(reading: BeaconKeysReading) {
  const listed = reading.eras.at(-1);
  return listed && { ...listed, era: reading.eras.length };
}

/** Epochs in which missing shares may still come: as many as an attempt has. */
const HOPEFUL_EPOCHS = 8n;

/** Returns a validator's lacking shares of the newest era once it signs. Undefined while unknown. */
export function countLacking(state: ThresholdState, nowMs: number): Lacking | undefined {
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (reading === undefined || newest === undefined) return undefined;
  const { era, firstEpoch } = newest;
  if (reading.generations.at(-1)?.lastEpoch !== undefined) return { era, lacking: 0, isLasting: false };
  const now = epochAt(scheduleOf(reading), nowMs);
  const found = now < firstEpoch ? undefined : lookUpEra(state, newest);
  if (found === undefined) return undefined;
  const { seats } = found.group;
  const tickets = seats.seats[findCommitteeMember(seats, state.signer.address)]?.tickets ?? 0;
  const lacking = tickets - found.shares.length;
  return { era, lacking, isLasting: lacking > 0 && now >= firstEpoch + HOPEFUL_EPOCHS };
}

/**
 * Returns the signers of an epoch; undefined if the chain lists no settled key for it, or its group is unknown. Shares of
 * former eras are deleted, and those of the newest make the same signature. So the present holders sign a skipped epoch
 * of the past.
 */
export function findGroup(state: ThresholdState, epoch: bigint): KnownEra | undefined {
  const reading = state.beaconKeys();
  if (reading === undefined || !isSettled(reading, epoch)) return undefined;
  const generation = findGeneration(toGenerations(reading), epoch)?.generation;
  const [era, newest] = [findEra(reading, epoch), newestEra(reading)];
  if (era === undefined || era.generation !== generation) return undefined;
  const found = lookUpEra(state, era);
  return found === undefined && newest?.generation === generation ? lookUpEra(state, newest) : found;
}
