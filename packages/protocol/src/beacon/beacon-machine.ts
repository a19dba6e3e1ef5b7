import { compareBytes, createWriter, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import {
  computeTotalStake,
  findValidator,
  isQuorum,
  type QuorumMember,
  type QuorumSignature,
  sortBySigner,
  verifyQuorum,
} from '../crypto/quorum.ts';
import { verifyVrf } from '../crypto/vrf.ts';
import {
  type BeaconCertificate,
  type BeaconContribution,
  type BeaconNetwork,
  type BeaconPhase,
  type BeaconStatement,
  encodeVrfInput,
  hashBeaconVote,
  verifyBeaconCertificate,
  verifyContributions,
} from './beacon.ts';
import type { BeaconMessage, PreparedValue } from './beacon-message.ts';

/**
 * One validator's part in agreeing on each epoch's beacon (docs/spec/beacon.md). Per view one proposer, rotating by
 * epoch and view, gathers contributions, proposes a value, collects prepare votes into proof that the value is prepared,
 * and commit votes into the certificate. A validator prepares at most one value per view; whoever commits is locked on
 * that value and prepares another one only where it is proven prepared in a later view. So two certificates of one epoch
 * would need more than a third of the stake to lie, and a proposer that equivocates or dies costs one view.
 */
export interface BeaconMachine {
  /** The value known last: what the next epoch builds on. */
  readonly latest: BeaconPoint;
  tick(nowMs: number): BeaconAction[];
  /** @param from ledger address of the validator at the other end of the authenticated link. */
  receive(from: Uint8Array, message: BeaconMessage, nowMs: number): BeaconAction[];
}

export type BeaconAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: BeaconMessage }
  /** Must be durable before any later action of the list is carried out: it is what keeps a restart from lying. */
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
  /** Patience with the proposer of view 0; view v gets v + 1 times as much. */
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
  /** The validator set; read once when an epoch starts. */
  validators(): readonly QuorumMember[];
}

/** What the proposer of the current view has in hand. */
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

const MAX_PATIENCE = 8;
/** An honest epoch sees one value per view; a proposer that lies may send any number. */
const MAX_KNOWN_VALUES = 64;

