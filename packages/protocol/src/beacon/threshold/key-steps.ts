import { equalBytes, toHex } from '../../base/bytes.ts';
import { findValidator, isQuorum, sortBySigner } from '../../crypto/quorum.ts';
import {
  areShares,
  computeShares,
  createDeal,
  createDealSecret,
  createPolynomials,
  dealFormat,
  type OwnPolynomials,
  openOwnBox,
  openShares,
  sealShares,
} from './key-deal.ts';
import type { KeyMessageOf } from './key-message.ts';
import {
  areEnough,
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
  digestOf,
  hashDeal,
  isStruck,
  type KeyState,
  keep,
  keepHeard,
  listUnanswered,
  objectTo,
  ownSeatOf,
  readDeal,
  type SignedDeal,
  send,
} from './key-state.ts';
import { createSignatureCollector } from './partials.ts';
import { findSeat } from './seats.ts';

// Deals.

/** Draws the polynomials, writes them down, and has the deal signed. */
export function deal(state: KeyState): void {
  const { crypto, plan, oldShares = [], ownDealer, ownDeal, isSigning } = state;
  const dealer = (state.dealers[ownDealer] as DealerState).seat;
  if (state.polynomials === undefined) {
    const secret = createDealSecret(crypto, plan, { dealer, seed: state.drawSeed(), oldShares });
    if (secret === undefined) return;
    keep(state, { kind: 'secret', secret });
    takeSecret(state, secret);
  }
  if (ownDeal !== undefined || isSigning.has('deal')) return;
  isSigning.add('deal');
  state.actions.push({ kind: 'sign', statement: { kind: 'deal', dealHash: hashDeal(state, encodeOwnDeal(state)) } });
}

export function takeSecret(state: KeyState, secret: Uint8Array): void {
  const dealer = state.dealers[state.ownDealer];
  if (dealer !== undefined)
    state.polynomials = createPolynomials(state.crypto, state.plan, { dealer: dealer.seat, secret });
}

/** The same bytes each time. */
function encodeOwnDeal(state: KeyState): Uint8Array {
  const dealer = (state.dealers[state.ownDealer] as DealerState).seat;
  const polynomials = state.polynomials as OwnPolynomials;
  return dealFormat.encode(createDeal(state, state.plan, { dealer, polynomials }));
}

/** The deal was signed: it goes out once it is written down. */
export function sendDeal(state: KeyState, signature: Uint8Array): void {
  if (state.polynomials === undefined || state.ownDeal !== undefined) return;
  state.ownDeal = { deal: encodeOwnDeal(state), signature };
  keep(state, { kind: 'own', ...state.ownDeal });
  for (const peer of state.peers) sendOwnDeal(state, peer);
}

export function sendOwnDeal(state: KeyState, to: Uint8Array): void {
  const { ownDeal, polynomials, plan } = state;
  if (ownDeal === undefined) return;
  const receiver = plan.seats.seats[findSeat(plan.seats, to)];
  const box =
    receiver === undefined || polynomials === undefined
      ? new Uint8Array(0)
      : sealShares(state, polynomials, { receiver, dealHash: hashDeal(state, ownDeal.deal) });
  send(state, to, dealMessage(state, ownDeal, box));
}

export function hearDeal(state: KeyState, from: Uint8Array, message: KeyMessageOf<'deal'>): void {
  const read = readDeal(state, message);
  if (read === undefined) return;
  const { at, hash, checked } = read;
  const dealer = state.dealers[at] as DealerState;
  const isNew = !dealer.deals.some((one) => equalBytes(one.hash, hash));
  const { deal: encoded, signature } = message;
  if (isNew) {
    dealer.deals.push({ deal: encoded, signature, hash, checked });
    if (at === state.ownDealer && state.ownDeal === undefined) recoverOwn(state, { deal: encoded, signature });
    if (dealer.deals.length > 1) strike(state, dealer);
  }
  const before = dealer.shares;
  if (dealer.deals.length === 1) {
    if (at === state.ownDealer) takeOwnShares(state, dealer);
    else if (equalBytes(from, dealer.seat.address)) openBox(state, dealer, message.box);
  }
  if (isNew || dealer.shares !== before) keepHeard(state, from, message);
  if (isNew && state.hasSentSeen) broadcast(state, seenMessage(state));
  reach(state);
}

