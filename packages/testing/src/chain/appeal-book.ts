import type { Hex } from '@ogong/chain/hex';
import { type AppealSubject, nameSubject } from '@ogong/chain/validators/cases';
import {
  type BlockTime,
  type BookedHearing,
  drawSeats,
  isQuorum,
  liftPenalty,
  type MoveTokens,
  type OffenceBook,
  type OffenceRules,
  type QuorumSigners,
} from './offence-book.ts';

/** Ejections, and what a panel is asked for with a deposit. By the name of the subject, or by provider. Plain data. */
export interface AppealBook {
  /** How often each provider was ejected. */
  readonly ejections: Map<string, number>;
  /** When the clock of a key was stopped last, seconds since 1970. */
  readonly frozen: Map<string, bigint>;
  readonly hearings: Map<string, BookedHearing>;
  readonly deposits: Map<string, BookedDeposit>;
}

/** What a panel lifts, or stops. */
export interface Appealed {
  readonly against: 'ejection' | 'penalty' | 'vesting';
  /** The provider, or the payee. */
  readonly about: string;
  /** Of the ejection or of the penalty; the day in which the panel was asked to stop a clock. */
  readonly number: number;
}

interface BookedDeposit extends Appealed {
  readonly from: string;
  readonly amount: bigint;
  readonly until: bigint;
}

export type AppealDeed =
  /** The number is that of the ejection that a quorum has signed. */
  | ({
      readonly kind: 'reinstate';
      readonly from: string;
      readonly providerId: string;
      readonly number: number;
    } & QuorumSigners)
  | ({
      readonly kind: 'ejectMachine';
      readonly from: string;
      readonly providerId: string;
      readonly number: number;
      readonly evidence: string;
    } & QuorumSigners)
  | ({ readonly kind: 'ask'; readonly from: string } & Omit<Appealed, 'number'>)
  | { readonly kind: 'drawSeats' | 'forfeitDeposit'; readonly from: string; readonly subject: string }
  /** The number is what the votes are about; of a penalty, `appealed` is whose panel gives them. */
  | ({ readonly kind: 'lift'; readonly from: string; readonly appealed: number } & Appealed & QuorumSigners);

export interface AppealRules extends OffenceRules {
  readonly deposit: bigint;
}

/** The books that appeals change. */
interface AppealedBooks {
  readonly appeals: AppealBook;
  /** When a provider was ejected. */
  readonly ejected: Map<string, bigint>;
  readonly offences: OffenceBook;
}

const DAY = 86_400n;
const FREEZE = 7n * DAY;
const FREEZE_REST = 28n * DAY;

export const createAppealBook = (): AppealBook => ({
  ...{ ejections: new Map(), frozen: new Map(), hearings: new Map(), deposits: new Map() },
});

export function nameAppeal({ against, about, number }: Appealed): Hex {
  const subjects: Readonly<Record<Appealed['against'], AppealSubject>> = {
    ejection: { ejected: about as Hex },
    penalty: { penalized: about as Hex },
    vesting: { freeze: about as Hex, period: number },
  };
  return nameSubject(subjects[against], number);
}

/** An ejection that is there keeps its appeal. */
export function eject({ ejected, appeals: { ejections } }: AppealedBooks, providerId: string, now: bigint): void {
  if (ejected.has(providerId)) return;
  ejected.set(providerId, now);
  ejections.set(providerId, (ejections.get(providerId) ?? 0) + 1);
}

/** The time by which a key's earnings vest: an ejection stops it, and a panel does for a week. */
export function clockOf(
  { ejected, appeals: { frozen } }: Pick<AppealedBooks, 'ejected' | 'appeals'>,
  providerId: string,
  now: bigint,
): bigint {
  const time = ejected.get(providerId) ?? now;
  const since = frozen.get(providerId);
  return since !== undefined && time >= since && time < since + FREEZE ? since : time;
}

/** @returns the last decision of that kind that is in force; undefined where there is none */
function findDecision(books: AppealedBooks, { against, about }: Omit<Appealed, 'number'>, now: bigint) {
  const { appeals, ejected, offences } = books;
  if (against === 'vesting') return { number: Number(now / DAY), since: now };
  if (against === 'ejection') {
    const since = ejected.get(about);
    return since === undefined ? undefined : { number: appeals.ejections.get(about) ?? 0, since };
  }
  const held = offences.held.get(about);
  return held === undefined || held.amount === 0n ? undefined : { number: held.count, since: held.since };
}

