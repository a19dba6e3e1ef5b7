import { type FeeShares, splitFee, splitVerification } from '@ogong/protocol/exchange/fee';
import { type CosignedPot, POT_SECONDS, splitJudged, takeFromPot } from '@ogong/protocol/settlement/cosigned-pot';
import {
  type AppealBook,
  type AppealDeed,
  type AppealRules,
  applyAppealDeed,
  clockOf,
  createAppealBook,
  eject,
} from './appeal-book.ts';
import { type BookedStake, stakeIn } from './booked-stake.ts';
import {
  applyEmissionDeed,
  createEmissionBook,
  type EmissionBook,
  type EmissionDeed,
  type EmissionRules,
  noteRecycled,
} from './emission-book.ts';
import {
  applyOffenceDeed,
  type BlockTime,
  createOffenceBook,
  isQuorum,
  type OffenceBook,
  type OffenceDeed,
  penalize,
} from './offence-book.ts';

/** Model of all balances. Addresses and ids are lower-case hex. Plain data, so a copy is a state to return to. */
export interface MoneyBook {
  readonly tokens: Map<string, bigint>;
  readonly free: Map<string, bigint>;
  readonly channels: Map<string, BookedChannel>;
  readonly credit: Map<string, bigint>;
  readonly earnings: Map<string, BookedEarnings>;
  /** When a provider was ejected, seconds since 1970. */
  readonly ejected: Map<string, bigint>;
  /** Amounts set aside for co-signers and the weight of each, by roster and day. */
  readonly pots: Map<string, BookedPot>;
  /** Sequence of each validator's last batch. */
  readonly sequences: Map<string, bigint>;
  /** By payee. */
  readonly priorities: Map<string, BookedStake>;
  /** Bonds that payees put down for keys, by both. */
  readonly keyBonds: Map<string, BookedStake>;
  /** Most that a key may sign for a payer, by payer, validator and key. */
  readonly keyLimits: Map<string, bigint>;
  readonly offences: OffenceBook;
  readonly appeals: AppealBook;
  readonly emission: EmissionBook;
  /** Time until which no new money enters, and the earliest time of the next pause. */
  pausedUntil: bigint;
  nextPause: bigint;
}

interface BookedChannel {
  admitted: bigint;
  spent: bigint;
  releasing: bigint;
  releasableAt: bigint;
  /** A voucher keeps up to this amount until `lienUntil`. It is counted as `spent` is. */
  lien: bigint;
  lienUntil: bigint;
}

interface BookedPot extends CosignedPot {
  readonly own: ReadonlyMap<string, bigint>;
}

interface BookedEarnings {
  /** Sums by period. */
  readonly earned: Map<bigint, bigint>;
  paid: bigint;
  collected: bigint;
}

/** The fixed settings of a network, for the rules below. */
export interface MoneyRules {
  readonly escrow: string;
  readonly earnings: string;
  readonly staking: string;
  readonly pool: string;
  readonly treasury: string;
  readonly license: string;
  /** Account credited with the amounts for co-signers. */
  readonly cosigners: string;
  /** Makers of models, by content root. */
  readonly makers: ReadonlyMap<string, string>;
  readonly shares: FeeShares;
  /** Bonds of all validators, which stay. */
  readonly votes: bigint;
  readonly withdrawalDelay: bigint;
  readonly unbondingDelay: bigint;
  readonly period: bigint;
  readonly entrance: bigint;
  readonly appeal: bigint;
  readonly offences: AppealRules;
  readonly emission: EmissionRules;
  /** May stop new money for a while. */
  readonly guardian: string;
}

interface BookedVoucher {
  readonly payer: string;
  readonly cumulative: bigint;
  /** The account that signed: the payer itself, or a key that may sign for it. */
  readonly signer: string;
}

