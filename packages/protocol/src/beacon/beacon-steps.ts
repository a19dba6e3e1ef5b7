import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import { computeTotalStake, findValidator, isQuorum, sortBySigner } from '../crypto/quorum.ts';
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
  type BeaconChoice,
  type BeaconVote,
  broadcast,
  computeValue,
  enterView,
  fixSets,
  isAgreed,
  isProposer,
  isSameChoice,
  type MachineState,
  proposerOf,
  send,
  startEpoch,
  stateChoice,
  viewMessage,
} from './beacon-state.ts';
import { hashValidatorSet, type SetMember, sortMembers } from './validator-set.ts';

/**
 * Enters the highest view that validators with more than a third of the stake have reached. One of them is honest, and the
 * first honest validator in a view came there by its own timeout. So no liar shortens a view, not even a proposer.
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

/** Returns the highest view of a validator's messages; -1 if it sent none in this epoch. */
function viewOf(state: MachineState, address: Uint8Array): number {
  return state.viewsOfPeers.get(toHex(address)) ?? -1;
}

/** Tells validators without a message in this view that it has begun, unless it is the first. */
export function repeatView(state: MachineState): void {
  if (state.view === 0) return;
  for (const { address } of state.validators)
    if (viewOf(state, address) < state.view && !equalBytes(address, state.self))
      send(state, address, viewMessage(state));
}

/** Returns whether a message comes from the proposer of this validator's view. */
function isOfProposer(state: MachineState, from: Uint8Array, view: number): boolean {
  return view === state.view && isProposer(state, from, view);
}

/** Answers the proposer with a contribution. A proposer asks each validator that enters its view later than itself. */
export function answerView(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'view' }): void {
  if (message.view !== state.view || !isOfThisEpoch(state, message)) return;
  if (isProposer(state, from, state.view)) contribute(state, from);
  else if (isProposer(state, state.self, state.view) && !state.round.contributions.has(toHex(from)))
    send(state, from, viewMessage(state));
}

/** Returns whether a peer builds on the same value, with the same validators. */
function isOfThisEpoch(
  { latest, fixed }: MachineState,
  { previous, set }: { readonly previous: Uint8Array; readonly set: Uint8Array },
): boolean {
  return equalBytes(previous, latest.value) && equalBytes(set, fixed.set);
}

/** Returns the subject that a validator proves in this epoch. */
function subjectOf({ epoch, latest, fixed }: MachineState, validator: Uint8Array): VrfSubject {
  return { epoch, previous: latest.value, set: fixed.set, validator };
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

/** Returns the set that a proposer names: its last reading of the registry. Without a newer reading it is the set before. */
function chooseNext({ crypto, network, sets, fixed }: MachineState): Pick<BeaconChoice, 'next' | 'block'> {
  const { members, block } = sets.reading();
  if (members.length === 0 || block < fixed.block) return { next: fixed.following, block: fixed.block };
  return { next: hashValidatorSet(crypto, network, members), block };
}

/** Returns whether a proposer's set is one that this validator also finds on the chain, or the set before once more. */
function isNextSound({ sets, fixed }: MachineState, { next, block }: Pick<BeaconChoice, 'next' | 'block'>): boolean {
  if (block === fixed.block && equalBytes(next, fixed.following)) return true;
  return block >= fixed.block && sets.isListed(next, block) === true;
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
  const statement = stateChoice(state, { value, ...(justify ?? chooseNext(state)) });
  const { epoch, view, previous, set, next, block } = statement;
  const message: BeaconMessage = {
    ...{ kind: 'proposal', epoch, view, previous, set, next, block },
    contributions: parts,
    justify,
  };
  state.round.proposal = { message, statement, parts };
  state.round.sentMs = nowMs;
  broadcast(state, message);
}

export function prepare(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'proposal' }): void {
  if (!isOfProposer(state, from, message.view) || !isOfThisEpoch(state, message)) return;
  const value = computeValue(state, message.contributions);
  if (value === undefined) return;
  const { next, block, justify } = message;
  const choice = { value, next, block };
  if (state.vote !== undefined && state.vote.view === state.view && !isSameChoice(state.vote, choice)) return;
  const lock = state.vote?.lock;
  if (justify !== undefined) {
    if (justify.view >= state.view || !isSameChoice(justify, choice) || !isAgreed(state, 'prepare', justify)) return;
  } else if (!isNextSound(state, choice)) return;
  if (lock !== undefined && !isSameChoice(lock, choice) && (justify === undefined || justify.view < lock.view)) return;
  speak(state, 'prepare', { epoch: state.epoch, view: state.view, ...choice, lock });
}

