import { type BookedStake, stakeIn } from './booked-stake.ts';

/** Model of the stakes of verifiers' payees and of the penalties on them. Plain data. */
export interface OffenceBook {
  /** By payee. */
  readonly stakes: Map<string, BookedStake>;
  /** Refuted reports on the payee's last day that has any. */
  readonly offences: Map<string, { readonly period: bigint; readonly base: bigint; readonly refuted: bigint }>;
  /** Stake that penalties hold. */
  readonly held: Map<string, { readonly amount: bigint; readonly since: bigint; readonly count: number }>;
  readonly cases: BookedCase[];
  /** Convictions by a quorum: their number and the time of the last one. */
  readonly convictions: Map<string, { readonly count: number; readonly latest: bigint }>;
  readonly evidence: Set<string>;
  readonly routers: Map<string, BookedRouter>;
}

/** Seconds since 1970. */
interface BookedRouter {
  readonly since: bigint;
  /** Time at which it stops being a router; 0 if it is not leaving. */
  readonly until: bigint;
}

/** An appeal on its way to a panel. */
export interface BookedHearing {
  /** The block whose hash draws the panel; undefined without an appeal. */
  readonly drawnFrom: bigint | undefined;
  readonly hasPanel: boolean;
}

export interface BookedCase extends BookedHearing {
  readonly accused: string;
  /** Zero address: none. */
  readonly reporter: string;
  readonly amount: bigint;
  readonly openedAt: bigint;
  readonly isOver: boolean;
}

export type OffenceDeed =
  | { readonly kind: 'stake' | 'unstake'; readonly from: string; readonly amount: bigint }
  | { readonly kind: 'finishUnstake'; readonly from: string }
  | { readonly kind: 'collectPenalty'; readonly from: string; readonly payee: string }
  | ({
      readonly kind: 'pardon';
      readonly from: string;
      readonly payee: string;
      readonly penalty: number;
    } & QuorumSigners)
  | ({
      readonly kind: 'convict';
      readonly from: string;
      readonly accused: string;
      readonly reporter: string;
      readonly evidence: string;
      readonly conviction: number;
    } & QuorumSigners)
  | { readonly kind: 'appeal' | 'drawPanel' | 'close'; readonly from: string; readonly id: number }
  | ({ readonly kind: 'acquit'; readonly from: string; readonly id: number } & QuorumSigners)
  | { readonly kind: 'beRouter'; readonly from: string }
  | { readonly kind: 'retireRouter'; readonly from: string; readonly router: string };

/** The validators that signed. */
export interface QuorumSigners {
  readonly signers: readonly string[];
}

export interface OffenceRules {
  readonly staking: string;
  readonly cases: string;
  readonly treasury: string;
  readonly appeal: bigint;
  readonly unbondingDelay: bigint;
  readonly reporterPpm: bigint;
  readonly minimumRouterBond: bigint;
  /** Votes of each validator. All validators have a place on each panel. */
  readonly votesOf: ReadonlyMap<string, bigint>;
}

/** Time and number of a block. */
export interface BlockTime {
  readonly now: bigint;
  readonly number: bigint;
}

/** Moves tokens between two accounts of the model. */
export type MoveTokens = (from: string, to: string, amount: bigint) => boolean;

const NOBODY = `0x${'00'.repeat(20)}`;
const PPM = 1_000_000n;
const DAY = 86_400n;
const PENALTY_PPM = 20_000n;
const MOST_PENALTY_PPM = 100_000n;
const QUORUM_PPM = 100_000n;
/** The chain knows a block's hash for this many blocks (EIP-2935). */
const KNOWN_HASHES = 8_191n;

export const createOffenceBook = (): OffenceBook => ({
  ...{ stakes: new Map(), offences: new Map(), held: new Map(), cases: [], convictions: new Map() },
  ...{ evidence: new Set(), routers: new Map() },
});

/** More than two thirds of all votes. */
export const isQuorum = ({ votesOf }: OffenceRules, signers: readonly string[]): boolean => {
  const sum = (list: Iterable<string>): bigint =>
    [...list].reduce((total, one) => total + (votesOf.get(one) ?? 0n), 0n);
  return 3n * sum(signers) > 2n * sum(votesOf.keys());
};