/** Does what the contracts would do in a block of that time. @returns whether they do it, or refuse it all */
export function applyAppealDeed(
  books: AppealedBooks,
  rules: AppealRules,
  deed: AppealDeed,
  { block: { now, number }, move }: { readonly block: BlockTime; readonly move: MoveTokens },
): boolean {
  const { appeals, ejected } = books;
  switch (deed.kind) {
    case 'ejectMachine': {
      const next = (appeals.ejections.get(deed.providerId) ?? 0) + 1;
      if (ejected.has(deed.providerId) || deed.number !== next || !isQuorum(rules, deed.signers)) return false;
      eject(books, deed.providerId, now);
      return true;
    }
    case 'reinstate': {
      const since = ejected.get(deed.providerId);
      if (since === undefined || now >= since + rules.appeal) return false;
      if (deed.number !== appeals.ejections.get(deed.providerId) || !isQuorum(rules, deed.signers)) return false;
      return ejected.delete(deed.providerId);
    }
    case 'ask': {
      const { from, against, about } = deed;
      const found = findDecision(books, deed, now);
      if (found === undefined || now >= found.since + rules.appeal) return false;
      const appealed = { against, about, number: found.number };
      const subject = nameAppeal(appealed);
      if (appeals.hearings.has(subject) || !move(from, rules.cases, rules.deposit)) return false;
      appeals.hearings.set(subject, { drawnFrom: number, hasPanel: false });
      appeals.deposits.set(subject, { ...appealed, from, amount: rules.deposit, until: found.since + rules.appeal });
      return true;
    }
    case 'drawSeats': {
      const hearing = appeals.hearings.get(deed.subject);
      const drawn = hearing && drawSeats(hearing, number);
      if (drawn === undefined) return false;
      appeals.hearings.set(deed.subject, drawn);
      return true;
    }
    case 'forfeitDeposit': {
      const found = appeals.deposits.get(deed.subject);
      if (found === undefined || now < found.until) return false;
      appeals.deposits.delete(deed.subject);
      return move(rules.cases, rules.treasury, found.amount);
    }
    case 'lift':
      return lift(books, rules, deed, { now, move });
  }
}

/** A panel lifts it, or a quorum has already; the deposit goes back. */
function lift(
  books: AppealedBooks,
  rules: AppealRules,
  deed: Extract<AppealDeed, { kind: 'lift' }>,
  { now, move }: { readonly now: bigint; readonly move: MoveTokens },
): boolean {
  const { appeals, ejected, offences } = books;
  const { against, about, signers } = deed;
  // Of an ejection the last one is heard: votes about another decision than the last one are votes of nobody.
  const last = { ejection: appeals.ejections.get(about), penalty: offences.held.get(about)?.count };
  const number = against === 'vesting' ? deed.number : (last[against] ?? 0);
  const subject = nameAppeal({ against, about, number: against === 'penalty' ? deed.appealed : number });
  const deposit = appeals.deposits.get(subject);
  if (deposit === undefined) return false;
  const isMajority =
    appeals.hearings.get(subject)?.hasPanel === true &&
    deed.number === number &&
    2 * signers.length > rules.votesOf.size;
  const found = findDecision(books, deed, now);
  // What penalties hold is the treasury's later than the deposit.
  if (against === 'penalty' && now >= deposit.until) return false;
  if (against === 'vesting') {
    const frozen = appeals.frozen.get(about);
    const isRested = frozen === undefined || now >= frozen + FREEZE + FREEZE_REST;
    if (now >= deposit.until || !isMajority || ejected.has(about) || !isRested) return false;
    appeals.frozen.set(about, now);
  } else if (found !== undefined) {
    if (!isMajority || now >= found.since + rules.appeal) return false;
    if (against === 'ejection') ejected.delete(about);
    else liftPenalty(offences, about);
  }
  appeals.deposits.delete(subject);
  return move(rules.cases, deposit.from, deposit.amount);
}
