import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import { findValidator, isQuorum, sortBySigner } from '../crypto/quorum.ts';
import {
  type BeaconCertificate,
  type BeaconPhase,
  encodeVrfInput,
  hashBeaconVote,
  type VrfSubject,
  verifyBeaconCertificate,
} from './beacon.ts';
import type { BeaconMessage } from './beacon-message.ts';

import {
  type BeaconVote,
  broadcast,
  computeValue,
  enterView,
  isAgreed,
  isProposer,
  type MachineState,
  proposerOf,
  selectValidators,
  send,
  startEpoch,
  viewMessage,
} from './beacon-state.ts';

/**
 * Enters the highest view that validators with more than a third of the stake have reached. One of them is honest, and
 * the first honest validator in a view came there by its own timeout: so no liar, a proposer included, shortens a view.
 */
export function catchUp(state: MachineState, from: Uint8Array, viewOfPeer: number, nowMs: number): void {
  const key = toHex(from);
  state.viewsOfPeers.set(key, Math.max(viewOfPeer, state.viewsOfPeers.get(key) ?? viewOfPeer));
  let stake = 0n;
  const ahead = state.validators
    .map(({ address, stake: weight }) => ({ weight, at: viewOf(state, address) }))
    .filter(({ at }) => at > state.view || (at === state.view && !state.entered))
    .sort((a, b) => b.at - a.at);
  for (const { weight, at } of ahead) {
    stake += weight;
    if (3n * stake > state.totalStake) {
      enterView(state, at, nowMs);
      return;
    }
  }
}

/** The highest view that a validator was heard in; -1 where it was not heard in this epoch. */
function viewOf(state: MachineState, address: Uint8Array): number {
  return state.viewsOfPeers.get(toHex(address)) ?? -1;
}

/** Tells those who were not heard in this view that it has begun, unless it is the first. */
export function repeatView(state: MachineState): void {
  if (state.view === 0) return;
  for (const { address } of state.validators)
    if (viewOf(state, address) < state.view && !equalBytes(address, state.self))
      send(state, address, viewMessage(state));
}

/** Whether a message is of the proposer of the view that this validator is in. */
function isOfProposer(state: MachineState, from: Uint8Array, view: number): boolean {
  return view === state.view && isProposer(state, from, view);
}

/** Answers the proposer with a contribution; a proposer asks whoever enters its view later than itself. */
export function answerView(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'view' }): void {
  if (message.view !== state.view || !equalBytes(message.previous, state.latest.value)) return;
  if (isProposer(state, from, state.view)) contribute(state, from);
  else if (isProposer(state, state.self, state.view) && !state.round.contributions.has(toHex(from)))
    send(state, from, viewMessage(state));
}

/** What a validator proves in this epoch. */
function subjectOf({ epoch, latest }: MachineState, validator: Uint8Array): VrfSubject {
  return { epoch, previous: latest.value, validator };
}

function contribute(state: MachineState, proposer: Uint8Array): void {
  state.ownProof ??= state.proveVrf(encodeVrfInput(state.network, subjectOf(state, state.self)));
  send(state, proposer, {
    kind: 'contribution',
    epoch: state.epoch,
    view: state.view,
    proof: state.ownProof,
    lock: state.vote?.lock,
  });
}

export function addContribution(
  state: MachineState,
  from: Uint8Array,
  message: BeaconMessage & { kind: 'contribution' },
  nowMs: number,
): void {
  if (message.view !== state.view || !isProposer(state, state.self, state.view) || state.round.proposal !== undefined)
    return;
  const key = toHex(from);
  const validator = findValidator(state.validators, from);
  if (validator === undefined || state.round.contributions.has(key)) return;
  const input = encodeVrfInput(state.network, subjectOf(state, from));
  if (state.crypto.verifyVrf(validator.vrfKey, input, message.proof) === undefined) return;
  state.round.contributions.set(key, { validator: from, proof: message.proof });
  const { lock } = message;
  if (lock !== undefined && lock.view > (state.round.highestLock?.view ?? -1) && isAgreed(state, 'prepare', lock))
    state.round.highestLock = lock;
  propose(state, nowMs);
}