/** The sum of the stake and of the part that is leaving. */
function takeStake(stake: BookedStake, amount: bigint): void {
  const first = amount < stake.amount ? amount : stake.amount;
  stake.amount -= first;
  stake.leaving -= amount - first;
}

const heldIn = (book: OffenceBook, payee: string) => book.held.get(payee) ?? { amount: 0n, since: 0n, count: 0 };

export const isRouter = ({ routers }: OffenceBook, account: string, now: bigint): boolean => {
  const found = routers.get(account);
  return found !== undefined && (found.until === 0n || now < found.until);
};

/** Returns a payee's held penalty to its stake. */
export function liftPenalty(book: OffenceBook, payee: string): void {
  const held = heldIn(book, payee);
  stakeIn(book.stakes, payee).amount += held.amount;
  book.held.set(payee, { ...held, amount: 0n });
}

/** @returns the hearing after its panel was drawn; undefined if no panel can be drawn */
export function drawSeats({ drawnFrom, hasPanel }: BookedHearing, number: bigint): BookedHearing | undefined {
  if (drawnFrom === undefined || hasPanel || number <= drawnFrom) return undefined;
  return number - drawnFrom > KNOWN_HASHES ? { drawnFrom: number, hasPanel } : { drawnFrom, hasPanel: true };
}

/** Takes the penalty for refuted reports from a payee's stake and holds it until the appeal is over. */
export function penalize(book: OffenceBook, payee: string, refuted: number, now: bigint): void {
  if (refuted === 0) return;
  const stake = stakeIn(book.stakes, payee);
  const staked = stake.amount + stake.leaving;
  const period = now / DAY;
  const found = book.offences.get(payee);
  const before = found?.period === period ? found : { period, base: 0n, refuted: 0n };
  const cost = ({ base, refuted: count }: typeof before): bigint => {
    const ppm = count * PENALTY_PPM;
    return (base * (ppm < MOST_PENALTY_PPM ? ppm : MOST_PENALTY_PPM)) / PPM;
  };
  const after = {
    period,
    base: staked > before.base ? staked : before.base,
    refuted: before.refuted + BigInt(refuted),
  };
  book.offences.set(payee, after);
  const due = cost(after) - cost(before);
  const amount = due < staked ? due : staked;
  if (amount === 0n) return;
  takeStake(stake, amount);
  const held = heldIn(book, payee);
  book.held.set(payee, { amount: held.amount + amount, since: now, count: held.count + 1 });
}

/** Applies an action as the contracts would in a block of that time. @returns false if they refuse all of it */
export function applyOffenceDeed(
  book: OffenceBook,
  rules: OffenceRules,
  deed: OffenceDeed,
  { block, move }: { readonly block: BlockTime; readonly move: MoveTokens },
): boolean {
  const { now } = block;
  switch (deed.kind) {
    case 'stake': {
      if (deed.amount === 0n || !move(deed.from, rules.staking, deed.amount)) return false;
      stakeIn(book.stakes, deed.from).amount += deed.amount;
      return true;
    }
    case 'unstake': {
      const mine = stakeIn(book.stakes, deed.from);
      const kept = isRouter(book, deed.from, now) ? rules.minimumRouterBond : 0n;
      if (deed.amount === 0n || deed.amount + kept > mine.amount) return false;
      mine.amount -= deed.amount;
      mine.leaving += deed.amount;
      mine.leavesAt = now + rules.unbondingDelay;
      return true;
    }
    case 'finishUnstake': {
      const mine = stakeIn(book.stakes, deed.from);
      if (mine.leaving === 0n || now < mine.leavesAt) return false;
      move(rules.staking, deed.from, mine.leaving);
      mine.leaving = 0n;
      return true;
    }
    case 'pardon': {
      const held = heldIn(book, deed.payee);
      const isOpen = held.amount > 0n && now < held.since + rules.appeal;
      if (!isOpen || deed.penalty !== held.count || !isQuorum(rules, deed.signers)) return false;
      liftPenalty(book, deed.payee);
      return true;
    }
    case 'collectPenalty': {
      const held = heldIn(book, deed.payee);
      if (held.amount === 0n || now < held.since + rules.appeal) return false;
      move(rules.staking, rules.treasury, held.amount);
      book.held.set(deed.payee, { ...held, amount: 0n });
      return true;
    }
    case 'convict':
      return convict(book, rules, deed, { now, move });
    case 'beRouter':
    case 'retireRouter':
      return changeRouter(book, rules, deed, now);
    default:
      return hear(book, rules, deed, { block, move });
  }
}

