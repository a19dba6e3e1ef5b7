import { computeEmissionBudget, computeEmissionClaim, computeScheduled } from '@ogong/protocol/settlement/emission';

/** Model of recycled tokens and of their allotments. Plain data. */
export interface EmissionBook {
  /** By hours since 1970. */
  readonly recycled: Map<bigint, bigint>;
  readonly allotments: BookedAllotment[];
  talliedUntil: bigint;
}

interface BookedAllotment {
  readonly entries: readonly BookedUnits[];
  readonly units: bigint;
  readonly budget: bigint;
  /** Places that have claimed. */
  readonly claimed: Set<number>;
}

export interface BookedUnits {
  readonly account: string;
  readonly units: bigint;
}

export type EmissionDeed =
  | {
      readonly kind: 'allot';
      readonly from: string;
      readonly number: number;
      readonly until: bigint;
      readonly entries: readonly BookedUnits[];
      readonly signers: readonly string[];
    }
  | {
      readonly kind: 'emission';
      readonly from: string;
      readonly number: number;
      /** The entries of the tally that was signed. After a reorganisation no tally may have them. */
      readonly entries: readonly BookedUnits[];
      readonly place: number;
    };

export interface EmissionRules {
  readonly emission: string;
  readonly start: bigint;
  readonly period: bigint;
  readonly lambdaPpm: bigint;
}

const HOUR = 3_600n;

export const createEmissionBook = (start: bigint): EmissionBook => ({
  recycled: new Map(),
  allotments: [],
  talliedUntil: start,
});

export function noteRecycled({ recycled }: EmissionBook, amount: bigint, now: bigint): void {
  recycled.set(now / HOUR, (recycled.get(now / HOUR) ?? 0n) + amount);
}

/** Returns the tokens recycled since the last tally and before a time. */
export const countRecycled = ({ recycled, talliedUntil }: EmissionBook, until: bigint): bigint =>
  [...recycled].reduce(
    (sum, [hour, amount]) => (hour >= talliedUntil / HOUR && hour < until / HOUR ? sum + amount : sum),
    0n,
  );

const nameEntries = (entries: readonly BookedUnits[]): string =>
  entries.map(({ account, units }) => `${account} ${units}`).join();

/** @param isQuorum checks the signers. @param pay pays tokens of the emission. @returns false if the contract refuses */
export function applyEmissionDeed(
  book: EmissionBook,
  rules: EmissionRules,
  deed: EmissionDeed,
  {
    now,
    isQuorum,
    pay,
  }: { readonly now: bigint; isQuorum(signers: readonly string[]): boolean; pay(to: string, amount: bigint): void },
): boolean {
  if (deed.kind === 'allot') {
    const { number, until, entries, signers } = deed;
    const { start, period, lambdaPpm } = rules;
    if (until <= book.talliedUntil || (until - start) % period !== 0n || until > now) return false;
    if (number !== book.allotments.length || !isQuorum(signers)) return false;
    const recycledAtomic = countRecycled(book, until);
    const units = entries.reduce((sum, one) => sum + one.units, 0n);
    if (units > recycledAtomic) return false;
    const given = book.allotments.reduce((sum, { budget }) => sum + budget, 0n);
    const leftAtomic = computeScheduled(until - start) - given;
    const budget = computeEmissionBudget({ recycledAtomic, units, leftAtomic, lambdaPpm });
    book.allotments.push({ entries, units, budget, claimed: new Set() });
    book.talliedUntil = until;
    return true;
  }
  const found = book.allotments[deed.number];
  const entry = deed.entries[deed.place];
  if (found === undefined || entry === undefined || nameEntries(found.entries) !== nameEntries(deed.entries))
    return false;
  // An account claims once per tally, at whichever place it stands.
  if ([...found.claimed].some((place) => found.entries[place]?.account === entry.account)) return false;
  found.claimed.add(deed.place);
  pay(entry.account, computeEmissionClaim(found, entry.units));
  return true;
}
