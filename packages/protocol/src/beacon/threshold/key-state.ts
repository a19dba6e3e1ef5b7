import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Bls } from '../../crypto/bls.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { QuorumSignature } from '../../crypto/quorum.ts';
import type { SealedBox } from '../../crypto/sealed-box.ts';
import { type CheckedDeal, checkDeal, dealFormat, type OwnPolynomials } from './key-deal.ts';
import { type KeyEntry, type KeyMessage, type KeyMessageOf, keyMessageFormat } from './key-message.ts';
import type { CertifiedOutcome, KeyOutcome } from './key-outcome.ts';
import {
  ANSWER_PHASES,
  dealersOf,
  hashKeyStatement,
  type KeyPlan,
  type KeyStatement,
  type KeySubject,
  type OldShares,
  subjectOf,
} from './key-plan.ts';
import type { KeyShare, SignatureCollector, ThresholdGroup } from './partials.ts';
import { createPauses, type Pauses } from './pauses.ts';
import { findSeat, type Seat } from './seats.ts';

export type KeyAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: KeyMessage }
  /** Must be durable before any later action of the list is carried out. */
  | { readonly kind: 'keep'; readonly entry: KeyEntry }
  /** To sign with the validator's signing key; the signature comes back by `addSignature`. */
  | { readonly kind: 'sign'; readonly statement: KeyStatement }
  /** The seats agreed. These shares may serve from now on; the chain says from which epoch. */
  | { readonly kind: 'agreed'; readonly result: KeyResult }
  /** T tickets of the new shares have signed: to be sent to the chain. */
  | { readonly kind: 'activated'; readonly certified: CertifiedOutcome; readonly activation: Uint8Array }
  /** A dealer that signed two deals, with both. */
  | { readonly kind: 'struck'; readonly dealer: Uint8Array; readonly deals: readonly SignedDeal[] };

export interface KeyResult {
  readonly certified: CertifiedOutcome;
  /** Absent where a deal that the outcome names is not here yet. */
  readonly group?: ThresholdGroup | undefined;
  /** Of the own tickets, where all of them are here. */
  readonly shares?: readonly KeyShare[] | undefined;
}

export interface SignedDeal {
  readonly deal: Uint8Array;
  readonly signature: Uint8Array;
}

export interface KeyMachineDependencies {
  readonly crypto: Crypto;
  readonly bls: Bls;
  readonly box: SealedBox;
  /** Own account. */
  readonly self: Uint8Array;
  /** Of the own box key, 32 bytes. */
  readonly boxSecret: Uint8Array;
  /** 32 fresh random bytes, secret. */
  readonly drawSeed: () => Uint8Array;
  readonly oldShares?: OldShares | undefined;
}

export interface DealComplaint {
  readonly signature: Uint8Array;
  /** Negative infinity for one of before a restart: it counts at once. */
  readonly heardMs: number;
  /** The complainer's shares, once they were shown: kept for a complainer to whom the dealer shows nothing. */
  answer: KeyMessageOf<'answer'> | undefined;
}

/** An outcome, with the votes for it. */
interface CountedOutcome {
  readonly outcome: KeyOutcome;
  /** By account. */
  readonly votes: Map<string, QuorumSignature>;
  /** Of those who voted. */
  stake: bigint;
}

/** What is known of one dealer. */
export interface DealerState {
  readonly seat: Seat;
  /** The first deal that was heard, and a second one that differs. */
  readonly deals: (SignedDeal & { readonly hash: Uint8Array; readonly checked: CheckedDeal })[];
  /** The own shares in the first deal, once they hold. */
  shares: readonly bigint[] | undefined;
  /** By the place of the complainer. */
  readonly complaints: Map<number, DealComplaint>;
  /** Signed deals that were refused: no dealer has us check many. */
  refused: number;
}

