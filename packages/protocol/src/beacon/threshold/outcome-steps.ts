import { equalBytes, toHex } from '../../base/bytes.ts';
import { findValidator, isQuorum, sortBySigner } from '../../crypto/quorum.ts';
import { complaintMessage, isFirstAnswer } from './deal-steps.ts';
import type { KeyMessageOf } from './key-message.ts';
import {
  areEnough,
  type CertifiedOutcome,
  combineDeals,
  combineShares,
  encodeActivation,
  findDealers,
  groupOf,
  hashOutcome,
  isOfPlan,
  type KeyOutcome,
  stateOutcome,
  verifyCertifiedOutcome,
} from './key-outcome.ts';
import { proposerAt, turnAt } from './key-plan.ts';
import {
  broadcast,
  type DealComplaint,
  type DealerState,
  dealMessage,
  doubt,
  type KeyState,
  keepHeard,
  listUnanswered,
  objectTo,
  ownSeatOf,
  send,
} from './key-state.ts';
import { findCommitteeMember } from './members.ts';
import { createSignatureCollector } from './partials.ts';

/** Computes the outcome that this validator would sign now: all chosen dealers without an objection. */
function computeOutcome(state: KeyState, chosen: readonly number[]): KeyOutcome | undefined {
  const { plan, subject, bls } = state;
  const dealers = chosen.map((at) => state.dealers[at] as DealerState);
  if (
    dealers.length === 0 ||
    !areEnough(
      plan,
      dealers.map(({ seat }) => seat),
    )
  )
    return undefined;
  const checked = dealers.map(({ deals }) => (deals[0] as DealerState['deals'][number]).checked);
  const commitments = combineDeals(bls, plan, checked);
  if (commitments === undefined) return undefined;
  const named = chosen.map((dealer, i) => ({
    dealer,
    dealHash: (dealers[i] as DealerState).deals[0]?.hash as Uint8Array,
  }));
  return { ...subject, dealers: named, key: commitments.bytes[0] as Uint8Array };
}

export function propose(state: KeyState): void {
  const turn = turnAt(state.plan, state.nowMs);
  if (turn < 0 || turn > 0xffff || state.result !== undefined || proposerAt(state.plan, turn) !== state.ownSeat) return;
  if (state.proposedTurn === turn) return;
  const sound = [...state.dealers.keys()].filter((at) => objectTo(state, at) === undefined);
  const outcome = computeOutcome(state, sound);
  if (outcome === undefined) return;
  state.proposedTurn = turn;
  state.proposal = { kind: 'proposal', ...state.subject, turn, outcome };
  broadcast(state, state.proposal);
}

/** Signs the outcome if there is no objection to its dealers. Otherwise it sends the objection. */
export function hearProposal(state: KeyState, from: Uint8Array, { turn, outcome }: KeyMessageOf<'proposal'>): void {
  const proposer = state.plan.seats.seats[proposerAt(state.plan, turn)];
  const current = turnAt(state.plan, state.nowMs);
  if (proposer === undefined || !equalBytes(proposer.address, from) || state.ownSeat < 0 || state.result !== undefined)
    return;
  if (state.votedTurn === turn && state.ownVote !== undefined) send(state, from, state.ownVote);
  // Before proposals begin, no complaint counts yet. The proposer repeats its message.
  if (current < 0) return;
  // The proposer's clock may differ a little from this one.
  if (Math.abs(turn - current) > 1 || state.votedTurn >= turn || !isOfPlan(state.plan, outcome)) return;
  if (findDealers(state.plan, outcome) === undefined) return;
  const against = outcome.dealers.filter(({ dealer, dealHash }) => {
    const [dealt] = state.dealers[dealer]?.deals ?? [];
    return dealt === undefined || !equalBytes(dealt.hash, dealHash) || objectTo(state, dealer) !== undefined;
  });
  if (against.length > 0) {
    if (isFirstAnswer(state, from, 'proposal')) for (const { dealer } of against) object(state, { to: from, dealer });
    return;
  }
  const own = computeOutcome(
    state,
    outcome.dealers.map(({ dealer }) => dealer),
  );
  // From the same deals, all validators compute the same key.
  if (own === undefined || !equalBytes(own.key, outcome.key)) {
    doubt(state, from);
    return;
  }
  state.votedTurn = turn;
  noteOutcome(state, outcome);
  state.actions.push({ kind: 'sign', statement: stateOutcome(state.crypto, outcome) });
}

