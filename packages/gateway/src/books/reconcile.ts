import { amount, columns, integer, named, optional, text } from '@ogong/host/store/columns';
import { findAll, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { sumCredits } from './credit-store.ts';
import { nameHolder } from './reservation.ts';
import { nameAccount } from './spending-store.ts';
import { toDay } from './usage-store.ts';

/** Two sums about the same money that differ. */
export interface Discrepancy {
  /** Name of the compared sum, such as `reserved of key 1a2b3c4d`. */
  readonly what: string;
  readonly bookedAtomic: bigint;
  /** The sum of the rows behind it. */
  readonly foundAtomic: bigint;
}

interface Sums {
  readonly spent: bigint;
  readonly reserved: bigint;
}

const spendingRow = columns({ account: text, spent: amount, reserved: amount });
const usageRow = columns({
  ...{ day: text, keyId: text, model: text, organisation: text },
  ...{ spent: named('cost', amount), reserved: amount },
});
const channelRow = columns({
  ...{ validator: text, cumulative: amount, owed: amount, outstanding: amount },
});
const heldRow = columns({ validator: text, holder: text, held: amount });
const orderRow = columns({
  ...{ validator: text, keyId: text, model: text, organisation: text, state: text },
  ...{ maxFee: amount, fee: optional(amount), createdMs: integer },
});

/**
 * Compares every sum of a gateway's store with the rows behind it: budgets with usage, usage and channels with orders, credit
 * with payments. Orders are forgotten when they are old and settled, so what was spent is at least what they say.
 * @param books opened with GATEWAY_SCHEMA.
 * @returns the sums that differ; empty if all agree.
 */
export const reconcile = (books: WorkStore): Promise<Discrepancy[]> => books.snapshot(compareBooks);

function* compareBooks(): Work<Discrepancy[]> {
  const found: Discrepancy[] = [];
  const compare = (what: string, bookedAtomic: bigint, foundAtomic: bigint): void => {
    if (bookedAtomic !== foundAtomic) found.push({ what, bookedAtomic, foundAtomic });
  };
  const compareMost = (what: string, bookedAtomic: bigint, foundAtomic: bigint): void => {
    if (bookedAtomic < foundAtomic) found.push({ what, bookedAtomic, foundAtomic });
  };

  const accounts = new Map<string, Sums>();
  const days = new Map<string, Sums>();
  for (const row of yield* findAll(usageRow, `SELECT ${usageRow.list} FROM usage`)) {
    add(accounts, row.keyId, row);
    if (row.organisation !== '') add(accounts, nameAccount(row.organisation), row);
    add(days, nameDay(row), row);
  }
  const spending = yield* findAll(spendingRow, `SELECT ${spendingRow.list} FROM spending`);
  const booked = new Map(spending.map((row) => [row.account, row]));
  for (const account of new Set([...accounts.keys(), ...booked.keys()])) {
    const [spent, used] = [booked.get(account) ?? NOTHING, accounts.get(account) ?? NOTHING];
    compare(`spent by ${account}`, spent.spent, used.spent);
    compare(`reserved by ${account}`, spent.reserved, used.reserved);
  }

  for (const [account, { granted, credited, takenBack }] of yield* sumCredits()) {
    compare(`credit of ${account}`, granted, credited - takenBack);
    // An amount that was taken back may have been spent before.
    const { spent, reserved } = booked.get(account) ?? NOTHING;
    compareMost(`credit behind what ${account} spent`, granted + takenBack, spent + reserved);
  }

  const channels = new Map<string, Sums>();
  const ordered = new Map<string, Sums>();
  const holds = new Map<string, Sums>();
  for (const row of yield* findAll(orderRow, `SELECT ${orderRow.list} FROM orders`)) {
    const isClosed = row.state === 'closed';
    const sums = { spent: isClosed ? (row.fee ?? 0n) : 0n, reserved: isClosed ? 0n : row.maxFee };
    add(ordered, nameDay({ ...row, day: toDay(row.createdMs) }), sums);
    add(channels, row.validator, sums);
    add(holds, `${row.validator} ${nameHolder(row)}`, sums);
  }
  for (const day of new Set([...days.keys(), ...ordered.keys()])) {
    const [used, sums] = [days.get(day) ?? NOTHING, ordered.get(day) ?? NOTHING];
    compare(`reserved ${day}`, used.reserved, sums.reserved);
    compareMost(`cost ${day}`, used.spent, sums.spent);
  }
  const kept = yield* findAll(channelRow, `SELECT ${channelRow.list} FROM channels`);
  const known = new Map(kept.map((row) => [row.validator, row]));
  for (const validator of new Set([...known.keys(), ...channels.keys()])) {
    const sums = channels.get(validator) ?? NOTHING;
    const { cumulative, owed, outstanding } = known.get(validator) ?? { cumulative: 0n, owed: 0n, outstanding: 0n };
    compare(`outstanding at ${validator}`, outstanding, sums.reserved);
    // A channel begins with the amount that was drawn before, by the chain.
    compareMost(`owed to ${validator}`, owed, sums.spent);
    compareMost(`vouchers of ${validator}`, cumulative, owed + outstanding);
  }
  const held = yield* findAll(heldRow, `SELECT ${heldRow.list} FROM held`);
  const heldBy = new Map(held.map((row) => [`${row.validator} ${row.holder}`, row.held]));
  for (const place of new Set([...heldBy.keys(), ...holds.keys()])) {
    compare(`held by ${place}`, heldBy.get(place) ?? 0n, (holds.get(place) ?? NOTHING).reserved);
  }
  return found;
}

const NOTHING: Sums = { spent: 0n, reserved: 0n };

function add(sums: Map<string, Sums>, name: string, { spent, reserved }: Sums): void {
  const known = sums.get(name) ?? NOTHING;
  sums.set(name, { spent: known.spent + spent, reserved: known.reserved + reserved });
}

const nameDay = (row: { readonly day: string; readonly keyId: string; readonly model: string }): string =>
  `of key ${row.keyId} on ${row.day} with ${row.model}`;