export interface KeyState extends KeyMachineDependencies {
  readonly plan: KeyPlan;
  readonly subject: KeySubject;
  readonly dealers: readonly DealerState[];
  /** Own place among the seats, and the dealers; -1 for none. */
  readonly ownSeat: number;
  readonly ownDealer: number;
  /** Everybody who takes part. */
  readonly peers: readonly Uint8Array[];
  polynomials: OwnPolynomials | undefined;
  /** The own deal was signed: by this process, or by the one before it. */
  ownDeal: SignedDeal | undefined;
  isSigning: Set<string>;
  /** The last turn in which this validator proposed, and voted. */
  proposedTurn: number;
  votedTurn: number;
  proposal: KeyMessage | undefined;
  /** Of the turn that it voted in last. */
  ownVote: KeyMessage | undefined;
  readonly outcomes: Map<string, CountedOutcome>;
  result: KeyResult | undefined;
  /** The last parts of the activation from each seat, until they can be combined. */
  readonly heldActivations: Map<string, { readonly from: Uint8Array; readonly message: KeyMessageOf<'activation'> }>;
  collector: SignatureCollector | undefined;
  activated: { readonly certified: CertifiedOutcome; readonly activation: Uint8Array } | undefined;
  nowMs: number;
  sentMs: number;
  startedMs: number | undefined;
  /** Deals were compared, and complaints made. */
  hasSentSeen: boolean;
  /** Of each peer that showed the same deals as there were here, how many these were: until there are more, it has nothing to learn. By account. */
  readonly alike: Map<string, number>;
  /** How often peers that have nothing to learn were asked whether there is an outcome. */
  asked: number;
  /** What a peer was answered, by kind: it repeats its questions, and an answer may be megabytes. */
  readonly answered: Pauses;
  /** Peers that sent what does not hold: nothing of theirs is looked at for a while. And dealers whose box did not open. */
  readonly doubted: Pauses;
  actions: KeyAction[];
  toSelf: KeyMessage[];
}

export function createKeyState(plan: KeyPlan, dependencies: KeyMachineDependencies): KeyState {
  const dealers = dealersOf(plan);
  const { self } = dependencies;
  const accounts = [...plan.seats.seats, ...dealers].map(({ address }) => address);
  return {
    ...dependencies,
    plan,
    subject: subjectOf(plan),
    dealers: dealers.map((seat) => ({ seat, deals: [], shares: undefined, complaints: new Map(), refused: 0 })),
    ownSeat: findSeat(plan.seats, self),
    ownDealer: dealers.findIndex(({ address }) => equalBytes(address, self)),
    peers: accounts.filter((one, i) => accounts.findIndex((other) => equalBytes(one, other)) === i),
    ...{ polynomials: undefined, ownDeal: undefined, isSigning: new Set<string>() },
    ...{ proposedTurn: -1, votedTurn: -1, proposal: undefined, ownVote: undefined, outcomes: new Map() },
    ...{ result: undefined, heldActivations: new Map(), collector: undefined, activated: undefined },
    ...{ nowMs: Number.NEGATIVE_INFINITY, sentMs: Number.NEGATIVE_INFINITY, startedMs: undefined, hasSentSeen: false },
    ...{ alike: new Map(), asked: 0 },
    // Honest ones ask once a resend; what they send is some time on its way, now more, now less.
    ...{ answered: createPauses(plan.resendMs / 2), doubted: createPauses(plan.resendMs / 2) },
    ...{ actions: [], toSelf: [] },
  };
}

export function ownSeatOf(state: KeyState): Seat | undefined {
  return state.plan.seats.seats[state.ownSeat];
}

export function send(state: KeyState, to: Uint8Array, message: KeyMessage): void {
  if (equalBytes(to, state.self)) state.toSelf.push(message);
  else state.actions.push({ kind: 'send', to, message });
}

export function broadcast(state: KeyState, message: KeyMessage): void {
  for (const peer of state.peers) send(state, peer, message);
}

export function keep(state: KeyState, entry: KeyEntry): void {
  state.actions.push({ kind: 'keep', entry });
}

export function keepHeard(state: KeyState, from: Uint8Array, message: KeyMessage): void {
  keep(state, { kind: 'heard', from, message: keyMessageFormat.encode(message) });
}