export interface BookedSettlement {
  readonly validator: string;
  readonly sequence: bigint;
  readonly debits: readonly (BookedVoucher & { readonly amount: bigint })[];
  readonly lines: readonly {
    readonly providerId: string;
    readonly payee: string;
    readonly router: string;
    readonly gross: bigint;
    readonly fine: bigint;
    readonly modelRoot: string;
  }[];
  /** Whether the lines are one fee that several providers share. */
  readonly isCohort: boolean;
  readonly ejections: readonly string[];
  readonly tallies: readonly { readonly payee: string; readonly credits: number; readonly refuted: number }[];
  /** The signers and the roster that counts them; undefined without a roster. */
  readonly signed:
    | { readonly roster: string; readonly votes: readonly (readonly [account: string, vote: bigint])[] }
    | undefined;
}

/** One request of an account to the contracts. */
export type MoneyDeed =
  | { readonly kind: 'deposit' | 'withdraw'; readonly from: string; readonly amount: bigint }
  | { readonly kind: 'admit' | 'transfer'; readonly from: string; readonly to: string; readonly amount: bigint }
  | { readonly kind: 'request'; readonly from: string; readonly to: string; readonly amount: bigint }
  | ({ readonly kind: 'lien'; readonly from: string; readonly to: string } & BookedVoucher)
  | { readonly kind: 'finish'; readonly from: string; readonly to: string }
  | { readonly kind: 'pause' | 'open'; readonly from: string }
  | { readonly kind: 'claim'; readonly from: string }
  | { readonly kind: 'prioritize' | 'deprioritize'; readonly from: string; readonly amount: bigint }
  | { readonly kind: 'finishPriority'; readonly from: string }
  | {
      readonly kind: 'bondKey' | 'unbondKey';
      readonly from: string;
      readonly providerId: string;
      readonly amount: bigint;
    }
  | { readonly kind: 'finishKey'; readonly from: string; readonly providerId: string }
  | { readonly kind: 'forfeit'; readonly from: string; readonly providerId: string; readonly payee: string }
  | {
      readonly kind: 'earnings' | 'collect';
      readonly from: string;
      readonly providerId: string;
      readonly payee: string;
    }
  | {
      readonly kind: 'cosigned';
      readonly from: string;
      readonly roster: string;
      readonly day: bigint;
      readonly account: string;
    }
  | {
      readonly kind: 'allowKey';
      readonly from: string;
      readonly payer: string;
      readonly to: string;
      readonly key: string;
      readonly limit: bigint;
      /** Whether the payer's own code agrees, or the payer is the caller. */
      readonly isAgreed: boolean;
    }
  | OffenceDeed
  | AppealDeed
  | EmissionDeed
  | { readonly kind: 'settle'; readonly from: string; readonly settlement: BookedSettlement };

const HELD_PERIODS = 2n;
const DAY = 86_400n;
const PAUSE = 3n * DAY;
const PAUSE_REST = 14n * DAY;
/** Actions that are refused while no new money may enter. */
const ENTRIES: readonly MoneyDeed['kind'][] = ['deposit', 'stake', 'prioritize', 'bondKey'];
const NOBODY = `0x${'00'.repeat(20)}`;

export const createMoneyBook = (emissionStart: bigint): MoneyBook => ({
  ...{ tokens: new Map(), free: new Map(), channels: new Map(), credit: new Map() },
  ...{ earnings: new Map(), ejected: new Map(), sequences: new Map(), pots: new Map() },
  ...{ priorities: new Map(), keyBonds: new Map(), keyLimits: new Map() },
  ...{ offences: createOffenceBook(), appeals: createAppealBook(), emission: createEmissionBook(emissionStart) },
  ...{ pausedUntil: 0n, nextPause: 0n },
});

const get = (map: ReadonlyMap<string, bigint>, key: string): bigint => map.get(key) ?? 0n;
function add(map: Map<string, bigint>, key: string, amount: bigint): void {
  map.set(key, get(map, key) + amount);
}