export function propose(state: MachineState, nowMs: number): void {
  if (state.round.proposal !== undefined) return;
  const gathered = [...state.round.contributions.values()].sort((a, b) => compareBytes(a.validator, b.validator));
  const stake = gathered.reduce((sum, one) => sum + (findValidator(state.validators, one.validator)?.stake ?? 0n), 0n);
  if (!isQuorum(stake, state.totalStake)) return;
  if (gathered.length < state.validators.length && nowMs - state.viewStartedMs < state.options.gatherMs) return;
  const justify = state.round.highestLock;
  const parts = justify?.contributions ?? gathered;
  const value = computeValue(state, parts);
  if (value === undefined) return;
  const statement = { epoch: state.epoch, view: state.view, previous: state.latest.value, value };
  const message: BeaconMessage = {
    kind: 'proposal',
    epoch: state.epoch,
    view: state.view,
    previous: state.latest.value,
    contributions: parts,
    justify,
  };
  state.round.proposal = { message, statement, parts };
  state.round.sentMs = nowMs;
  broadcast(state, message);
}

export function prepare(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'proposal' }): void {
  if (!isOfProposer(state, from, message.view) || !equalBytes(message.previous, state.latest.value)) return;
  const value = computeValue(state, message.contributions);
  if (value === undefined) return;
  if (state.vote !== undefined && state.vote.view === state.view && !equalBytes(state.vote.value, value)) return;
  const { justify } = message;
  const lock = state.vote?.lock;
  if (
    justify !== undefined &&
    !(justify.view < state.view && equalBytes(justify.value, value) && isAgreed(state, 'prepare', justify))
  )
    return;
  if (lock !== undefined && !equalBytes(lock.value, value) && (justify === undefined || justify.view < lock.view))
    return;
  speak(state, 'prepare', { epoch: state.epoch, view: state.view, value, lock });
}

export function commit(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'prepared' }): void {
  const { prepared } = message;
  if (prepared.view !== message.view || !isOfProposer(state, from, message.view)) return;
  if (isAgreed(state, 'prepare', prepared))
    speak(state, 'commit', { epoch: state.epoch, view: state.view, value: prepared.value, lock: prepared });
}

/** Persists, then signs, so that every vote that was sent is on disk. */
function speak(state: MachineState, phase: BeaconPhase, next: BeaconVote): void {
  state.vote = next;
  state.actions.push({ kind: 'persist', vote: next });
  const digest = hashBeaconVote(state.crypto, state.network, phase, { ...next, previous: state.latest.value });
  const proposer = proposerOf(state, state.view) as Uint8Array;
  send(state, proposer, {
    kind: 'vote',
    phase,
    epoch: state.epoch,
    view: state.view,
    value: next.value,
    signature: state.signer.signDigest(digest),
  });
}

export function addVote(
  state: MachineState,
  from: Uint8Array,
  message: BeaconMessage & { kind: 'vote' },
  nowMs: number,
): void {
  const { proposal } = state.round;
  if (message.view !== state.view || proposal === undefined || !equalBytes(message.value, proposal.statement.value))
    return;
  const { phase, signature } = message;
  const votes = state.round.votes[phase];
  const key = toHex(from);
  if (votes.has(key) || (phase === 'commit') !== (state.round.prepared !== undefined)) return;
  if (
    !state.crypto.verifyAddress(hashBeaconVote(state.crypto, state.network, phase, proposal.statement), signature, from)
  )
    return;
  votes.set(key, { signer: from, signature });
  const signatures = sortBySigner([...votes.values()]);
  const stake = signatures.reduce(
    (sum, { signer: by }) => sum + (findValidator(state.validators, by)?.stake ?? 0n),
    0n,
  );
  if (!isQuorum(stake, state.totalStake)) return;
  const agreed = { ...proposal.statement, contributions: proposal.parts, signatures };
  if (phase === 'prepare') {
    state.round.prepared = agreed;
    state.round.sentMs = nowMs;
    broadcast(state, { kind: 'prepared', epoch: state.epoch, view: state.view, prepared: agreed });
  } else {
    broadcast(state, { kind: 'certificate', epoch: state.epoch, certificate: agreed });
  }
}

export function adopt(state: MachineState, certificate: BeaconCertificate, nowMs: number): void {
  const holds =
    certificate.epoch === state.epoch
      ? isAgreed(state, 'commit', certificate)
      : certificate.epoch > state.epoch &&
        verifyBeaconCertificate(state.crypto, state.network, { certificate, validators: state.readValidators() }).ok;
  if (!holds) return;
  // Whoever slept through epochs cannot tell who is new.
  const listed = state.readValidators();
  const members = certificate.epoch === state.epoch ? selectValidators(state) : { validators: listed, listed };
  state.actions.push({ kind: 'certified', certificate });
  const latest = { epoch: certificate.epoch, value: certificate.value, certificate };
  Object.assign(state, startEpoch(state.options, latest, members, nowMs));
}
