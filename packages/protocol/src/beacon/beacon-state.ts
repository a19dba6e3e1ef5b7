import { createWriter, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeTotalStake, type QuorumSignature, verifyQuorum } from '../crypto/quorum.ts';
import {
  type BeaconCertificate,
  type BeaconContribution,
  type BeaconNetwork,
  type BeaconPhase,
  type BeaconStatement,
  hashBeaconVote,
  verifyContributions,
} from './beacon.ts';
import type { BeaconMessage, PreparedValue } from './beacon-message.ts';
import { hashValidatorSet, MAX_VALIDATORS, type SetMember, sortMembers } from './validator-set.ts';

export type BeaconAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: BeaconMessage }
  /** Must be durable before any later action of the list runs. Otherwise a restarted validator could sign two values. */
  | { readonly kind: 'persist'; readonly vote: BeaconVote }
  /** A vote to sign and to send to the view's proposer, which may be this validator. It is dropped if it cannot be signed. */
  | {
      readonly kind: 'vote';
      readonly to: Uint8Array;
      readonly phase: BeaconPhase;
      readonly statement: BeaconStatement;
    }
  | { readonly kind: 'certified'; readonly certificate: BeaconCertificate }
  /** The members of a set that this validator did not know. They are needed again after a restart. */
  | { readonly kind: 'learned'; readonly set: Uint8Array; readonly members: readonly SetMember[] };

/** The head of the chain of values. */
export interface BeaconPoint {
  readonly epoch: bigint;
  readonly value: Uint8Array;
  /** Absent at genesis. */
  readonly certificate?: BeaconCertificate | undefined;
}

/** The choice that validators agree on in an epoch. */
export interface BeaconChoice {
  readonly value: Uint8Array;
  /** Hash of the validators of the epoch after the next. The registry listed them at the block. */
  readonly next: Uint8Array;
  readonly block: bigint;
}

/** This validator's signed votes in an epoch. The choice is the one that it prepared in the view. */
export interface BeaconVote extends BeaconChoice {
  readonly epoch: bigint;
  /** The highest view that it voted in. */
  readonly view: number;
  /** The value that it committed to last. */
  readonly lock: PreparedValue | undefined;
}

export interface BeaconMachineOptions {
  readonly network: BeaconNetwork;
  readonly start: BeaconPoint;
  /**
   * Begins with the validators that the registry lists now, ignoring certificates. It is for a network that lost its certified
   * validators.
   */
  readonly isRestart?: boolean | undefined;
  /** The vote persisted last, after a restart. */
  readonly vote?: BeaconVote | undefined;
  /** Time from learning a value to the start of the next epoch. */
  readonly epochMs: number;
  /** Returns the begin of an epoch, if the chain times epochs; a late epoch begins at once. Then `epochMs` does not apply. */
  readonly startOf?: ((epoch: bigint) => number) | undefined;
  /** The wait for the proposer of view 0. In view v it is v + 1 times as long. */
  readonly viewTimeoutMs: number;
  /** The time that a proposer with a quorum of contributions waits for the others. */
  readonly gatherMs: number;
  /** The interval at which a proposer repeats unanswered messages. */
  readonly resendMs: number;
}

export interface BeaconMachineDependencies {
  readonly crypto: Crypto;
  /** This validator's account. */
  readonly self: Uint8Array;
  /** RFC 9381 proof under this validator's VRF key. */
  proveVrf(input: Uint8Array): Uint8Array;
  /** Returns this validator's last reading of the registry. */
  reading(): SetReading;
  /** Returns the members of a set, if this validator has read or received them. */
  findSet(hash: Uint8Array): readonly SetMember[] | undefined;
  /**
   * Returns whether the registry recently listed this set at this block. Undefined if the block was not read yet: the caller
   * reads it and asks again.
   */
  isListed(set: Uint8Array, block: bigint): boolean | undefined;
}

export interface SetReading {
  readonly members: readonly SetMember[];
  readonly block: bigint;
}

/** The sets that are fixed when an epoch begins. */
export interface FixedSets {
  /** Hash of the validators of the epoch. */
  readonly set: Uint8Array;
  /** Hash of the validators of the next epoch. */
  readonly following: Uint8Array;
  /** The block at which the registry listed the validators of the next epoch. */
  readonly block: bigint;
}