export function channelIn(book: MoneyBook, payer: string, validator: string): BookedChannel {
  const key = `${payer} ${validator}`;
  const found = book.channels.get(key) ?? {
    ...{ admitted: 0n, spent: 0n, releasing: 0n, releasableAt: 0n },
    ...{ lien: 0n, lienUntil: 0n },
  };
  book.channels.set(key, found);
  return found;
}

function earningsIn(book: MoneyBook, providerId: string, payee: string): BookedEarnings {
  const key = `${providerId} ${payee}`;
  const found = book.earnings.get(key) ?? { earned: new Map(), paid: 0n, collected: 0n };
  book.earnings.set(key, found);
  return found;
}

/** @returns whether the amount is there. */
function askBack(stake: BookedStake, amount: bigint, leavesAt: bigint): boolean {
  if (amount === 0n || amount > stake.amount) return false;
  stake.amount -= amount;
  stake.leaving += amount;
  stake.leavesAt = leavesAt;
  return true;
}

/** The part of a key's bond that a final ejection took: all but what could have left before it. */
export function forfeitIn(
  book: MoneyBook,
  rules: MoneyRules,
  [providerId, payee]: readonly [string, string],
  now: bigint,
) {
  const since = book.ejected.get(providerId);
  if (since === undefined || now < since + rules.appeal) return 0n;
  const { amount, leaving, leavesAt } = stakeIn(book.keyBonds, `${providerId} ${payee}`);
  return amount + (clockOf(book, providerId, now) < leavesAt ? leaving : 0n);
}

/** Result of `Earnings.balanceOf` at a time. */
export function balanceIn(book: MoneyBook, rules: MoneyRules, providerId: string, payee: string, now: bigint) {
  const { earned, paid, collected } = earningsIn(book, providerId, payee);
  const { period, entrance, appeal } = rules;
  const since = book.ejected.get(providerId);
  const upTo = (last: bigint): bigint =>
    [...earned].reduce((sum, [at, amount]) => (at <= last ? sum + amount : sum), 0n);
  const all = [...earned.values()].reduce((sum, amount) => sum + amount, 0n);
  const vested = upTo(clockOf(book, providerId, now) / period - HELD_PERIODS - 1n);
  const due = vested > entrance ? vested - entrance : 0n;
  const isFinal = since !== undefined && now >= since + appeal;
  const pool = isFinal ? all - due : all < entrance ? all : entrance;
  return { earned: all, withdrawable: due - paid, collectable: pool - collected, paid, collected };
}

/** The settlement leaves its credit in the escrow until a payment. */
function payFromEarnings(book: MoneyBook, { earnings, escrow }: MoneyRules, to: string, amount: bigint): void {
  if (get(book.tokens, earnings) < amount) {
    const credit = get(book.credit, earnings);
    book.credit.set(earnings, 0n);
    add(book.tokens, escrow, -credit);
    add(book.tokens, earnings, credit);
  }
  add(book.tokens, earnings, -amount);
  add(book.tokens, to, amount);
}