/** Tells a proposer the objection to a dealer. */
function object(state: KeyState, { to, dealer: at }: { readonly to: Uint8Array; readonly dealer: number }): void {
  const dealer = state.dealers[at] as DealerState;
  if (dealer.deals.length === 0) send(state, to, { kind: 'want', ...state.subject, dealer: at });
  for (const one of dealer.deals) send(state, to, dealMessage(state, one, new Uint8Array(0)));
  for (const complainer of listUnanswered(state, at)) {
    const { signature } = dealer.complaints.get(complainer) as DealComplaint;
    send(state, to, complaintMessage(state, { dealer: at, complainer, signature }));
  }
}

const MAX_OUTCOMES = 64;

/** Returns the entry in which votes for an outcome are counted. */
function noteOutcome(state: KeyState, outcome: KeyOutcome) {
  const key = toHex(hashOutcome(state.crypto, state.plan.network, outcome));
  const known = state.outcomes.get(key);
  if (known !== undefined) return known;
  if (state.outcomes.size >= MAX_OUTCOMES) state.outcomes.delete(state.outcomes.keys().next().value as string);
  const noted = { outcome, votes: new Map(), stake: 0n };
  state.outcomes.set(key, noted);
  return noted;
}

export function hearVote(state: KeyState, from: Uint8Array, { outcomeHash, signature }: KeyMessageOf<'vote'>): void {
  const counted = state.outcomes.get(toHex(outcomeHash));
  const voter = findValidator(state.plan.seats.seats, from);
  if (counted === undefined || voter === undefined || state.result !== undefined) return;
  if (counted.votes.has(toHex(from))) return;
  if (!state.crypto.verifyAddress(outcomeHash, signature, voter.signingKey)) {
    doubt(state, from);
    return;
  }
  counted.stake += voter.stake;
  counted.votes.set(toHex(from), { signer: from, signature });
  if (!isQuorum(counted.stake, state.plan.seats.totalStake)) return;
  const certified = { outcome: counted.outcome, signatures: sortBySigner([...counted.votes.values()]) };
  broadcast(state, { kind: 'certified', ...state.subject, certified });
}

function isCertified(state: KeyState, from: Uint8Array, certified: CertifiedOutcome): boolean {
  const { plan, crypto } = state;
  const isTaken =
    plan.taken === undefined || equalBytes(stateOutcome(crypto, certified.outcome).transcript, plan.taken);
  if (!isTaken) return false;
  const isSound = verifyCertifiedOutcome(crypto, plan, certified);
  if (!isSound) doubt(state, from);
  return isSound;
}

export function hearCertified(state: KeyState, from: Uint8Array, message: KeyMessageOf<'certified'>): void {
  const { certified } = message;
  if (state.result !== undefined || !isCertified(state, from, certified)) return;
  keepHeard(state, from, message);
  agreeOn(state, certified);
  reach(state);
}

/** Adopts an agreed outcome. A dealer may have shown this validator another deal than the agreed one, with shares of that. */
function agreeOn(state: KeyState, certified: CertifiedOutcome): void {
  state.result = { certified };
  for (const { dealer: at, dealHash } of certified.outcome.dealers) {
    const dealer = state.dealers[at] as DealerState;
    const [first] = dealer.deals;
    if (first === undefined || equalBytes(first.hash, dealHash)) continue;
    const agreed = dealer.deals.filter(({ hash }) => equalBytes(hash, dealHash));
    dealer.deals.splice(0, dealer.deals.length, ...agreed);
    dealer.shares = undefined;
  }
}

/** Returns the deals that an outcome names, if all of them are here. */
function findDeals(state: KeyState, { dealers }: KeyOutcome): DealerState['deals'] | undefined {
  const found = dealers.map(({ dealer, dealHash }) =>
    state.dealers[dealer]?.deals.find(({ hash }) => equalBytes(hash, dealHash)),
  );
  return found.includes(undefined) ? undefined : (found as DealerState['deals']);
}

