import { compareBytes, createWriter, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import {
  computeTotalStake,
  findValidator,
  type QuorumMember,
  type QuorumSignature,
  verifyQuorum,
} from '../crypto/quorum.ts';
import {
  type BeaconCertificate,
  type BeaconContribution,
  type BeaconNetwork,
  type BeaconPhase,
  type BeaconStatement,
  hashBeaconVote,
  MAX_VALIDATORS,
  verifyContributions,
} from './beacon.ts';
import type { BeaconMessage, PreparedValue } from './beacon-message.ts';

export type BeaconAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: BeaconMessage }
  /**
   * Must be durable before any later action of the list is carried out: otherwise a restarted validator could sign two values.
   */
  | { readonly kind: 'persist'; readonly vote: BeaconVote }
  | { readonly kind: 'certified'; readonly certificate: BeaconCertificate };

/** Where the chain of values stands. */
export interface BeaconPoint {
  readonly epoch: bigint;
  readonly value: Uint8Array;
  /** Absent at genesis. */
  readonly certificate?: BeaconCertificate | undefined;
}

/** What this validator has signed in an epoch. */
export interface BeaconVote {
  readonly epoch: bigint;
  /** The highest view that it voted in. */
  readonly view: number;
  /** The value that it prepared there. */
  readonly value: Uint8Array;
  /** The value that it committed to last. */
  readonly lock: PreparedValue | undefined;
}

export interface BeaconMachineOptions {
  readonly network: BeaconNetwork;
  readonly start: BeaconPoint;
  /** The vote persisted last, after a restart. */
  readonly vote?: BeaconVote | undefined;
  /** From learning a value to starting on the next. */
  readonly epochMs: number;
  /** How long to wait for the proposer of view 0; in view v, v + 1 times as long. */
  readonly viewTimeoutMs: number;
  /** How long a proposer with a quorum of contributions waits for the others. */
  readonly gatherMs: number;
  /** How often a proposer repeats what was not answered. */
  readonly resendMs: number;
}

export interface BeaconMachineDependencies {
  readonly crypto: Crypto;
  readonly signer: LedgerSigner;
  /** RFC 9381 proof under this validator's VRF key. */
  proveVrf(input: Uint8Array): Uint8Array;
  /** The validators that the registry lists; read once when an epoch starts. Whoever is new takes part an epoch later. */
  validators(): readonly QuorumMember[];
}

/** What the proposer of the current view has collected. */
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

/** An honest epoch sees one value per view; a proposer that lies may send any number. */
const MAX_KNOWN_VALUES = 64;

/** All that the steps below read and change. */
export interface MachineState {
  readonly options: BeaconMachineOptions;
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly signer: LedgerSigner;
  /** This validator's ledger address. */
  readonly self: Uint8Array;
  proveVrf(input: Uint8Array): Uint8Array;
  readValidators(): readonly QuorumMember[];
  latest: BeaconPoint;
  /** The epoch whose value is sought: the one after `latest`. */
  epoch: bigint;
  /** Of this epoch, ascending by address. */
  validators: readonly QuorumMember[];
  /** Whom the registry listed when the epoch began. */
  listed: readonly QuorumMember[];
  totalStake: bigint;
  /** Unknown until the first tick. */
  startsAtMs: number | undefined;
  view: number;
  /** Whether this validator has begun with the view. */
  entered: boolean;
  viewStartedMs: number;
  round: Round;
  vote: BeaconVote | undefined;
  ownProof: Uint8Array | undefined;
  /** Values of contributions that hold, by the hash of the list. */
  knownValues: Map<string, Uint8Array>;
  /** The highest view that each peer spoke in. */
  viewsOfPeers: Map<string, number>;
  /** What the caller has to do, in order. */
  actions: BeaconAction[];
  /** Messages of this validator to itself, handled before a step ends. */
  readonly toSelf: BeaconMessage[];
}

/** What an epoch begins with, after the value that is known last. */
export function startEpoch(
  { epochMs }: Pick<BeaconMachineOptions, 'epochMs'>,
  latest: BeaconPoint,
  { validators, listed }: Pick<MachineState, 'validators' | 'listed'>,
  nowMs: number | undefined,
) {
  return {
    latest,
    listed,
    epoch: latest.epoch + 1n,
    validators: [...validators].sort((a, b) => compareBytes(a.address, b.address)),
    totalStake: computeTotalStake(validators),
    startsAtMs: nowMs === undefined ? undefined : nowMs + epochMs,
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
 * Who takes part in the epoch after this one: whoever was listed, under the same key, before this one began. Nobody knew a contribution to
 * this one then, so nobody could choose a key by the value that the next one's proofs are about. Whoever left is gone at once.
 */
export function selectValidators(state: MachineState): Pick<MachineState, 'validators' | 'listed'> {
  const listed = state.readValidators();
  const validators = listed.filter(({ address, vrfKey }) => {
    const before = findValidator(state.listed, address);
    return before !== undefined && equalBytes(before.vrfKey, vrfKey);
  });
  return { validators, listed };
}

/** A proof that holds is checked once: a contribution carries it, and then each list of contributions does. */
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
  // All enter view 0 by their own clocks, so only its proposer has to know. A later view has to be known to those left behind.
  if (next > 0 || isProposer(state, state.self, next)) broadcast(state, viewMessage(state));
  else if (proposer !== undefined) send(state, proposer, viewMessage(state));
}

export function viewMessage(state: MachineState): BeaconMessage {
  return { kind: 'view', epoch: state.epoch, view: state.view, previous: state.latest.value };
}

/** The value of valid contributions. It is cached, since several messages carry the same list. */
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
    contributions,
    validators: state.validators,
  });
  if (state.knownValues.size >= MAX_KNOWN_VALUES) state.knownValues.clear();
  if (value !== undefined) state.knownValues.set(key, value);
  return value;
}

export function isAgreed(state: MachineState, phase: BeaconPhase, agreed: BeaconCertificate): boolean {
  if (agreed.epoch !== state.epoch || !equalBytes(agreed.previous, state.latest.value)) return false;
  const value = computeValue(state, agreed.contributions);
  if (value === undefined || !equalBytes(value, agreed.value)) return false;
  const digest = hashBeaconVote(state.crypto, state.network, phase, agreed);
  return verifyQuorum(state.crypto, { digest, signatures: agreed.signatures, validators: state.validators }).ok;
}
