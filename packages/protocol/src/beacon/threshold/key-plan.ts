import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { bytes, type CodecType, hash, struct, u16, u32, union, within } from '../../base/codec.ts';
import { BLS_KEY_BYTES } from '../../crypto/bls.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { BeaconNetwork } from '../beacon.ts';
import type { Committee, CommitteeMember } from './members.ts';
import type { KeyShare, ThresholdGroup } from './partials.ts';

const DOMAIN = {
  deal: encodeDomain('ogong-beacon-deal-v1'),
  complaint: encodeDomain('ogong-beacon-complaint-v1'),
  outcome: encodeDomain('ogong-beacon-outcome-v1'),
};

export const keySubjectFields = {
  /** From 1. A generation has one key. */
  generation: within(u32, 1, 0xffffffff),
  /** From 1, counted through all generations. An era has one set of shares. */
  era: within(u32, 1, 0xffffffff),
  /** From 0: another try at the same era. */
  attempt: u32,
  /** Hash of the committee that receives shares. */
  set: hash,
};
export const keySubjectCodec = struct(keySubjectFields);

/** The subject of each message of a key generation. */
export interface KeySubject extends CodecType<typeof keySubjectCodec> {}

/** One attempt to give the committee of an era shares of a key. All participants read the same plan from the chain. */
export interface KeyPlan {
  readonly network: BeaconNetwork;
  readonly generation: number;
  readonly era: number;
  readonly attempt: number;
  /** The validators that receive shares and vote on the outcome. */
  readonly seats: Committee;
  /** The group whose key is kept; its tickets deal. Absent for a new key, for which all members deal. */
  readonly previous?: ThresholdGroup | undefined;
  /** Accounts of dealers that signed two deals. Their deals do not count. */
  readonly struck?: readonly Uint8Array[] | undefined;
  /** Start of the attempt, by the clock of the ticks. */
  readonly startsAtMs: number;
  /** Messages of honest validators arrive within a phase. */
  readonly phaseMs: number;
  readonly resendMs: number;
  /**
   * Transcript of the outcome that the chain has accepted. Then no deal, proposal or vote follows. A validator that lacks
   * shares asks, and each peer that has them answers.
   */
  readonly taken?: Uint8Array | undefined;
}

/** Phases from the start until proposals begin: deals, complaints, their forwarding, answers. */
const PHASES_BEFORE_PROPOSALS = 4;
/** The phases in which a complaint does not count yet. It reaches the dealer through others, and the answer comes back. */
export const ANSWER_PHASES = 2;

/** Returns the subject of all messages of an attempt. */
export function subjectOf({ generation, era, attempt, seats }: KeyPlan): KeySubject {
  return { generation, era, attempt, set: seats.hash };
}

/** Returns the dealers. Each deals for its tickets of the previous group, or with ticket 0 for a new key. */
export function dealersOf({ seats, previous }: KeyPlan): readonly CommitteeMember[] {
  return previous === undefined ? seats.seats : previous.seats.seats.filter(({ tickets }) => tickets > 0);
}

/** Returns the turn to propose at a time; negative before proposals begin. */
export function turnAt({ startsAtMs, phaseMs }: KeyPlan, nowMs: number): number {
  return Math.floor((nowMs - startsAtMs) / phaseMs) - PHASES_BEFORE_PROPOSALS;
}

/** Returns the index of the committee member that proposes in a turn. */
export function proposerAt({ seats, attempt }: KeyPlan, turn: number): number {
  return (attempt + turn) % seats.seats.length;
}

export const keyStatementCodec = union('kind', {
  deal: struct({ dealHash: hash }),
  /** Indexes of dealer and complainer in their lists. */
  complaint: struct({ dealer: u16, complainer: u16 }),
  outcome: struct({ transcript: hash, key: bytes(BLS_KEY_BYTES) }),
});

/** The statements that a validator signs with its signing key in a key generation. */
export type KeyStatement = CodecType<typeof keyStatementCodec>;

/** Hashes a statement to the digest that is signed, 32 bytes. */
export function hashKeyStatement(
  crypto: Pick<Crypto, 'keccak256'>,
  { chainId, settlement }: BeaconNetwork,
  { generation, era, attempt, set }: KeySubject,
  statement: KeyStatement,
): Uint8Array {
  const writer = createWriter().bytes(DOMAIN[statement.kind]).u64(chainId).bytes(settlement, 20);
  writer.u32(generation).u32(era).u32(attempt).bytes(set, 32);
  if (statement.kind === 'deal') writer.bytes(statement.dealHash, 32);
  else if (statement.kind === 'complaint') writer.u16(statement.dealer).u16(statement.complainer);
  else writer.bytes(statement.transcript, 32).bytes(statement.key, BLS_KEY_BYTES);
  return crypto.keccak256(writer.finish());
}

/** This validator's shares in the previous group, if it deals for it. */
export type OldShares = readonly KeyShare[];