/** Applies an action as the contracts would in a block of that time. @returns false if they refuse all of it. */
export function applyDeed(book: MoneyBook, rules: MoneyRules, deed: MoneyDeed, block: BlockTime): boolean {
  const { from } = deed;
  const { now } = block;
  const move = (giver: string, taker: string, amount: bigint): boolean => {
    if (amount > get(book.tokens, giver)) return false;
    add(book.tokens, giver, -amount);
    add(book.tokens, taker, amount);
    return true;
  };
  if (ENTRIES.includes(deed.kind) && now < book.pausedUntil) return false;
  switch (deed.kind) {
    case 'transfer':
      return move(from, deed.to, deed.amount);
    case 'pause':
      if (from !== rules.guardian || now < book.nextPause) return false;
      book.pausedUntil = now + PAUSE;
      book.nextPause = book.pausedUntil + PAUSE_REST;
      return true;
    case 'open':
      if (from !== rules.guardian) return false;
      book.pausedUntil = 0n;
      return true;
    case 'deposit': {
      if (deed.amount === 0n || deed.amount > get(book.tokens, from)) return false;
      add(book.tokens, from, -deed.amount);
      add(book.tokens, rules.escrow, deed.amount);
      add(book.free, from, deed.amount);
      return true;
    }
    case 'withdraw': {
      if (deed.amount === 0n || deed.amount > get(book.free, from)) return false;
      add(book.free, from, -deed.amount);
      add(book.tokens, rules.escrow, -deed.amount);
      add(book.tokens, from, deed.amount);
      return true;
    }
    case 'admit': {
      if (deed.amount === 0n || deed.amount > get(book.free, from)) return false;
      add(book.free, from, -deed.amount);
      channelIn(book, from, deed.to).admitted += deed.amount;
      return true;
    }
    case 'request':
    case 'lien':
    case 'finish':
      return release(book, rules, deed, now);
    case 'claim': {
      const amount = get(book.credit, from);
      if (amount === 0n) return false;
      book.credit.set(from, 0n);
      add(book.tokens, rules.escrow, -amount);
      add(book.tokens, from, amount);
      return true;
    }
    case 'earnings': {
      const { withdrawable } = balanceIn(book, rules, deed.providerId, deed.payee, now);
      if (withdrawable === 0n) return false;
      earningsIn(book, deed.providerId, deed.payee).paid += withdrawable;
      payFromEarnings(book, rules, deed.payee, withdrawable);
      return true;
    }
    case 'collect': {
      const { collectable } = balanceIn(book, rules, deed.providerId, deed.payee, now);
      if (collectable === 0n) return false;
      earningsIn(book, deed.providerId, deed.payee).collected += collectable;
      payFromEarnings(book, rules, rules.pool, collectable);
      return true;
    }
    case 'cosigned': {
      const key = `${deed.roster} ${deed.day}`;
      const pot = book.pots.get(key);
      const own = pot?.own.get(deed.account) ?? 0n;
      if (now < (deed.day + 1n) * POT_SECONDS) return false;
      // A part of zero, or one claimed earlier, does not stop the others.
      if (pot === undefined || own === 0n) return true;
      const { part, left } = takeFromPot(pot, own);
      book.pots.set(key, { ...left, own: new Map([...pot.own, [deed.account, 0n]]) });
      add(book.credit, rules.cosigners, -part);
      add(book.credit, deed.account, part);
      return true;
    }
    case 'allowKey': {
      const key = `${deed.payer} ${deed.to} ${deed.key}`;
      if (deed.limit <= get(book.keyLimits, key) || !deed.isAgreed) return false;
      book.keyLimits.set(key, deed.limit);
      return true;
    }
    case 'allot':
    case 'emission':
      return applyEmissionDeed(book.emission, rules.emission, deed, {
        now,
        isQuorum: (signers) => isQuorum(rules.offences, signers),
        pay: (to, amount) => void move(rules.emission.emission, to, amount),
      });
    case 'settle':
      return settle(book, rules, deed.settlement, now);
    case 'prioritize':
    case 'deprioritize':
    case 'finishPriority':
      return prioritize(book, rules, deed, now);
    case 'bondKey':
    case 'unbondKey':
    case 'finishKey':
    case 'forfeit':
      return bondKey(book, rules, deed, now);
    case 'ask':
    case 'drawSeats':
    case 'lift':
    case 'forfeitDeposit':
    case 'reinstate':
    case 'ejectMachine':
      return applyAppealDeed(book, rules.offences, deed, { block, move });
    default:
      return applyOffenceDeed(book.offences, rules.offences, deed, { block, move });
  }
}

const maySign = (book: MoneyBook, { payer, cumulative, signer }: BookedVoucher, validator: string): boolean =>
  signer === payer || cumulative <= get(book.keyLimits, `${payer} ${validator} ${signer}`);