/** Completes an agreed outcome as far as the stored deals allow: first the group, then the own shares. */
export function reach(state: KeyState): void {
  const { result, plan, bls } = state;
  if (result === undefined || result.shares !== undefined) return;
  const deals = findDeals(state, result.certified.outcome);
  if (deals === undefined) return;
  const checked = deals.map((one) => one.checked);
  const before = result.group;
  const commitments = before?.commitments ?? combineDeals(bls, plan, checked);
  if (commitments === undefined) return;
  const group = before ?? groupOf(plan, commitments);
  const shares = computeOwn(state, result.certified.outcome, checked);
  if (before !== undefined && shares === undefined) return;
  state.result = { ...result, group, shares };
  state.actions.push({ kind: 'agreed', result: state.result });
  sendActivation(state);
  activate(state);
}

function computeOwn(state: KeyState, { dealers }: KeyOutcome, deals: Parameters<typeof combineShares>[1]) {
  const receiver = ownSeatOf(state);
  const shares = dealers.map(({ dealer }) => state.dealers[dealer]?.shares);
  if (receiver === undefined || (receiver.tickets > 0 && shares.includes(undefined))) return undefined;
  if (receiver.tickets === 0) return [];
  return combineShares(state.plan, deals, { receiver, shares: shares as readonly (readonly bigint[])[] });
}

// Activation.

export function sendActivation(state: KeyState): void {
  const { result, bls, activated } = state;
  if (result?.shares === undefined || result.shares.length === 0 || activated !== undefined) return;
  const outcomeHash = hashOutcome(state.crypto, state.plan.network, result.certified.outcome);
  const message = encodeActivation(outcomeHash);
  const partials = result.shares.map(({ ticket, scalar }) => ({ ticket, signature: bls.sign(scalar, message) }));
  broadcast(state, { kind: 'activation', ...state.subject, outcomeHash, partials });
}

export function hearActivation(state: KeyState, from: Uint8Array, message: KeyMessageOf<'activation'>): void {
  if (state.activated !== undefined || findCommitteeMember(state.plan.seats, from) < 0) return;
  state.heldActivations.set(toHex(from), { from, message });
  activate(state);
}

/** Combines the stored parts of the activation, once the outcome and its group are known. */
function activate(state: KeyState): void {
  const { result, bls, plan } = state;
  if (result?.group === undefined || state.activated !== undefined) return;
  const outcomeHash = hashOutcome(state.crypto, plan.network, result.certified.outcome);
  state.collector ??= createSignatureCollector(bls, { group: result.group, message: encodeActivation(outcomeHash) });
  for (const { from, message } of state.heldActivations.values()) {
    if (equalBytes(message.outcomeHash, outcomeHash)) state.collector.add(from, message.partials);
  }
  state.heldActivations.clear();
  const { signature } = state.collector;
  if (signature !== undefined) finish(state, { certified: result.certified, activation: signature });
}

function finish(state: KeyState, activated: NonNullable<KeyState['activated']>): void {
  state.activated = activated;
  state.actions.push({ kind: 'activated', ...activated });
  broadcast(state, { kind: 'activated', ...state.subject, ...activated });
}

export function hearActivated(state: KeyState, from: Uint8Array, message: KeyMessageOf<'activated'>): void {
  const { certified, activation } = message;
  if (state.activated !== undefined || !isCertified(state, from, certified)) return;
  const { outcome } = certified;
  const outcomeHash = hashOutcome(state.crypto, state.plan.network, outcome);
  if (!state.bls.verify(outcome.key, encodeActivation(outcomeHash), activation)) {
    doubt(state, from);
    return;
  }
  keepHeard(state, from, message);
  // Two outcomes of an attempt may both be agreed on. The one on the chain counts, and the stored deals allow either.
  const known = state.result?.certified.outcome;
  if (known === undefined || !equalBytes(hashOutcome(state.crypto, state.plan.network, known), outcomeHash)) {
    agreeOn(state, certified);
  }
  reach(state);
  state.activated = { certified, activation };
  state.actions.push({ kind: 'activated', certified, activation });
}
