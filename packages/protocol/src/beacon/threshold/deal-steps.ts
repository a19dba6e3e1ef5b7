import { equalBytes, toHex } from '../../base/bytes.ts';
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
  broadcast,
  type DealerState,
  dealMessage,
  digestOf,
  doubt,
  hashDeal,
  isNeeded,
  isStruck,
  type KeyState,
  keep,
  keepHeard,
  ownSeatOf,
  readDeal,
  type SignedDeal,
  send,
} from './key-state.ts';
import { findCommitteeMember } from './members.ts';

/** Draws the polynomials, stores them, and requests a signature of the deal. */
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

/** Encodes the own deal; the bytes are the same each time. */
function encodeOwnDeal(state: KeyState): Uint8Array {
  const dealer = (state.dealers[state.ownDealer] as DealerState).seat;
  const polynomials = state.polynomials as OwnPolynomials;
  return dealFormat.encode(createDeal(state, state.plan, { dealer, polynomials }));
}

/** Stores the signed deal, then sends it. */
export function sendDeal(state: KeyState, signature: Uint8Array): void {
  if (state.polynomials === undefined || state.ownDeal !== undefined) return;
  state.ownDeal = { deal: encodeOwnDeal(state), signature };
  keep(state, { kind: 'own', ...state.ownDeal });
  for (const peer of state.peers) sendOwnDeal(state, peer);
}

export function sendOwnDeal(state: KeyState, to: Uint8Array): void {
  const { ownDeal, polynomials, plan } = state;
  if (ownDeal === undefined) return;
  const receiver = plan.seats.seats[findCommitteeMember(plan.seats, to)];
  const box =
    receiver === undefined || polynomials === undefined
      ? new Uint8Array(0)
      : sealShares(state, polynomials, { receiver, dealHash: hashDeal(state, ownDeal.deal) });
  send(state, to, dealMessage(state, ownDeal, box));
}

export function hearDeal(state: KeyState, from: Uint8Array, message: KeyMessageOf<'deal'>): void {
  const read = readDeal(state, from, message);
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
}

/** Restores the own deal from other validators after a lost disk. The dealer deals nothing else. */
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
  // A dealer that is asked for its box again may meanwhile still answer in the clear.
  const name = `box ${toHex(dealer.seat.address)}`;
  if (state.doubted.has(name, state.nowMs)) return;
  const shares = openShares(state.box, box, { receiver, dealHash: dealt.hash, secret: state.boxSecret });
  if (shares !== undefined && areShares(state.bls, dealt.checked, { receiver, shares })) dealer.shares = shares;
  else state.doubted.begin(name, state.nowMs);
}

function takeOwnShares(state: KeyState, dealer: DealerState): void {
  const receiver = ownSeatOf(state);
  if (receiver !== undefined && state.polynomials !== undefined)
    dealer.shares = computeShares(state.polynomials, receiver);
}

/** Strikes a dealer that signed two deals. A validator that has both deals tells every peer. */
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

const countDeals = ({ dealers }: KeyState): number => dealers.filter(({ deals }) => deals.length > 0).length;

/**
 * Sends the digest of the stored deals again to peers that may lack a deal or have another one. Peers that showed the same
 * deals are still asked, one after the other: each may know a lost outcome.
 */
export function repeatSeen(state: KeyState): void {
  const count = countDeals(state);
  const isAlike = (peer: Uint8Array): boolean => state.alike.get(toHex(peer)) === count;
  const message = seenMessage(state);
  const alike = state.peers.filter((peer) => isAlike(peer) && !equalBytes(peer, state.self));
  for (const peer of state.peers) if (!isAlike(peer)) send(state, peer, message);
  const next = alike[state.asked++ % Math.max(1, alike.length)];
  if (next !== undefined) send(state, next, message);
}

/** Returns whether a peer got no answer about a subject recently, and marks it as answered. */
export function isFirstAnswer({ answered, nowMs }: KeyState, to: Uint8Array, what: string): boolean {
  const name = `${what} ${toHex(to)}`;
  if (answered.has(name, nowMs)) return false;
  answered.begin(name, nowMs);
  return true;
}

/** Sends a peer that has another deal of a dealer the stored one, so that both know of two. */
export function compareSeen(state: KeyState, from: Uint8Array, { deals }: KeyMessageOf<'seen'>): void {
  const isAlike = deals.every(({ dealer, dealHash }) => {
    const [dealt] = state.dealers[dealer]?.deals ?? [];
    return dealt !== undefined && equalBytes(dealt.hash, dealHash);
  });
  if (isAlike && deals.length === countDeals(state)) state.alike.set(toHex(from), deals.length);
  const others = deals.flatMap(({ dealer, dealHash }) => {
    const known = state.dealers[dealer]?.deals ?? [];
    return known[0] === undefined || equalBytes(known[0].hash, dealHash) ? [] : known;
  });
  if (others.length === 0 || !isFirstAnswer(state, from, 'seen')) return;
  for (const one of others) send(state, from, dealMessage(state, one, new Uint8Array(0)));
}