/** A dealer that lost its disk learns from others what it dealt, and deals nothing else. */
function recoverOwn(state: KeyState, own: SignedDeal): void {
  const { seat } = state.dealers[state.ownDealer] as DealerState;
  const secret = openOwnBox(state.box, state.plan, {
    deal: dealFormat.decode(own.deal),
    dealer: seat,
    secret: state.boxSecret,
  });
  state.ownDeal = own;
  keep(state, { kind: 'own', ...own });
  if (secret === undefined) return;
  keep(state, { kind: 'secret', secret });
  takeSecret(state, secret);
}

function openBox(state: KeyState, dealer: DealerState, box: Uint8Array): void {
  const receiver = ownSeatOf(state);
  const [dealt] = dealer.deals;
  if (receiver === undefined || dealt === undefined || dealer.shares !== undefined || box.length === 0) return;
  const shares = openShares(state.box, box, { receiver, dealHash: dealt.hash, secret: state.boxSecret });
  if (shares !== undefined && areShares(state.bls, dealt.checked, { receiver, shares })) dealer.shares = shares;
}

function takeOwnShares(state: KeyState, dealer: DealerState): void {
  const receiver = ownSeatOf(state);
  if (receiver !== undefined && state.polynomials !== undefined)
    dealer.shares = computeShares(state.polynomials, receiver);
}

/** Two deals of one dealer: whoever has both tells everybody. */
function strike(state: KeyState, dealer: DealerState): void {
  state.actions.push({ kind: 'struck', dealer: dealer.seat.address, deals: dealer.deals });
  for (const dealt of dealer.deals) broadcast(state, dealMessage(state, dealt, new Uint8Array(0)));
}

export function seenMessage(state: KeyState): KeyMessageOf<'seen'> {
  const deals = state.dealers.flatMap(({ deals: [dealt] }, dealer) =>
    dealt === undefined ? [] : [{ dealer, dealHash: dealt.hash }],
  );
  return { kind: 'seen', ...state.subject, deals };
}

/** Where a peer has another deal of a dealer, it gets the one that is here: then both know of two. */
export function compareSeen(state: KeyState, from: Uint8Array, { deals }: KeyMessageOf<'seen'>): void {
  for (const { dealer, dealHash } of deals) {
    const [dealt] = state.dealers[dealer]?.deals ?? [];
    if (dealt === undefined || equalBytes(dealt.hash, dealHash)) continue;
    for (const one of (state.dealers[dealer] as DealerState).deals)
      send(state, from, dealMessage(state, one, new Uint8Array(0)));
  }
}

/** Anybody who has a deal hands it on; the dealer with the receiver's box. */
export function answerWant(state: KeyState, from: Uint8Array, { dealer }: KeyMessageOf<'want'>): void {
  if (dealer === state.ownDealer && state.polynomials !== undefined) sendOwnDeal(state, from);
  else
    for (const one of state.dealers[dealer]?.deals ?? []) send(state, from, dealMessage(state, one, new Uint8Array(0)));
}

// Complaints.

/** Complains about every dealer of whom no valid shares are here. */
export function complain(state: KeyState): void {
  if ((ownSeatOf(state)?.tickets ?? 0) === 0) return;
  for (const [dealer, { shares, complaints }] of state.dealers.entries()) {
    const key = `complaint ${dealer}`;
    if (shares !== undefined || complaints.has(state.ownSeat) || state.isSigning.has(key) || isStruck(state, dealer))
      continue;
    state.isSigning.add(key);
    state.actions.push({ kind: 'sign', statement: { kind: 'complaint', dealer, complainer: state.ownSeat } });
  }
}