/** Messages that the proposer of the current view has collected. */
interface Round {
  readonly contributions: Map<string, BeaconContribution>;
  readonly votes: Record<BeaconPhase, Map<string, QuorumSignature>>;
  highestLock?: PreparedValue | undefined;
  proposal?: {
    readonly message: BeaconMessage;
    readonly statement: BeaconStatement;
    readonly parts: readonly BeaconContribution[];
  };
  prepared?: PreparedValue;
  sentMs: number;
}

/** The most values stored per epoch. An honest epoch has one value per view; a lying proposer may send any number. */
const MAX_KNOWN_VALUES = 64;

/** The state that the steps below read and change. */
export interface MachineState {
  readonly options: BeaconMachineOptions;
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  /** This validator's account. */
  readonly self: Uint8Array;
  proveVrf(input: Uint8Array): Uint8Array;
  readonly sets: Pick<BeaconMachineDependencies, 'reading' | 'findSet' | 'isListed'>;
  latest: BeaconPoint;
  /** The epoch that is being agreed on: the one after `latest`. */
  epoch: bigint;
  fixed: FixedSets;
  /** Validators of this epoch, ascending by address. Empty while only their hash is known. */
  validators: readonly SetMember[];
  totalStake: bigint;
  /** Unknown until the first tick. */
  startsAtMs: number | undefined;
  view: number;
  /** Whether this validator has entered the view. */
  entered: boolean;
  viewStartedMs: number;
  round: Round;
  vote: BeaconVote | undefined;
  ownProof: Uint8Array | undefined;
  /** Values of valid contributions, by the hash of the list. */
  knownValues: Map<string, Uint8Array>;
  /** The highest view in which each peer sent a message. */
  viewsOfPeers: Map<string, number>;
  /** Time of the last request for unknown sets. */
  askedForSetsMs: number;
  /** Actions that the caller must run, in order. */
  actions: BeaconAction[];
  /** Messages of this validator to itself, handled before a step ends. */
  readonly toSelf: BeaconMessage[];
}

/** Computes the start of an epoch. @param nowMs time at which the value before it was learned. */
function startAfter(
  { epochMs, startOf }: Pick<BeaconMachineOptions, 'epochMs' | 'startOf'>,
  epoch: bigint,
  nowMs: number,
): number {
  return startOf === undefined ? nowMs + epochMs : Math.max(nowMs, startOf(epoch));
}

/** Starts the epoch after the latest known value. */
export function startEpoch(
  options: Pick<BeaconMachineOptions, 'epochMs' | 'startOf'>,
  latest: BeaconPoint,
  { fixed, members = [] }: { readonly fixed: FixedSets; readonly members?: readonly SetMember[] | undefined },
  nowMs: number | undefined,
) {
  return {
    latest,
    fixed,
    epoch: latest.epoch + 1n,
    validators: sortMembers(members),
    totalStake: computeTotalStake(members),
    startsAtMs: nowMs === undefined ? undefined : startAfter(options, latest.epoch + 1n, nowMs),
    view: 0,
    entered: false,
    viewStartedMs: 0,
    round: createRound(),
    vote: undefined,
    ownProof: undefined,
    knownValues: new Map<string, Uint8Array>(),
    viewsOfPeers: new Map<string, number>(),
  };
}

/**
 * Fixes the sets after a certificate: the set that it follows, and the set that it adds. Nobody knew any contribution of the
 * epoch when the added set was read. So nobody could choose a key by the value that its proofs cover. Before the first
 * certificate, each validator uses its own reading.
 */
export function fixSets(
  { crypto, network, sets }: Pick<MachineState, 'crypto' | 'network' | 'sets'>,
  certificate: BeaconCertificate | undefined,
) {
  if (certificate !== undefined) {
    const { following: set, next: following, block } = certificate;
    return { fixed: { set, following, block }, members: sets.findSet(set) };
  }
  const { members, block } = sets.reading();
  const set = hashValidatorSet(crypto, network, members);
  return { fixed: { set, following: set, block }, members };
}

/**
 * Wraps a crypto so that a valid proof is checked only once. A contribution carries it, and then each list of contributions
 * does.
 */
