import { equalBytes } from '../base/bytes.ts';
import { findValidator } from '../crypto/quorum.ts';
import type { BeaconMessage } from './beacon-message.ts';

import {
  type BeaconAction,
  type BeaconMachineDependencies,
  type BeaconMachineOptions,
  type BeaconPoint,
  type BeaconVote,
  broadcast,
  enterView,
  fixSets,
  isProposer,
  type MachineState,
  rememberProofs,
  send,
  startEpoch,
  viewMessage,
} from './beacon-state.ts';
import {
  addContribution,
  addVote,
  adopt,
  answerSet,
  answerView,
  askForSets,
  catchUp,
  commit,
  learnSet,
  prepare,
  propose,
  repeatView,
} from './beacon-steps.ts';

/**
 * One validator's part in agreeing on each epoch's beacon (docs/spec/beacon.md).
 *
 * Each view has one proposer, which rotates by epoch and view. The proposer gathers contributions and proposes a value. It then
 * collects prepare votes, which prove that the value is prepared, and commit votes, which form the certificate.
 *
 * A validator prepares at most one value per view. A validator that commits is locked on that value. It prepares another value
 * only if that one is proven prepared in a later view. So two certificates of one epoch need more than a third of the stake to
 * lie.
 *
 * A view ends by each validator's own timeout, or when more than a third of the stake is in a later view. So a proposer that
 * equivocates, dies, or claims far views costs only its own views.
 */
export interface BeaconMachine {
  /** The newest known value. The next epoch builds on it. */
  readonly latest: BeaconPoint;
  /** Hash of the validators of the epoch that is being agreed on. */
  readonly set: Uint8Array;
  tick(nowMs: number): BeaconAction[];
  /** @param from ledger address of the validator at the other end of the authenticated link. */
  receive(from: Uint8Array, message: BeaconMessage, nowMs: number): BeaconAction[];
}

const MAX_PATIENCE = 8;
export function createBeaconMachine(
  options: BeaconMachineOptions,
  { crypto, self, proveVrf, ...sets }: BeaconMachineDependencies,
): BeaconMachine {
  const { network, start, isRestart = false } = options;
  const fixed = fixSets({ crypto, network, sets }, isRestart ? undefined : start.certificate);
  const state: MachineState = {
    ...{ options, network, crypto: rememberProofs(crypto), self, proveVrf, sets },
    ...startEpoch(options, start, fixed, undefined),
    askedForSetsMs: Number.NEGATIVE_INFINITY,
    actions: [],
    toSelf: [],
  };
  if (options.vote !== undefined && options.vote.epoch === state.epoch) {
    state.vote = isRestart ? unlockFrom(options.vote, state.fixed.set) : options.vote;
    // Before the restart this validator may have sent messages in the view of its last vote. It skips that view, because
    // storing every message would be harder to get right.
    state.view = options.vote.view + 1;
  }
  return {
    get latest() {
      return state.latest;
    },
    get set() {
      return state.fixed.set;
    },
    tick: (nowMs) => run(state, () => tick(state, nowMs), nowMs),
    receive: (from, message, nowMs) => run(state, () => receive(state, from, message, nowMs), nowMs),
  };
}

/**
 * Releases a lock on a value of another set. Nobody can prove such a value with this set, so the lock would last for ever. When
 * an epoch begins again, the set before has certified nothing for eight epochs.
 */
function unlockFrom(vote: BeaconVote, set: Uint8Array): BeaconVote {
  const isOfSet = vote.lock !== undefined && equalBytes(vote.lock.set, set);
  return isOfSet ? vote : { ...vote, lock: undefined };
}

function run(state: MachineState, step: () => void, nowMs: number): BeaconAction[] {
  step();
  for (let message = state.toSelf.shift(); message !== undefined; message = state.toSelf.shift()) {
    receive(state, state.self, message, nowMs);
  }
  const out = state.actions;
  state.actions = [];
  return out;
}

function tick(state: MachineState, nowMs: number): void {
  state.startsAtMs ??= Math.max(nowMs, state.options.startOf?.(state.epoch) ?? nowMs);
  if (nowMs - state.askedForSetsMs >= state.options.resendMs) {
    state.askedForSetsMs = nowMs;
    askForSets(state);
  }
  if (findValidator(state.validators, state.self) === undefined) return;
  if (!state.entered) {
    if (nowMs < state.startsAtMs) return;
    enterView(state, state.view, nowMs);
  }
  const patience = state.options.viewTimeoutMs * Math.min(state.view + 1, MAX_PATIENCE);
  if (nowMs - state.viewStartedMs >= patience) enterView(state, state.view + 1, nowMs);
  const isDue = nowMs - state.round.sentMs >= state.options.resendMs;
  if (isDue) {
    state.round.sentMs = nowMs;
    repeatView(state);
  }
  if (!isProposer(state, state.self, state.view)) return;
  propose(state, nowMs);
  if (!isDue) return;
  if (state.round.prepared !== undefined)
    broadcast(
      state,
      { kind: 'prepared', epoch: state.epoch, view: state.view, prepared: state.round.prepared },
      state.round.votes.commit,
    );
  else if (state.round.proposal !== undefined)
    broadcast(state, state.round.proposal.message, state.round.votes.prepare);
  else broadcast(state, viewMessage(state), state.round.contributions);
}

function receive(state: MachineState, from: Uint8Array, message: BeaconMessage, nowMs: number): void {
  if (message.kind === 'certificate') {
    adopt(state, message.certificate, nowMs);
  } else if (message.kind === 'set-request') {
    answerSet(state, from, message.set);
  } else if (message.kind === 'set') {
    learnSet(state, message.members);
  } else if (findValidator(state.validators, from) === undefined) {
    return;
  } else if (message.kind === 'certificate-request' || message.epoch < state.epoch) {
    const { certificate } = state.latest;
    if (certificate !== undefined) send(state, from, { kind: 'certificate', epoch: certificate.epoch, certificate });
  } else if (message.epoch > state.epoch) {
    send(state, from, { kind: 'certificate-request', epoch: state.epoch });
  } else if (findValidator(state.validators, state.self) !== undefined) {
    catchUp(state, from, message.view, nowMs);
    if (!state.entered) return;
    if (message.kind === 'view') answerView(state, from, message);
    else if (message.kind === 'contribution') addContribution(state, from, message, nowMs);
    else if (message.kind === 'proposal') prepare(state, from, message);
    else if (message.kind === 'prepared') commit(state, from, message);
    else addVote(state, from, message, nowMs);
  }
}
