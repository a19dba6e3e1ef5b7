import { equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import {
  answerWant,
  compareSeen,
  complain,
  complaintMessage,
  deal,
  hearAnswer,
  hearComplaint,
  hearDeal,
  isFirstAnswer,
  repeatComplaints,
  repeatSeen,
  seenMessage,
  sendDeal,
  takeSecret,
} from './deal-steps.ts';
import { type KeyEntry, type KeyMessage, type KeyMessageOf, keyMessageFormat } from './key-message.ts';
import { type KeyPlan, type KeyStatement, proposerAt, turnAt } from './key-plan.ts';
import {
  broadcast,
  createKeyState,
  digestOf,
  doubt,
  isNeeded,
  isStruck,
  type KeyAction,
  type KeyMachineDependencies,
  type KeyResult,
  type KeyState,
  ownSeatOf,
  send,
} from './key-state.ts';
import {
  hearActivated,
  hearActivation,
  hearCertified,
  hearProposal,
  hearVote,
  propose,
  reach,
  sendActivation,
} from './outcome-steps.ts';

/**
 * One validator's part in making a key that nobody knows as a whole (docs/spec/beacon-keys.md). Each dealer deals shares of a
 * random number, or of its present share. A validator complains about shares that are missing or wrong. The dealer answers
 * complaints by the shares in the clear. More than two thirds of the stake sign which deals count. T tickets of the new shares
 * then sign that they are there. The machine receives messages and a clock, and returns what to store, sign and send.
 */
export interface KeyMachine {
  readonly result: KeyResult | undefined;
  tick(nowMs: number): KeyAction[];
  /** @param from account at the other end of the authenticated link. Malformed contents are dropped. */
  receive(from: Uint8Array, message: KeyMessage, nowMs: number): KeyAction[];
  /** The signature that a `sign` action asked for, 65 bytes. */
  addSignature(statement: KeyStatement, signature: Uint8Array, nowMs: number): KeyAction[];
}

/**
 * Creates the machine.
 * @param entries the stored entries of this attempt, in order, if this validator has taken part before.
 */
export function createKeyMachine(
  plan: KeyPlan,
  dependencies: KeyMachineDependencies,
  entries: readonly KeyEntry[] = [],
): KeyMachine {
  const state = createKeyState(plan, dependencies);
  for (const entry of entries) resume(state, entry);
  state.actions = [];
  state.toSelf = [];
  return {
    get result() {
      return state.result;
    },
    tick: (nowMs) => run(state, nowMs, () => tick(state)),
    receive: (from, message, nowMs) => run(state, nowMs, () => receive(state, from, message)),
    addSignature: (statement, signature, nowMs) => run(state, nowMs, () => addSignature(state, statement, signature)),
  };
}

function run(state: KeyState, nowMs: number, step: () => void): KeyAction[] {
  state.nowMs = nowMs;
  // Complaints from before a restart count at once: a validator that signs for their dealers shows the answers.
  state.startedMs ??= nowMs;
  step();
  for (let message = state.toSelf.shift(); message !== undefined; message = state.toSelf.shift()) {
    receive(state, state.self, message);
  }
  const out = state.actions;
  state.actions = [];
  return out;
}

function resume(state: KeyState, entry: KeyEntry): void {
  if (entry.kind === 'secret') takeSecret(state, entry.secret);
  else if (entry.kind === 'own') state.ownDeal = { deal: entry.deal, signature: entry.signature };
  else receive(state, entry.from, keyMessageFormat.decode(entry.message));
}

function tick(state: KeyState): void {
  const { plan, nowMs, startedMs = nowMs } = state;
  if (nowMs < plan.startsAtMs) return;
  const isDue = nowMs - state.sentMs >= plan.resendMs;
  if (isDue) {
    state.sentMs = nowMs;
    // Requests that a signer did not answer are repeated.
    state.isSigning.clear();
  }
  if (state.result === undefined && plan.taken !== undefined) {
    // The others tell the agreed outcome.
    if (isDue) repeatSeen(state);
  } else if (state.result === undefined) {
    if (state.ownDealer >= 0) dealInTime(state);
    // A validator that came late asks first. It lets its shares be shown to all only if that did not help.
    if (nowMs >= Math.max(plan.startsAtMs, startedMs) + plan.phaseMs) {
      if (!state.hasSentSeen) broadcast(state, seenMessage(state));
      else if (isDue) repeatSeen(state);
      state.hasSentSeen = true;
      complain(state);
    }
    propose(state);
  }
  if (!isDue) return;
  if (nowMs >= startedMs + plan.resendMs) askForDeals(state);
  repeatComplaints(state);
  if (state.result === undefined) repeatProposal(state);
  else sendActivation(state);
}

/**
 * Deals in time. A validator without a record of this attempt may have lost it. It deals anew only if no peer returns a deal of
 * its own.
 */
function dealInTime(state: KeyState): void {
  const { plan, nowMs, startedMs = nowMs, ownDealer } = state;
  if (state.ownDeal !== undefined) return;
  if (
    state.polynomials !== undefined ||
    nowMs < plan.startsAtMs + plan.resendMs ||
    nowMs >= startedMs + 2 * plan.resendMs
  ) {
    deal(state);
  } else if (state.sentMs === nowMs) {
    broadcast(state, { kind: 'want', ...state.subject, dealer: ownDealer });
  }
}

function askForDeals(state: KeyState): void {
  const { result } = state;
  const hasTickets = (ownSeatOf(state)?.tickets ?? 0) > 0;
  if (result?.shares !== undefined) return;
  for (const [dealer, { deals, shares, seat }] of state.dealers.entries()) {
    if (!isNeeded(state, dealer)) continue;
    if (isStruck(state, dealer) || (deals.length > 0 && (shares !== undefined || !hasTickets))) continue;
    const message: KeyMessage = { kind: 'want', ...state.subject, dealer };
    // The other peers also have an agreed deal.
    if (result === undefined || deals.length > 0) send(state, seat.address, message);
    else broadcast(state, message);
  }
}

function repeatProposal(state: KeyState): void {
  const turn = turnAt(state.plan, state.nowMs);
  if (turn >= 0 && state.proposedTurn === turn && state.proposal !== undefined) {
    if (proposerAt(state.plan, turn) === state.ownSeat) broadcast(state, state.proposal);
  }
}

function isOfSubject({ subject }: KeyState, message: KeyMessage): boolean {
  const { generation, era, attempt, set } = subject;
  if (message.generation !== generation || message.era !== era || message.attempt !== attempt) return false;
  return equalBytes(message.set, set);
}

function receive(state: KeyState, from: Uint8Array, message: KeyMessage): void {
  if (!isOfSubject(state, message) || !state.peers.some((peer) => equalBytes(peer, from))) return;
  if (state.doubted.has(toHex(from), state.nowMs)) return;
  try {
    hear(state, from, message);
  } catch (error) {
    // A deal inside the message does not parse.
    if (!(error instanceof ProtocolError)) throw error;
    doubt(state, from);
  }
  if (!equalBytes(from, state.self)) tellResult(state, from, message);
}

function hear(state: KeyState, from: Uint8Array, message: KeyMessage): void {
  if (message.kind === 'deal') {
    hearDeal(state, from, message);
    reach(state);
  } else if (message.kind === 'seen') compareSeen(state, from, message);
  else if (message.kind === 'complaint') hearComplaint(state, from, message);
  else if (message.kind === 'answer') {
    hearAnswer(state, from, message);
    reach(state);
  } else if (message.kind === 'want') answerWant(state, from, message);
  else if (message.kind === 'proposal' || message.kind === 'vote') hearOfOutcome(state, from, message);
  else if (message.kind === 'certified') hearCertified(state, from, message);
  else if (message.kind === 'activation') hearActivation(state, from, message);
  else hearActivated(state, from, message);
}

function hearOfOutcome(state: KeyState, from: Uint8Array, message: KeyMessageOf<'proposal' | 'vote'>): void {
  if (state.plan.taken !== undefined) return;
  if (message.kind === 'proposal') hearProposal(state, from, message);
  else hearVote(state, from, message);
}

/** Tells the result to a peer that is still working on the attempt. */
function tellResult(state: KeyState, to: Uint8Array, { kind }: KeyMessage): void {
  const { activated, result, subject } = state;
  if (kind === 'activated' || kind === 'certified') return;
  if (activated !== undefined && kind !== 'answer' && kind !== 'deal') {
    if (!isFirstAnswer(state, to, 'activated')) return;
    send(state, to, { kind: 'activated', ...subject, ...activated });
  } else if (result !== undefined && (kind === 'seen' || kind === 'proposal' || kind === 'want')) {
    if (!isFirstAnswer(state, to, 'certified')) return;
    send(state, to, { kind: 'certified', ...subject, certified: result.certified });
  }
}

function addSignature(state: KeyState, statement: KeyStatement, signature: Uint8Array): void {
  if (statement.kind === 'deal') {
    sendDeal(state, signature);
  } else if (statement.kind === 'complaint') {
    const message: KeyMessageOf<'complaint'> = complaintMessage(state, { ...statement, signature });
    broadcast(state, message);
  } else if (state.result === undefined) {
    state.ownVote = { kind: 'vote', ...state.subject, outcomeHash: digestOf(state, statement), signature };
    broadcast(state, state.ownVote);
  }
}