export function digestOf(state: KeyState, statement: KeyStatement): Uint8Array {
  return hashKeyStatement(state.crypto, state.plan.network, state.subject, statement);
}

export function hashDeal(state: Pick<KeyState, 'crypto'>, deal: Uint8Array): Uint8Array {
  return state.crypto.sha256(deal);
}

/** The dealers whose shares are still needed: all, and of an outcome those that it names. */
export function isNeeded({ result }: KeyState, at: number): boolean {
  return result === undefined || result.certified.outcome.dealers.some(({ dealer }) => dealer === at);
}

/** The message with a dealer's deal. Its box is the receiver's where the dealer itself speaks. */
export function dealMessage(state: KeyState, { deal, signature }: SignedDeal, box: Uint8Array): KeyMessage {
  return { kind: 'deal', ...state.subject, deal, signature, box };
}

/** Hash of the deal of a dealer that the seats agreed on. */
export function agreedDealOf({ result }: KeyState, at: number): Uint8Array | undefined {
  return result?.certified.outcome.dealers.find(({ dealer }) => dealer === at)?.dealHash;
}

/** Why a dealer's deal does not count now, if it does not. */
export function objectTo(
  state: KeyState,
  at: number,
): 'no-deal' | 'two-deals' | 'no-shares' | 'unanswered' | undefined {
  const dealer = state.dealers[at] as DealerState;
  if (dealer.deals.length === 0) return 'no-deal';
  if (isStruck(state, at)) return 'two-deals';
  if (dealer.shares === undefined && (ownSeatOf(state)?.tickets ?? 0) > 0) return 'no-shares';
  return listUnanswered(state, at).length > 0 ? 'unanswered' : undefined;
}

export function isStruck({ dealers, plan }: KeyState, at: number): boolean {
  const { deals, seat } = dealers[at] as DealerState;
  return deals.length > 1 || (plan.struck ?? []).some((one) => equalBytes(one, seat.address));
}

/** Complainers that a dealer has had the time to answer, and has not. */
export function listUnanswered({ dealers, plan, nowMs }: KeyState, at: number): number[] {
  const { complaints } = dealers[at] as DealerState;
  const since = nowMs - ANSWER_PHASES * plan.phaseMs;
  return [...complaints]
    .filter(([, one]) => one.answer === undefined && one.heardMs <= since)
    .map(([complainer]) => complainer);
}

const MAX_REFUSED = 3;

/** Each check costs something, and an honest peer sends nothing that it has not checked itself. */
export function doubt({ doubted, nowMs }: KeyState, peer: Uint8Array): void {
  doubted.begin(toHex(peer), nowMs);
}

/** Reads and checks a deal: its form, its dealer and its signature. */
export function readDeal(
  state: KeyState,
  from: Uint8Array,
  { deal, signature }: SignedDeal,
): { readonly at: number; readonly hash: Uint8Array; readonly checked: CheckedDeal } | undefined {
  const { bls, plan, crypto } = state;
  const parsed = dealFormat.decode(deal);
  const at = state.dealers.findIndex(({ seat }) => equalBytes(seat.address, parsed.dealer));
  const dealer = state.dealers[at];
  const hash = hashDeal(state, deal);
  if (dealer === undefined) return undefined;
  const agreed = agreedDealOf(state, at);
  // The one that was agreed on is taken whatever its dealer showed before, and none in its place.
  if (agreed === undefined || !equalBytes(agreed, hash)) {
    if (agreed !== undefined && dealer.deals.length === 0) return undefined;
    if (dealer.deals.length > 1 || dealer.refused >= MAX_REFUSED) return undefined;
  }
  const known = dealer.deals.find((one) => equalBytes(one.hash, hash));
  if (known !== undefined) return { at, hash, checked: known.checked };
  if (!crypto.verifyAddress(digestOf(state, { kind: 'deal', dealHash: hash }), signature, dealer.seat.signingKey)) {
    doubt(state, from);
    return undefined;
  }
  const checked = checkDeal(bls, plan, parsed);
  if (typeof checked !== 'string') return { at, hash, checked };
  dealer.refused += 1;
  return undefined;
}