export function complaintMessage(
  state: KeyState,
  { dealer, complainer, signature }: { dealer: number; complainer: number; signature: Uint8Array },
): KeyMessageOf<'complaint'> {
  return { kind: 'complaint', ...state.subject, dealer, complainer, signature };
}

/** A new complaint is handed on to everybody; the dealer answers it for everybody. */
export function hearComplaint(state: KeyState, from: Uint8Array, message: KeyMessageOf<'complaint'>): void {
  const { dealer: at, complainer, signature } = message;
  const dealer = state.dealers[at];
  const seat = state.plan.seats.seats[complainer];
  if (dealer === undefined || seat === undefined || seat.tickets === 0) return;
  const known = dealer.complaints.get(complainer);
  if (known === undefined) {
    const digest = digestOf(state, { kind: 'complaint', dealer: at, complainer });
    if (!state.crypto.verifyAddress(digest, signature, seat.signingKey)) return;
    dealer.complaints.set(complainer, { signature, heardMs: state.nowMs, isAnswered: false });
    keepHeard(state, from, message);
    broadcast(state, message);
  }
  if (at === state.ownDealer) answer(state, complainer, known === undefined ? undefined : from);
}

/** @param to one peer, where the others have been answered. */
function answer(state: KeyState, complainer: number, to: Uint8Array | undefined): void {
  const { polynomials, ownDeal, plan } = state;
  const receiver = plan.seats.seats[complainer];
  if (polynomials === undefined || ownDeal === undefined || receiver === undefined) return;
  const said = { dealer: state.ownDealer, complainer, dealHash: hashDeal(state, ownDeal.deal) };
  const message = { kind: 'answer', ...state.subject, ...said, shares: computeShares(polynomials, receiver) } as const;
  for (const peer of to === undefined ? state.peers : [to]) {
    // Whoever has not even the deal cannot check the answer.
    send(state, peer, dealMessage(state, ownDeal, new Uint8Array(0)));
    send(state, peer, message);
  }
}

export function hearAnswer(state: KeyState, from: Uint8Array, message: KeyMessageOf<'answer'>): void {
  const { dealer: at, complainer, dealHash, shares } = message;
  const dealer = state.dealers[at];
  const receiver = state.plan.seats.seats[complainer];
  const complaint = dealer?.complaints.get(complainer);
  const [dealt] = dealer?.deals ?? [];
  if (dealer === undefined || receiver === undefined || dealt === undefined) return;
  const isOwn = complainer === state.ownSeat && dealer.shares === undefined;
  if (!isOwn && (complaint === undefined || complaint.isAnswered)) return;
  if (!equalBytes(dealt.hash, dealHash) || !areShares(state.bls, dealt.checked, { receiver, shares })) return;
  if (complaint !== undefined) complaint.isAnswered = true;
  if (isOwn) dealer.shares = shares;
  keepHeard(state, from, message);
  reach(state);
}

// The outcome.

/** What this validator would sign now: the outcome of all dealers that it has nothing against. */
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

/** Signs the outcome if there is nothing against any of its dealers, and otherwise says what there is. */
export function hearProposal(state: KeyState, from: Uint8Array, { turn, outcome }: KeyMessageOf<'proposal'>): void {
  const proposer = state.plan.seats.seats[proposerAt(state.plan, turn)];
  const current = turnAt(state.plan, state.nowMs);
  if (proposer === undefined || !equalBytes(proposer.address, from) || state.ownSeat < 0 || state.result !== undefined)
    return;
  if (state.votedTurn === turn && state.ownVote !== undefined) send(state, from, state.ownVote);
  // Its clock may be a little before or behind this one.
  if (Math.abs(turn - current) > 1 || state.votedTurn >= turn || !isOfPlan(state.plan, outcome)) return;
  if (findDealers(state.plan, outcome) === undefined) return;
  let isSound = true;
  for (const { dealer, dealHash } of outcome.dealers) {
    const [dealt] = state.dealers[dealer]?.deals ?? [];
    if (dealt !== undefined && equalBytes(dealt.hash, dealHash) && objectTo(state, dealer) === undefined) continue;
    isSound = false;
    object(state, { to: from, dealer });
  }
  if (!isSound) return;
  const own = computeOutcome(
    state,
    outcome.dealers.map(({ dealer }) => dealer),
  );
  if (own === undefined || !equalBytes(own.key, outcome.key)) return;
  state.votedTurn = turn;
  noteOutcome(state, outcome);
  state.actions.push({ kind: 'sign', statement: stateOutcome(state.crypto, outcome) });
}