function convict(
  book: OffenceBook,
  rules: OffenceRules,
  { accused, reporter, evidence, conviction, signers }: Extract<OffenceDeed, { kind: 'convict' }>,
  { now, move }: { readonly now: bigint; readonly move: MoveTokens },
): boolean {
  const { count, latest } = book.convictions.get(accused) ?? { count: 0, latest: 0n };
  if (count > 0 && now < (latest / DAY + 1n) * DAY) return false;
  if (conviction !== count + 1 || !isQuorum(rules, signers)) return false;
  if (book.evidence.has(`${accused} ${evidence}`)) return false;
  const stake = stakeIn(book.stakes, accused);
  const amount = ((stake.amount + stake.leaving) * QUORUM_PPM) / PPM;
  if (amount === 0n) return false;
  takeStake(stake, amount);
  move(rules.staking, rules.cases, amount);
  book.convictions.set(accused, { count: count + 1, latest: now });
  book.evidence.add(`${accused} ${evidence}`);
  const open = { openedAt: now, isOver: false, drawnFrom: undefined, hasPanel: false };
  book.cases.push({ accused, reporter, amount, ...open });
  return true;
}

/** A router's bond is its stake, and leaves with a delay. */
function changeRouter(
  book: OffenceBook,
  { minimumRouterBond, unbondingDelay }: OffenceRules,
  deed: Extract<OffenceDeed, { kind: 'beRouter' | 'retireRouter' }>,
  now: bigint,
): boolean {
  const { from } = deed;
  if (deed.kind === 'beRouter') {
    if (stakeIn(book.stakes, from).amount < minimumRouterBond) return false;
    const mine = book.routers.get(from);
    const isAlready = isRouter(book, from, now);
    if (!isAlready && mine !== undefined && now < mine.until + unbondingDelay) return false;
    book.routers.set(from, { since: isAlready && mine !== undefined ? mine.since : now, until: 0n });
    return true;
  }
  const theirs = book.routers.get(deed.router);
  if (theirs === undefined || theirs.until !== 0n) return false;
  if (from !== deed.router && stakeIn(book.stakes, deed.router).amount >= minimumRouterBond) return false;
  book.routers.set(deed.router, { ...theirs, until: now + unbondingDelay });
  return true;
}

/** Ends a case and pays its deposit. */
function hear(
  book: OffenceBook,
  rules: OffenceRules,
  deed: Extract<OffenceDeed, { kind: 'appeal' | 'drawPanel' | 'acquit' | 'close' }>,
  { block: { now, number }, move }: { readonly block: BlockTime; readonly move: MoveTokens },
): boolean {
  const { id } = deed;
  const found = book.cases[id];
  if (found === undefined) return false;
  const change = (next: Partial<BookedCase>): true => {
    book.cases[id] = { ...found, ...next };
    return true;
  };
  const isPending = !found.isOver && now < found.openedAt + rules.appeal;
  switch (deed.kind) {
    case 'appeal':
      return isPending && found.drawnFrom === undefined && change({ drawnFrom: number });
    case 'drawPanel': {
      const drawn = drawSeats(found, number);
      return drawn !== undefined && change(drawn);
    }
    case 'acquit': {
      const isMajority = 2 * deed.signers.length > rules.votesOf.size;
      if (!isPending || !found.hasPanel || !isMajority) return false;
      move(rules.cases, rules.staking, found.amount);
      stakeIn(book.stakes, found.accused).amount += found.amount;
      return change({ isOver: true });
    }
    case 'close': {
      if (found.isOver || now < found.openedAt + rules.appeal) return false;
      const share = found.reporter === NOBODY ? 0n : (found.amount * rules.reporterPpm) / PPM;
      move(rules.cases, found.reporter, share);
      move(rules.cases, rules.treasury, found.amount - share);
      return change({ isOver: true });
    }
  }
}
