/**
 * Tickets of the threshold beacon: shares of the key, by stake (docs/spec/threshold-beacon.md#tickets). With equal shares, a
 * validator could buy more by splitting its stake. With whole numbers by stake, a coalition gains by rounding. So the rule
 * takes the smallest size at which no coalition gains too much.
 */

/** The most validators with tickets: those with the most stake. It bounds the cost of a key generation. */
export const MAX_COMMITTEE_MEMBERS = 128;
/** The most tickets. No rule below needs more than 9 tickets for each member, and one. */
export const MAX_TICKETS = 9 * MAX_COMMITTEE_MEMBERS + 1;

export interface TicketCount {
  /** Tickets, in the order of the stakes. */
  readonly tickets: readonly number[];
  /** W, the sum of them. */
  readonly total: number;
  /** T: number of partial signatures that make a signature. More than two thirds of all tickets. */
  readonly threshold: number;
}

/** A limit for coalitions. No coalition with at most this part of the stake may have so many tickets. */
interface Bound {
  readonly part: readonly [numerator: bigint, denominator: bigint];
  readonly tickets: number;
}

/**
 * Computes the smallest set of tickets that follows stake closely enough. The W tickets obey two rules:
 * - A coalition with at most a quarter of the stake gets less than a third of them, so it cannot stop the others from signing.
 * - A coalition with at most half gets fewer than T = floor(2W/3) + 1, so it cannot sign alone.
 *
 * Every validator with stake has a ticket. Otherwise only some of a few almost
 * equal validators would get one, and each of these would be needed for every epoch.
 * @param stakes at least one, none negative, at most MAX_COMMITTEE_MEMBERS, with a sum above zero.
 */
export function computeTickets(stakes: readonly bigint[]): TicketCount {
  const all = stakes.reduce((sum, stake) => sum + stake, 0n);
  if (stakes.length === 0 || stakes.length > MAX_COMMITTEE_MEMBERS || all <= 0n || stakes.some((stake) => stake < 0n)) {
    throw new RangeError('tickets need 1 to 128 stakes with a sum above zero');
  }
  for (let size = 1n; ; size++) {
    const tickets = stakes.map((stake) => {
      const rounded = Number((2n * size * stake + all) / (2n * all));
      return stake > 0n ? Math.max(1, rounded) : 0;
    });
    const total = tickets.reduce((sum, count) => sum + count, 0);
    const threshold = Math.floor((2 * total) / 3) + 1;
    const weights = stakes.map((stake, i) => ({ stake, tickets: tickets[i] as number }));
    const bounds: readonly Bound[] = [
      { part: [1n, 4n], tickets: Math.ceil(total / 3) },
      { part: [1n, 2n], tickets: threshold },
    ];
    // The quick search refuses most sizes. The complete one decides.
    if (bounds.some((bound) => hasGreedyCoalition(weights, all, bound))) continue;
    if (bounds.some((bound) => hasCoalition(weights, all, bound))) continue;
    return { tickets, total, threshold };
  }
}

interface Weight {
  readonly stake: bigint;
  readonly tickets: number;
}

/** Searches greedily: members with the most tickets for their stake come first. */
function hasGreedyCoalition(
  weights: readonly Weight[],
  all: bigint,
  { part: [over, under], tickets: goal }: Bound,
): boolean {
  const holders = weights.filter(({ tickets }) => tickets > 0);
  holders.sort((a, b) => {
    const order = BigInt(a.tickets) * b.stake - BigInt(b.tickets) * a.stake;
    return order > 0n ? -1 : order < 0n ? 1 : 0;
  });
  let [stake, tickets] = [0n, 0];
  for (const one of holders) {
    if (under * (stake + one.stake) > over * all) continue;
    stake += one.stake;
    tickets += one.tickets;
  }
  return tickets >= goal;
}

/** Searches completely, as a knapsack: the least stake for each number of tickets up to the goal. */
function hasCoalition(weights: readonly Weight[], all: bigint, { part: [over, under], tickets: goal }: Bound): boolean {
  const least: (bigint | undefined)[] = [0n, ...new Array<undefined>(goal)];
  for (const { stake, tickets } of weights) {
    if (tickets === 0) continue;
    for (let count = goal; count > 0; count--) {
      const before = least[Math.max(0, count - tickets)];
      if (before === undefined) continue;
      const sum = before + stake;
      const known = least[count];
      if (known === undefined || sum < known) least[count] = sum;
    }
  }
  const reached = least[goal];
  return reached !== undefined && under * reached <= over * all;
}