export function commit(state: MachineState, from: Uint8Array, message: BeaconMessage & { kind: 'prepared' }): void {
  const { prepared } = message;
  if (prepared.view !== message.view || !isOfProposer(state, from, message.view)) return;
  if (isAgreed(state, 'prepare', prepared))
    speak(state, 'commit', {
      ...{ epoch: state.epoch, view: state.view, lock: prepared },
      ...{ value: prepared.value, next: prepared.next, block: prepared.block },
    });
}

/** Persists a vote before it is signed, so that every sent vote is on disk. */
function speak(state: MachineState, phase: BeaconPhase, next: BeaconVote): void {
  state.vote = next;
  state.actions.push({ kind: 'persist', vote: next });
  const to = proposerOf(state, state.view) as Uint8Array;
  state.actions.push({ kind: 'vote', to, phase, statement: stateChoice(state, next) });
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
  const voter = findValidator(state.validators, from);
  if (voter === undefined || votes.has(key) || (phase === 'commit') !== (state.round.prepared !== undefined)) return;
  const digest = hashBeaconVote(state.crypto, state.network, phase, proposal.statement);
  if (!state.crypto.verifyAddress(digest, signature, voter.signingKey)) return;
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
    certificate.epoch === state.epoch && state.validators.length > 0
      ? isAgreed(state, 'commit', certificate) || isOfSetBefore(state, certificate)
      : certificate.epoch >= state.epoch && isCertified(state, certificate);
  if (!holds) return;
  state.actions.push({ kind: 'certified', certificate });
  const latest = { epoch: certificate.epoch, value: certificate.value, certificate };
  Object.assign(state, startEpoch(state.options, latest, fixSets(state, certificate), nowMs));
}

/**
 * Returns whether the set that the previous certificate names has agreed on this certificate. It is for a validator that began
 * the epoch again with the listed validators. The others may have ended the epoch with the earlier set, and would answer with
 * that certificate for ever. A validator that has committed to a value of the new set refuses certificates of the earlier one.
 * The new value may be certified. A liar that withheld the old certificate could divide the validators that have begun again.
 */
function isOfSetBefore(state: MachineState, certificate: BeaconCertificate): boolean {
  if (state.latest.certificate === undefined || state.vote?.lock !== undefined) return false;
  const { fixed, members = [] } = fixSets(state, state.latest.certificate);
  if (members.length === 0 || equalBytes(fixed.set, state.fixed.set)) return false;
  const validators = sortMembers(members);
  // The known values were proven to another set.
  const before = { ...state, fixed, validators, totalStake: computeTotalStake(members), knownValues: new Map() };
  return isAgreed(before, 'commit', certificate);
}

/**
 * Returns whether the validators that are listed now certify the value. It is for a validator that missed epochs. The set that
 * the certificate names proves nothing here: it may be a small old set with dishonest members.
 */
function isCertified({ crypto, network, sets }: MachineState, certificate: BeaconCertificate): boolean {
  return verifyBeaconCertificate(crypto, network, { certificate, validators: sets.reading().members }).ok;
}

/** Asks for the members of unknown sets that certificates name. */
export function askForSets(state: MachineState): void {
  const { epoch, sets, fixed, self } = state;
  const isKnown = (set: Uint8Array): boolean =>
    (equalBytes(set, fixed.set) && state.validators.length > 0) || sets.findSet(set) !== undefined;
  for (const set of [fixed.set, fixed.following].filter((one) => !isKnown(one))) {
    const whom = state.validators.length > 0 ? state.validators : sets.reading().members;
    for (const { address } of whom)
      if (!equalBytes(address, self)) send(state, address, { kind: 'set-request', epoch, set });
  }
}

export function answerSet(state: MachineState, from: Uint8Array, asked: Uint8Array): void {
  const { epoch, sets, fixed, validators } = state;
  const members = equalBytes(asked, fixed.set) && validators.length > 0 ? validators : sets.findSet(asked);
  if (members !== undefined) send(state, from, { kind: 'set', epoch, members: sortMembers(members) });
}

/** Accepts a set from any sender, because its hash proves that a certificate names it. */
export function learnSet(state: MachineState, members: readonly SetMember[]): void {
  const { crypto, network, fixed, sets } = state;
  const set = hashValidatorSet(crypto, network, members);
  const isMissing = equalBytes(set, fixed.set) && state.validators.length === 0;
  const isAhead = equalBytes(set, fixed.following) && sets.findSet(set) === undefined;
  if (!isMissing && !isAhead) return;
  state.actions.push({ kind: 'learned', set, members });
  if (isMissing) Object.assign(state, { validators: sortMembers(members), totalStake: computeTotalStake(members) });
}