export function rememberProofs(crypto: Crypto): Crypto {
  const outputs = new Map<string, Uint8Array>();
  return {
    ...crypto,
    verifyVrf(publicKey, alpha, proof) {
      const key = [publicKey, alpha, proof].map(toHex).join();
      const known = outputs.get(key);
      if (known !== undefined) return known;
      const output = crypto.verifyVrf(publicKey, alpha, proof);
      if (outputs.size >= MAX_VALIDATORS) outputs.clear();
      if (output !== undefined) outputs.set(key, output);
      return output;
    },
  };
}

function createRound(): Round {
  return { contributions: new Map(), votes: { prepare: new Map(), commit: new Map() }, sentMs: 0 };
}

export function proposerOf(state: MachineState, atView: number): Uint8Array | undefined {
  if (state.validators.length === 0) return undefined;
  return state.validators[Number((state.epoch + BigInt(atView)) % BigInt(state.validators.length))]?.address;
}

export function isProposer(state: MachineState, address: Uint8Array, atView: number): boolean {
  const proposer = proposerOf(state, atView);
  return proposer !== undefined && equalBytes(proposer, address);
}

export function send(state: MachineState, to: Uint8Array, message: BeaconMessage): void {
  if (equalBytes(to, state.self)) state.toSelf.push(message);
  else state.actions.push({ kind: 'send', to, message });
}

export function broadcast(state: MachineState, message: BeaconMessage, answered?: ReadonlyMap<string, unknown>): void {
  for (const { address } of state.validators) if (!answered?.has(toHex(address))) send(state, address, message);
}

export function enterView(state: MachineState, next: number, nowMs: number): void {
  state.view = next;
  state.entered = true;
  state.viewStartedMs = nowMs;
  state.round = createRound();
  state.round.sentMs = nowMs;
  const proposer = proposerOf(state, next);
  // All validators enter view 0 by their own clocks, so only its proposer must know. In a later view, validators that are
  // behind must know too.
  if (next > 0 || isProposer(state, state.self, next)) broadcast(state, viewMessage(state));
  else if (proposer !== undefined) send(state, proposer, viewMessage(state));
}

export function viewMessage(state: MachineState): BeaconMessage {
  const { epoch, view, latest, fixed } = state;
  return { kind: 'view', epoch, view, previous: latest.value, set: fixed.set };
}

/** Computes the value of valid contributions. It is cached, since several messages carry the same list. */
export function computeValue(
  state: MachineState,
  contributions: readonly BeaconContribution[],
): Uint8Array | undefined {
  const writer = createWriter();
  for (const { validator, proof } of contributions) writer.bytes(validator).bytes(proof);
  const key = toHex(state.crypto.sha256(writer.finish()));
  const known = state.knownValues.get(key);
  if (known !== undefined) return known;
  const { value } = verifyContributions(state.crypto, state.network, {
    epoch: state.epoch,
    previous: state.latest.value,
    set: state.fixed.set,
    contributions,
    validators: state.validators,
  });
  if (state.knownValues.size >= MAX_KNOWN_VALUES) state.knownValues.clear();
  if (value !== undefined) state.knownValues.set(key, value);
  return value;
}

/** Returns the full subject of a vote. */
export function stateChoice(state: MachineState, { value, next, block }: BeaconChoice): BeaconStatement {
  const { epoch, view, latest, fixed } = state;
  return { epoch, view, previous: latest.value, value, set: fixed.set, following: fixed.following, next, block };
}

export function isSameChoice(a: BeaconChoice, b: BeaconChoice): boolean {
  return equalBytes(a.value, b.value) && equalBytes(a.next, b.next) && a.block === b.block;
}

export function isAgreed(state: MachineState, phase: BeaconPhase, agreed: BeaconCertificate): boolean {
  if (agreed.epoch !== state.epoch || !equalBytes(agreed.previous, state.latest.value)) return false;
  if (!equalBytes(agreed.set, state.fixed.set) || !equalBytes(agreed.following, state.fixed.following)) return false;
  const value = computeValue(state, agreed.contributions);
  if (value === undefined || !equalBytes(value, agreed.value)) return false;
  const digest = hashBeaconVote(state.crypto, state.network, phase, agreed);
  return verifyQuorum(state.crypto, { digest, signatures: agreed.signatures, validators: state.validators }).ok;
}