/** Requests the return of undrawn money. The holder of a voucher keeps the covered amount there for one more delay. */
function release(
  book: MoneyBook,
  { withdrawalDelay }: MoneyRules,
  deed: Extract<MoneyDeed, { kind: 'request' | 'lien' | 'finish' }>,
  now: bigint,
): boolean {
  const payer = deed.kind === 'lien' ? deed.payer : deed.from;
  const channel = channelIn(book, payer, deed.to);
  if (deed.kind === 'request') {
    if (deed.amount > channel.admitted - channel.spent) return false;
    channel.releasing = deed.amount;
    channel.releasableAt = now + withdrawalDelay;
    channel.lienUntil = 0n;
    return true;
  }
  if (channel.releasing === 0n) return false;
  if (deed.kind === 'lien') {
    if (!maySign(book, deed, deed.to)) return false;
    if (channel.lienUntil === 0n) channel.lienUntil = channel.releasableAt + withdrawalDelay;
    else if (deed.cumulative <= channel.lien) return false;
    channel.lien = deed.cumulative;
    return true;
  }
  if (now < channel.releasableAt) return false;
  const isHeld = channel.lien > channel.spent && now < channel.lienUntil;
  const kept = isHeld ? channel.lien : channel.spent;
  const loose = channel.admitted > kept ? channel.admitted - kept : 0n;
  const amount = channel.releasing < loose ? channel.releasing : loose;
  if (isHeld && amount === 0n) return false;
  channel.releasing = isHeld ? channel.releasing - amount : 0n;
  channel.admitted -= amount;
  add(book.free, payer, amount);
  return true;
}

/** Only its owner moves a priority stake. */
function prioritize(
  book: MoneyBook,
  { staking, unbondingDelay }: MoneyRules,
  deed: Extract<MoneyDeed, { kind: 'prioritize' | 'deprioritize' | 'finishPriority' }>,
  now: bigint,
): boolean {
  const { from } = deed;
  const mine = stakeIn(book.priorities, from);
  if (deed.kind === 'deprioritize') return askBack(mine, deed.amount, now + unbondingDelay);
  if (deed.kind === 'prioritize') {
    if (deed.amount === 0n || deed.amount > get(book.tokens, from)) return false;
    mine.amount += deed.amount;
    add(book.tokens, from, -deed.amount);
    add(book.tokens, staking, deed.amount);
    return true;
  }
  if (mine.leaving === 0n || now < mine.leavesAt) return false;
  add(book.tokens, staking, -mine.leaving);
  add(book.tokens, from, mine.leaving);
  mine.leaving = 0n;
  return true;
}

/** A bond leaves by its key's clock, and not before the earnings made with it vest. An ejection stops that clock. */
function bondKey(
  book: MoneyBook,
  rules: MoneyRules,
  deed: Extract<MoneyDeed, { kind: 'bondKey' | 'unbondKey' | 'finishKey' | 'forfeit' }>,
  now: bigint,
): boolean {
  const { from, providerId } = deed;
  const since = book.ejected.get(providerId);
  if (deed.kind === 'forfeit') {
    const taken = forfeitIn(book, rules, [providerId, deed.payee], now);
    if (taken === 0n) return false;
    const theirs = stakeIn(book.keyBonds, `${providerId} ${deed.payee}`);
    theirs.leaving -= taken - theirs.amount;
    theirs.amount = 0n;
    payFromEarnings(book, rules, rules.pool, taken);
    return true;
  }
  const mine = stakeIn(book.keyBonds, `${providerId} ${from}`);
  if (deed.kind === 'bondKey') {
    if (deed.amount === 0n || since !== undefined || deed.amount > get(book.tokens, from)) return false;
    mine.amount += deed.amount;
    add(book.tokens, from, -deed.amount);
    add(book.tokens, rules.earnings, deed.amount);
    return true;
  }
  if (deed.kind === 'unbondKey') {
    const [delayed, vested] = [now + rules.unbondingDelay, (now / rules.period + HELD_PERIODS) * rules.period];
    return askBack(mine, deed.amount, delayed > vested ? delayed : vested);
  }
  const amount = mine.leaving;
  if (amount === 0n || clockOf(book, providerId, now) < mine.leavesAt) return false;
  mine.leaving = 0n;
  payFromEarnings(book, rules, from, amount);
  return true;
}

