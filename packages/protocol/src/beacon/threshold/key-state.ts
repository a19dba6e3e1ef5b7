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
import { type CommitteeMember, findCommitteeMember } from './members.ts';
import type { KeyShare, SignatureCollector, ThresholdGroup } from './partials.ts';
import { createPauses, type Pauses } from './pauses.ts';

export type KeyAction =
  | { readonly kind: 'send'; readonly to: Uint8Array; readonly message: KeyMessage }
  /** Must be durable before any later action of the list runs. */
  | { readonly kind: 'keep'; readonly entry: KeyEntry }
  /** A statement for the validator's signing key. The signature comes back by `addSignature`. */
  | { readonly kind: 'sign'; readonly statement: KeyStatement }
  /** The committee agreed. These shares may serve from now on; the chain says from which epoch. */
  | { readonly kind: 'agreed'; readonly result: KeyResult }
  /** T tickets of the new shares have signed. Send this to the chain. */
  | { readonly kind: 'activated'; readonly certified: CertifiedOutcome; readonly activation: Uint8Array }
  /** A dealer that signed two deals, with both. */
  | { readonly kind: 'struck'; readonly dealer: Uint8Array; readonly deals: readonly SignedDeal[] };

export interface KeyResult {
  readonly certified: CertifiedOutcome;
  /** Absent while a deal that the outcome names is missing here. */
  readonly group?: ThresholdGroup | undefined;
  /** Shares of the own tickets, once all of them are here. */
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
  /** Time of receipt. Negative infinity after a restart, so that the complaint counts at once. */
  readonly heardMs: number;
  /** The complainer's shares, once they were shown. They are stored for a complainer that the dealer leaves out. */
  answer: KeyMessageOf<'answer'> | undefined;
}

/** An outcome with its votes. */
interface CountedOutcome {
  readonly outcome: KeyOutcome;
  /** By account. */
  readonly votes: Map<string, QuorumSignature>;
  /** Stake of the voters. */
  stake: bigint;
}

/** The known state of one dealer. */
export interface DealerState {
  readonly seat: CommitteeMember;
  /** The first deal that was received, and a second one that differs. */
  readonly deals: (SignedDeal & { readonly hash: Uint8Array; readonly checked: CheckedDeal })[];
  /** The own shares in the first deal, once they are valid. */
  shares: readonly bigint[] | undefined;
  /** By the place of the complainer. */
  readonly complaints: Map<number, DealComplaint>;
  /** Number of signed deals that were refused. It limits the checks per dealer. */
  refused: number;
}

export interface KeyState extends KeyMachineDependencies {
  readonly plan: KeyPlan;
  readonly subject: KeySubject;
  readonly dealers: readonly DealerState[];
  /** Own index in the committee and among the dealers; -1 for none. */
  readonly ownSeat: number;
  readonly ownDealer: number;
  /** Accounts of all participants. */
  readonly peers: readonly Uint8Array[];
  polynomials: OwnPolynomials | undefined;
  /** The own signed deal, from this process or the one before it. */
  ownDeal: SignedDeal | undefined;
  isSigning: Set<string>;
  /** The last turn in which this validator proposed, and voted. */
  proposedTurn: number;
  votedTurn: number;
  proposal: KeyMessage | undefined;
  /** The vote of the turn in which it voted last. */
  ownVote: KeyMessage | undefined;
  readonly outcomes: Map<string, CountedOutcome>;
  result: KeyResult | undefined;
  /** The last parts of the activation from each member, until they can be combined. */
  readonly heldActivations: Map<string, { readonly from: Uint8Array; readonly message: KeyMessageOf<'activation'> }>;
  collector: SignatureCollector | undefined;
  activated: { readonly certified: CertifiedOutcome; readonly activation: Uint8Array } | undefined;
  nowMs: number;
  sentMs: number;
  startedMs: number | undefined;
  /** Whether deals were compared and complaints made. */
  hasSentSeen: boolean;
  /**
   * Number of common deals of each peer that showed the same deals as this validator, by account. Until there are more, such a
   * peer has nothing to learn.
   */
  readonly alike: Map<string, number>;
  /** Number of requests to peers with the same deals for an outcome. */
  asked: number;
  /** Recent answers to a peer, by kind. A peer repeats its questions, and an answer may be megabytes. */
  readonly answered: Pauses;
  /** Peers that sent an invalid message, and dealers whose box did not open. Their messages are ignored for a while. */
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
    ownSeat: findCommitteeMember(plan.seats, self),
    ownDealer: dealers.findIndex(({ address }) => equalBytes(address, self)),
    peers: accounts.filter((one, i) => accounts.findIndex((other) => equalBytes(one, other)) === i),
    ...{ polynomials: undefined, ownDeal: undefined, isSigning: new Set<string>() },
    ...{ proposedTurn: -1, votedTurn: -1, proposal: undefined, ownVote: undefined, outcomes: new Map() },
    ...{ result: undefined, heldActivations: new Map(), collector: undefined, activated: undefined },
    ...{ nowMs: Number.NEGATIVE_INFINITY, sentMs: Number.NEGATIVE_INFINITY, startedMs: undefined, hasSentSeen: false },
    ...{ alike: new Map(), asked: 0 },
    // Honest peers ask once per resend interval. The delay of their messages varies.
    ...{ answered: createPauses(plan.resendMs / 2), doubted: createPauses(plan.resendMs / 2) },
    ...{ actions: [], toSelf: [] },
  };
}

export function ownSeatOf(state: KeyState): CommitteeMember | undefined {
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

/** Returns whether the shares of a dealer are still needed. After an outcome only the dealers that it names count. */
export function isNeeded({ result }: KeyState, at: number): boolean {
  return result === undefined || result.certified.outcome.dealers.some(({ dealer }) => dealer === at);
}

/** Creates the message with a dealer's deal. The dealer itself adds the receiver's box. */
export function dealMessage(state: KeyState, { deal, signature }: SignedDeal, box: Uint8Array): KeyMessage {
  return { kind: 'deal', ...state.subject, deal, signature, box };
}

/** Returns the hash of a dealer's deal that the committee agreed on. */
export function agreedDealOf({ result }: KeyState, at: number): Uint8Array | undefined {
  return result?.certified.outcome.dealers.find(({ dealer }) => dealer === at)?.dealHash;
}

/** Returns the reason that a dealer's deal does not count now, if there is one. */
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

/** Returns the complainers that a dealer had time to answer and did not. */
export function listUnanswered({ dealers, plan, nowMs }: KeyState, at: number): number[] {
  const { complaints } = dealers[at] as DealerState;
  const since = nowMs - ANSWER_PHASES * plan.phaseMs;
  return [...complaints]
    .filter(([, one]) => one.answer === undefined && one.heardMs <= since)
    .map(([complainer]) => complainer);
}

const MAX_REFUSED = 3;

/**
 * Ignores a peer for a while after an invalid message. Each check costs time, and an honest peer sends only messages that it
 * has checked itself.
 */
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
  // The agreed deal is accepted even if its dealer showed other ones before, and no other deal in its place.
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