/** Tells a proposer what there is against a dealer. */
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

/** @returns where votes for an outcome are counted. */
function noteOutcome(state: KeyState, outcome: KeyOutcome) {
  const key = toHex(hashOutcome(state.crypto, state.plan.network, outcome));
  const known = state.outcomes.get(key);
  if (known !== undefined) return known;
  if (state.outcomes.size >= MAX_OUTCOMES) state.outcomes.delete(state.outcomes.keys().next().value as string);
  const noted = { outcome, votes: new Map() };
  state.outcomes.set(key, noted);
  return noted;
}

export function hearVote(state: KeyState, from: Uint8Array, { outcomeHash, signature }: KeyMessageOf<'vote'>): void {
  const counted = state.outcomes.get(toHex(outcomeHash));
  const voter = findValidator(state.plan.seats.seats, from);
  if (counted === undefined || voter === undefined || state.result !== undefined) return;
  if (!state.crypto.verifyAddress(outcomeHash, signature, voter.signingKey)) return;
  counted.votes.set(toHex(from), { signer: from, signature });
  const signatures = sortBySigner([...counted.votes.values()]);
  const stake = signatures.reduce(
    (sum, { signer }) => sum + (findValidator(state.plan.seats.seats, signer)?.stake ?? 0n),
    0n,
  );
  if (!isQuorum(stake, state.plan.seats.totalStake)) return;
  const certified = { outcome: counted.outcome, signatures };
  broadcast(state, { kind: 'certified', ...state.subject, certified });
}

export function hearCertified(state: KeyState, from: Uint8Array, message: KeyMessageOf<'certified'>): void {
  const { certified } = message;
  if (state.result !== undefined || !verifyCertifiedOutcome(state.crypto, state.plan, certified)) return;
  keepHeard(state, from, message);
  state.result = { certified };
  reach(state);
}

/** The deals that an outcome names, where all of them are here. */
function findDeals(state: KeyState, { dealers }: KeyOutcome): DealerState['deals'] | undefined {
  const found = dealers.map(({ dealer, dealHash }) =>
    state.dealers[dealer]?.deals.find(({ hash }) => equalBytes(hash, dealHash)),
  );
  return found.includes(undefined) ? undefined : (found as DealerState['deals']);
}

/** Makes of an agreed outcome what is possible with what is here: the group, then the own shares. */
function reach(state: KeyState): void {
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
  if (state.activated !== undefined || findSeat(state.plan.seats, from) < 0) return;
  state.heldActivations.set(toHex(from), { from, message });
  activate(state);
}

/** Combines the parts that are here, once the outcome and its group are. */
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
  if (state.activated !== undefined || !verifyCertifiedOutcome(state.crypto, state.plan, certified)) return;
  const { outcome } = certified;
  const outcomeHash = hashOutcome(state.crypto, state.plan.network, outcome);
  if (!state.bls.verify(outcome.key, encodeActivation(outcomeHash), activation)) return;
  keepHeard(state, from, message);
  // Two outcomes of an attempt may both be agreed on. Whichever the chain has counts, and either can be used with what is here.
  const known = state.result?.certified.outcome;
  if (known === undefined || !equalBytes(hashOutcome(state.crypto, state.plan.network, known), outcomeHash)) {
    state.result = { certified };
  }
  reach(state);
  state.activated = { certified, activation };
  state.actions.push({ kind: 'activated', certified, activation });
}