function settle(book: MoneyBook, rules: MoneyRules, settlement: BookedSettlement, now: bigint): boolean {
  const { validator, sequence, debits, lines, ejections, tallies, signed } = settlement;
  if (sequence !== get(book.sequences, validator) + 1n) return false;
  for (const debit of debits) {
    const { payer, amount, cumulative } = debit;
    const { spent, admitted } = channelIn(book, payer, validator);
    if (!maySign(book, debit, validator)) return false;
    if (spent + amount > cumulative || spent + amount > admitted) return false;
  }
  const sum = (list: readonly bigint[]): bigint => list.reduce((total, one) => total + one, 0n);
  if (signed !== undefined && 3n * sum(signed.votes.map(([, vote]) => vote)) <= 2n * rules.votes) return false;
  if (sum(debits.map(({ amount }) => amount)) !== sum(lines.map(({ gross }) => gross))) return false;
  book.sequences.set(validator, sequence);
  for (const id of ejections) eject(book, id, now);
  let pool = 0n;
  let judged = 0n;
  let recycled = 0n;
  for (const { providerId, payee, router, gross, fine, modelRoot } of lines) {
    const routed = router !== NOBODY;
    const maker = rules.makers.get(modelRoot);
    const split = splitFee(gross, rules.shares, { routed, made: maker !== undefined, fineAtomic: fine });
    if (maker !== undefined) add(book.credit, maker, split.maker);
    if (routed) add(book.credit, router, split.router);
    judged += split.validator;
    add(book.credit, rules.treasury, split.treasury);
    add(book.credit, rules.license, split.license);
    add(book.credit, rules.earnings, split.provider);
    pool += split.verification;
    recycled += split.recycle;
    const { earned } = earningsIn(book, providerId, payee);
    const period = now / rules.period;
    earned.set(period, (earned.get(period) ?? 0n) + split.provider);
  }
  payValidators(book, rules, settlement, { judged, now });
  const { parts, rest } = splitVerification(
    pool,
    tallies.map(({ credits }) => credits),
  );
  for (const [i, { payee, refuted }] of tallies.entries()) {
    add(book.credit, payee, parts[i] as bigint);
    penalize(book.offences, payee, refuted, now);
  }
  add(book.credit, rules.emission.emission, recycled);
  noteRecycled(book.emission, recycled, now);
  add(book.credit, rules.pool, rest);
  for (const { payer, amount } of debits) channelIn(book, payer, validator).spent += amount;
  return true;
}

/** The handling validator and the signers, if a roster lists them. */
function payValidators(
  book: MoneyBook,
  { cosigners, pool }: Pick<MoneyRules, 'cosigners' | 'pool'>,
  { validator, signed }: Pick<BookedSettlement, 'validator' | 'signed'>,
  { judged, now }: { readonly judged: bigint; readonly now: bigint },
): void {
  const { handler, others } = splitJudged(judged);
  add(book.credit, validator, handler);
  add(book.credit, signed === undefined ? pool : cosigners, others);
  if (signed === undefined || others === 0n) return;
  const key = `${signed.roster} ${now / POT_SECONDS}`;
  const { amount, weight, own } = book.pots.get(key) ?? { amount: 0n, weight: 0n, own: new Map() };
  const counted = new Map(own);
  for (const [account, vote] of signed.votes) add(counted, account, vote);
  const added = signed.votes.reduce((sum, [, vote]) => sum + vote, 0n);
  book.pots.set(key, { amount: amount + others, weight: weight + added, own: counted });
}