export function createBeaconMachine(
  options: BeaconMachineOptions,
  { crypto, signer, proveVrf, validators: readValidators }: BeaconMachineDependencies,
): BeaconMachine {
  const { network } = options;
  const self = signer.address;
  let latest = options.start;
  let epoch: bigint;
  let validators: readonly QuorumMember[];
  let totalStake: bigint;
  let startsAtMs: number | undefined;
  let view: number;
  let entered: boolean;
  let viewStartedMs: number;
  let round: Round;
  let vote: BeaconVote | undefined;
  let ownProof: Uint8Array | undefined;
  let knownValues: Map<string, Uint8Array>;
  let viewsOfPeers: Map<string, number>;
  let actions: BeaconAction[] = [];
  const toSelf: BeaconMessage[] = [];

  beginEpoch(undefined);
  if (options.vote !== undefined && options.vote.epoch === epoch!) {
    vote = options.vote;
    // The view of the last vote may be half spoken in; silence there is safer than remembering every word.
    view = vote.view + 1;
  }

  function beginEpoch(nowMs: number | undefined): void {
    epoch = latest.epoch + 1n;
    validators = [...readValidators()].sort((a, b) => compareBytes(a.address, b.address));
    totalStake = computeTotalStake(validators);
    startsAtMs = nowMs === undefined ? undefined : nowMs + options.epochMs;
    view = 0;
    entered = false;
    viewStartedMs = 0;
    round = createRound();
    vote = undefined;
    ownProof = undefined;
    knownValues = new Map();
    viewsOfPeers = new Map();
  }

  function createRound(): Round {
    return { contributions: new Map(), votes: { prepare: new Map(), commit: new Map() }, sentMs: 0 };
  }

  function proposerOf(atView: number): Uint8Array | undefined {
    if (validators.length === 0) return undefined;
    return validators[Number((epoch + BigInt(atView)) % BigInt(validators.length))]?.address;
  }

  const isProposer = (address: Uint8Array, atView: number): boolean => {
    const proposer = proposerOf(atView);
    return proposer !== undefined && equalBytes(proposer, address);
  };

  function send(to: Uint8Array, message: BeaconMessage): void {
    if (equalBytes(to, self)) toSelf.push(message);
    else actions.push({ kind: 'send', to, message });
  }

  function broadcast(message: BeaconMessage, answered?: ReadonlyMap<string, unknown>): void {
    for (const { address } of validators) if (!answered?.has(toHex(address))) send(address, message);
  }

  function enterView(next: number, nowMs: number): void {
    view = next;
    entered = true;
    viewStartedMs = nowMs;
    round = createRound();
    round.sentMs = nowMs;
    if (isProposer(self, view)) broadcast(requestMessage());
  }

  function requestMessage(): BeaconMessage {
    return { kind: 'contribution-request', epoch, view, previous: latest.value };
  }

  function tick(nowMs: number): void {
    startsAtMs ??= nowMs;
    if (nowMs < startsAtMs || findValidator(validators, self) === undefined) return;
    const patience = options.viewTimeoutMs * Math.min(view + 1, MAX_PATIENCE);
    if (!entered) enterView(view, nowMs);
    else if (nowMs - viewStartedMs >= patience) enterView(view + 1, nowMs);
    if (!isProposer(self, view)) return;
    propose(nowMs);
    if (nowMs - round.sentMs < options.resendMs) return;
    round.sentMs = nowMs;
    if (round.prepared !== undefined)
      broadcast({ kind: 'prepared', epoch, view, prepared: round.prepared }, round.votes.commit);
    else if (round.proposal !== undefined) broadcast(round.proposal.message, round.votes.prepare);
    else broadcast(requestMessage(), round.contributions);
  }

  function receive(from: Uint8Array, message: BeaconMessage, nowMs: number): void {
    if (message.kind === 'certificate') {
      adopt(message.certificate, nowMs);
    } else if (findValidator(validators, from) === undefined) {
      return;
    } else if (message.kind === 'certificate-request' || message.epoch < epoch) {
      const { certificate } = latest;
      if (certificate !== undefined) send(from, { kind: 'certificate', epoch: certificate.epoch, certificate });
    } else if (message.epoch > epoch) {
      send(from, { kind: 'certificate-request', epoch });
    } else if (startsAtMs !== undefined && nowMs >= startsAtMs && findValidator(validators, self) !== undefined) {
      catchUp(from, message.view, nowMs);
      if (message.kind === 'contribution-request') contribute(from, message, nowMs);
      else if (message.kind === 'contribution') addContribution(from, message, nowMs);
      else if (message.kind === 'proposal') prepare(from, message, nowMs);
      else if (message.kind === 'prepared') commit(from, message, nowMs);
      else addVote(from, message, nowMs);
    }
  }

  /** Where more than a third of the stake is, an honest validator is: nobody needs to wait in an earlier view. */
  function catchUp(from: Uint8Array, viewOfPeer: number, nowMs: number): void {
    const key = toHex(from);
    viewsOfPeers.set(key, Math.max(viewOfPeer, viewsOfPeers.get(key) ?? 0));
    let stake = 0n;
    const ahead = validators
      .map(({ address, stake: weight }) => ({ weight, at: viewsOfPeers.get(toHex(address)) ?? 0 }))
      .filter(({ at }) => at > view)
      .sort((a, b) => b.at - a.at);
    for (const { weight, at } of ahead) {
      stake += weight;
      if (3n * stake > totalStake) {
        enterView(at, nowMs);
        return;
      }
    }
  }

  /** A proposer moves others into its view, by no more than one turn of everybody: views must not run out. */
  function follow(from: Uint8Array, toView: number, nowMs: number): boolean {
    if (toView < view || toView > view + validators.length || !isProposer(from, toView)) return false;
    if (toView > view || !entered) enterView(toView, nowMs);
    return true;
  }

  function contribute(
    from: Uint8Array,
    message: BeaconMessage & { kind: 'contribution-request' },
    nowMs: number,
  ): void {
    if (!follow(from, message.view, nowMs) || !equalBytes(message.previous, latest.value)) return;
    ownProof ??= proveVrf(encodeVrfInput(network, epoch, latest.value));
    send(from, { kind: 'contribution', epoch, view, proof: ownProof, lock: vote?.lock });
  }

  function addContribution(from: Uint8Array, message: BeaconMessage & { kind: 'contribution' }, nowMs: number): void {
    if (message.view !== view || !isProposer(self, view) || round.proposal !== undefined) return;
    const key = toHex(from);
    const validator = findValidator(validators, from);
    if (validator === undefined || round.contributions.has(key)) return;
    if (verifyVrf(validator.vrfKey, encodeVrfInput(network, epoch, latest.value), message.proof) === undefined) return;
    round.contributions.set(key, { validator: from, proof: message.proof });
    const { lock } = message;
    if (lock !== undefined && lock.view > (round.highestLock?.view ?? -1) && isAgreed('prepare', lock))
      round.highestLock = lock;
    propose(nowMs);
  }

  function propose(nowMs: number): void {
    if (round.proposal !== undefined) return;
    const gathered = [...round.contributions.values()].sort((a, b) => compareBytes(a.validator, b.validator));
    const stake = gathered.reduce((sum, one) => sum + (findValidator(validators, one.validator)?.stake ?? 0n), 0n);
    if (!isQuorum(stake, totalStake)) return;
    if (gathered.length < validators.length && nowMs - viewStartedMs < options.gatherMs) return;
    const justify = round.highestLock;
    const parts = justify?.contributions ?? gathered;
    const value = computeValue(parts);
    if (value === undefined) return;
    const statement = { epoch, view, previous: latest.value, value };
    const message: BeaconMessage = {
      kind: 'proposal',
      epoch,
      view,
      previous: latest.value,
      contributions: parts,
      justify,
    };
    round.proposal = { message, statement, parts };
    round.sentMs = nowMs;
    broadcast(message);
  }

  function prepare(from: Uint8Array, message: BeaconMessage & { kind: 'proposal' }, nowMs: number): void {
    if (!follow(from, message.view, nowMs) || !equalBytes(message.previous, latest.value)) return;
    const value = computeValue(message.contributions);
    if (value === undefined) return;
    if (vote !== undefined && vote.view === view && !equalBytes(vote.value, value)) return;
    const { justify } = message;
    const lock = vote?.lock;
    if (
      justify !== undefined &&
      !(justify.view < view && equalBytes(justify.value, value) && isAgreed('prepare', justify))
    )
      return;
    if (lock !== undefined && !equalBytes(lock.value, value) && (justify === undefined || justify.view < lock.view))
      return;
    speak('prepare', { epoch, view, value, lock });
  }

  function commit(from: Uint8Array, message: BeaconMessage & { kind: 'prepared' }, nowMs: number): void {
    const { prepared } = message;
    if (prepared.view !== message.view || !follow(from, message.view, nowMs)) return;
    if (isAgreed('prepare', prepared)) speak('commit', { epoch, view, value: prepared.value, lock: prepared });
  }

  /** Persists, then signs: a vote that is out is a vote on disk. */
  function speak(phase: BeaconPhase, next: BeaconVote): void {
    vote = next;
    actions.push({ kind: 'persist', vote });
    const digest = hashBeaconVote(crypto, network, phase, { ...next, previous: latest.value });
    const proposer = proposerOf(view) as Uint8Array;
    send(proposer, { kind: 'vote', phase, epoch, view, value: next.value, signature: signer.signDigest(digest) });
  }

  function addVote(from: Uint8Array, message: BeaconMessage & { kind: 'vote' }, nowMs: number): void {
    const { proposal } = round;
    if (message.view !== view || proposal === undefined || !equalBytes(message.value, proposal.statement.value)) return;
    const { phase, signature } = message;
    const votes = round.votes[phase];
    const key = toHex(from);
    if (votes.has(key) || (phase === 'commit') !== (round.prepared !== undefined)) return;
    if (!crypto.verifyAddress(hashBeaconVote(crypto, network, phase, proposal.statement), signature, from)) return;
    votes.set(key, { signer: from, signature });
    const signatures = sortBySigner([...votes.values()]);
    const stake = signatures.reduce((sum, { signer: by }) => sum + (findValidator(validators, by)?.stake ?? 0n), 0n);
    if (!isQuorum(stake, totalStake)) return;
    const agreed = { ...proposal.statement, contributions: proposal.parts, signatures };
    if (phase === 'prepare') {
      round.prepared = agreed;
      round.sentMs = nowMs;
      broadcast({ kind: 'prepared', epoch, view, prepared: agreed });
    } else {
      broadcast({ kind: 'certificate', epoch, certificate: agreed });
    }
  }

  function adopt(certificate: BeaconCertificate, nowMs: number): void {
    const holds =
      certificate.epoch === epoch
        ? isAgreed('commit', certificate)
        : certificate.epoch > epoch &&
          verifyBeaconCertificate(crypto, network, { certificate, validators: readValidators() }).ok;
    if (!holds) return;
    latest = { epoch: certificate.epoch, value: certificate.value, certificate };
    actions.push({ kind: 'certified', certificate });
    beginEpoch(nowMs);
  }

  /** The value of contributions that hold, remembered: the same list comes by in several messages. */
  function computeValue(contributions: readonly BeaconContribution[]): Uint8Array | undefined {
    const writer = createWriter();
    for (const { validator, proof } of contributions) writer.bytes(validator).bytes(proof);
    const key = toHex(crypto.sha256(writer.finish()));
    const known = knownValues.get(key);
    if (known !== undefined) return known;
    const { value } = verifyContributions(crypto, network, {
      epoch,
      previous: latest.value,
      contributions,
      validators,
    });
    if (knownValues.size >= MAX_KNOWN_VALUES) knownValues.clear();
    if (value !== undefined) knownValues.set(key, value);
    return value;
  }

  function isAgreed(phase: BeaconPhase, agreed: BeaconCertificate): boolean {
    if (agreed.epoch !== epoch || !equalBytes(agreed.previous, latest.value)) return false;
    const value = computeValue(agreed.contributions);
    if (value === undefined || !equalBytes(value, agreed.value)) return false;
    const digest = hashBeaconVote(crypto, network, phase, agreed);
    return verifyQuorum(crypto, { digest, signatures: agreed.signatures, validators }).ok;
  }

  function run(step: () => void, nowMs: number): BeaconAction[] {
    step();
    for (let message = toSelf.shift(); message !== undefined; message = toSelf.shift()) receive(self, message, nowMs);
    const out = actions;
    actions = [];
    return out;
  }

  return {
    get latest() {
      return latest;
    },
    tick: (nowMs) => run(() => tick(nowMs), nowMs),
    receive: (from, message, nowMs) => run(() => receive(from, message, nowMs), nowMs),
  };
}