/** Hands a deal on, which every holder does. The dealer adds the receiver's box. */
export function answerWant(state: KeyState, from: Uint8Array, { dealer }: KeyMessageOf<'want'>): void {
  if (state.dealers[dealer] === undefined || !isFirstAnswer(state, from, `want ${dealer}`)) return;
  if (dealer === state.ownDealer && state.polynomials !== undefined) sendOwnDeal(state, from);
  else
    for (const one of state.dealers[dealer]?.deals ?? []) send(state, from, dealMessage(state, one, new Uint8Array(0)));
}

// Complaints.

/** Complains about every dealer without valid shares here. */
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

/**
 * Hands a new complaint on to every peer; the dealer answers it to every peer. A sender that repeats the complaint gets the
 * answer from any peer that has it, since the dealer may have left that sender out.
 */
export function hearComplaint(state: KeyState, from: Uint8Array, message: KeyMessageOf<'complaint'>): void {
  const { dealer: at, complainer, signature } = message;
  const dealer = state.dealers[at];
  const seat = state.plan.seats.seats[complainer];
  if (dealer === undefined || seat === undefined || seat.tickets === 0) return;
  const known = dealer.complaints.get(complainer);
  if (known === undefined) {
    const digest = digestOf(state, { kind: 'complaint', dealer: at, complainer });
    if (!state.crypto.verifyAddress(digest, signature, seat.signingKey)) {
      doubt(state, from);
      return;
    }
    dealer.complaints.set(complainer, { signature, heardMs: state.nowMs, answer: undefined });
    keepHeard(state, from, message);
    broadcast(state, message);
    if (at === state.ownDealer) answer(state, complainer, state.peers);
  } else if (isFirstAnswer(state, from, `complaint ${at} ${complainer}`)) {
    if (at === state.ownDealer) answer(state, complainer, [from]);
    else if (known.answer !== undefined) send(state, from, known.answer);
  }
}

function answer(state: KeyState, complainer: number, to: readonly Uint8Array[]): void {
  const { polynomials, ownDeal, plan } = state;
  const receiver = plan.seats.seats[complainer];
  if (polynomials === undefined || ownDeal === undefined || receiver === undefined) return;
  const said = { dealer: state.ownDealer, complainer, dealHash: hashDeal(state, ownDeal.deal) };
  const message = { kind: 'answer', ...state.subject, ...said, shares: computeShares(polynomials, receiver) } as const;
  for (const peer of to) {
    // A peer without the deal cannot check the answer.
    send(state, peer, dealMessage(state, ownDeal, new Uint8Array(0)));
    send(state, peer, message);
  }
}

/** Accepts an answer from any sender, because the commitments prove it. The dealer may have left out the complainer alone. */
export function hearAnswer(state: KeyState, from: Uint8Array, message: KeyMessageOf<'answer'>): void {
  const { dealer: at, complainer, dealHash, shares } = message;
  const dealer = state.dealers[at];
  const receiver = state.plan.seats.seats[complainer];
  const complaint = dealer?.complaints.get(complainer);
  const [dealt] = dealer?.deals ?? [];
  if (dealer === undefined || receiver === undefined || dealt === undefined) return;
  const isOwn = complainer === state.ownSeat && dealer.shares === undefined;
  if (!isOwn && (complaint === undefined || complaint.answer !== undefined)) return;
  if (!equalBytes(dealt.hash, dealHash)) return;
  if (!areShares(state.bls, dealt.checked, { receiver, shares })) {
    doubt(state, from);
    return;
  }
  if (complaint !== undefined) complaint.answer = message;
  if (isOwn) dealer.shares = shares;
  keepHeard(state, from, message);
}

/**
 * Sends messages again that may have been lost. The own complaints go to all peers, any of which may have the answer. Other
 * complaints go to the dealer.
 */
export function repeatComplaints(state: KeyState): void {
  for (const [dealer, { complaints, seat, shares }] of state.dealers.entries()) {
    for (const [complainer, { signature, answer }] of complaints) {
      const isOwn = complainer === state.ownSeat;
      const isLacking = isOwn && shares === undefined && isNeeded(state, dealer);
      if (answer !== undefined || (state.result !== undefined && !isLacking)) continue;
      const message = complaintMessage(state, { dealer, complainer, signature });
      if (isOwn) broadcast(state, message);
      else send(state, seat.address, message);
    }
  }
}
