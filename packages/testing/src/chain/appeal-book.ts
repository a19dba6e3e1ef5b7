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

/** Model of ejections and of appeals that carry a deposit, keyed by subject or by provider. Plain data. */
export interface AppealBook {
  /** How often each provider was ejected. */
  readonly ejections: Map<string, number>;
  /** Last time at which a key's vesting was stopped, seconds since 1970. */
  readonly frozen: Map<string, bigint>;
  readonly hearings: Map<string, BookedHearing>;
  readonly deposits: Map<string, BookedDeposit>;
}

/** The measure that a panel lifts, or the vesting that it stops. */
export interface Appealed {
  readonly against: 'ejection' | 'penalty' | 'vesting';
  /** The provider, or the payee. */
  readonly about: string;
  /** Number of the ejection or the penalty. For `vesting`, the day on which the panel was asked. */
  readonly number: number;
}

interface BookedDeposit extends Appealed {
  readonly from: string;
  readonly amount: bigint;
  readonly until: bigint;
}

export type AppealDeed =
  /** `number` is that of the ejection that the quorum signed. */
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
  /** `number` is the measure that the votes are about. `appealed` is the penalty that the voting panel was drawn for. */
  | ({ readonly kind: 'lift'; readonly from: string; readonly appealed: number } & Appealed & QuorumSigners);

export interface AppealRules extends OffenceRules {
  readonly deposit: bigint;
}

/** The parts of the model that appeals change. */
interface AppealedBooks {
  readonly appeals: AppealBook;
  /** Ejection times by provider. */
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

/** Leaves an existing ejection alone, so that its appeal continues. */
export function eject({ ejected, appeals: { ejections } }: AppealedBooks, providerId: string, now: bigint): void {
  if (ejected.has(providerId)) return;
  ejected.set(providerId, now);
  ejections.set(providerId, (ejections.get(providerId) ?? 0) + 1);
}

/** Returns when a key's earnings vest. An ejection stops vesting; a panel stops it for a week. */
export function clockOf(
  { ejected, appeals: { frozen } }: Pick<AppealedBooks, 'ejected' | 'appeals'>,
  providerId: string,
  now: bigint,
): bigint {
  const time = ejected.get(providerId) ?? now;
  const since = frozen.get(providerId);
  return since !== undefined && time >= since && time < since + FREEZE ? since : time;
}

/** @returns the last decision of that kind that is in force; undefined if there is none. */
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

/** Applies an action as the contracts would in a block of that time. @returns false if they refuse all of it. */
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

/** A panel lifts it, or a quorum already has. In both cases the deposit is returned. */
function lift(
  books: AppealedBooks,
  rules: AppealRules,
  deed: Extract<AppealDeed, { kind: 'lift' }>,
  { now, move }: { readonly now: bigint; readonly move: MoveTokens },
): boolean {
  const { appeals, ejected, offences } = books;
  const { against, about, signers } = deed;
  // Only the last ejection is heard. Votes about an earlier decision do not count.
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
  // Penalties go to the treasury after the deposit does.
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
