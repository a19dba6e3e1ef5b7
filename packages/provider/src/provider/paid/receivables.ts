import { LinkError, Refusal } from '@ogong/host/link/link-error';
import { amount, bytes, columns, integer } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { NamedOrder } from '@ogong/protocol/exchange/order';

export const RECEIVABLE_SCHEMA = `
   CREATE TABLE receivable (
     validator BLOB NOT NULL,
     payer BLOB NOT NULL,
     served TEXT NOT NULL,
     spent_before TEXT NOT NULL,
     reserve TEXT NOT NULL,
     since_ms INTEGER NOT NULL,
     PRIMARY KEY (validator, payer)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE debtor (
     validator BLOB PRIMARY KEY,
     served TEXT NOT NULL,
     paid TEXT NOT NULL,
     next_block INTEGER NOT NULL,
     since_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`;

/** Payments to a payee in batches of one validator. */
export interface Payments {
  /** Sum, before shares. */
  readonly grossAtomic: bigint;
  /** First block that was not read. */
  readonly nextBlock: number;
}

export interface ReceivableDependencies {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly clock: Clock;
  /** @throws ChainError if it was never read. */
  readonly readChannel: ChainView['channel'];
  /** Reads payments from that block on; nothing yet if it is undefined. @throws ChainError */
  readonly readPayments: (validator: Uint8Array, fromBlock: number | undefined) => Promise<Payments>;
  /** After this time a debt is written off, and counting begins anew. */
  readonly writtenOffMs: number;
}

type Channel = Awaited<ReturnType<ChainView['channel']>>;
type ChannelOrder = Pick<NamedOrder, 'payer' | 'validator' | 'cumulativeAtomic' | 'maxFeeAtomic'>;

/** Room for one order. */
export interface Hold {
  /** The reply was committed: its fee is owed. Durable when it resolves. Call it once. */
  keep(feeAtomic: bigint): Promise<void>;
  /** Gives the room back, unless the reply was kept. */
  drop(): void;
}

/**
 * Limits the credit of this provider. A validator says that an order is admitted, and it may say so for more than the payer's
 * channel holds, in league with the payer. So the provider reads the channel itself and serves no more than the chain can pay.
 * Each channel limits its own orders. The channels of a validator's payers together limit that validator's orders. A fee that a
 * batch of the validator has drawn from the channel, or paid to this payee, is owed no more. Both rules count in favour of the
 * validator, so an honest one never meets them.
 */
export interface Receivables {
  /** Whether a reply of this channel was served on credit that was there. */
  knows(order: Pick<ChannelOrder, 'payer' | 'validator'>): boolean;
  /** @throws Refusal if the channel does not cover the order and all that is owed. */
  hold(order: ChannelOrder): Promise<Hold>;
  /** Forgets channels and validators that had no credit for longer than the time. */
  sweep(nowMs: number): Promise<void>;
}

interface ChannelDebt {
  readonly validator: Uint8Array;
  readonly payer: Uint8Array;
  /** Fees of committed replies since then. */
  readonly served: bigint;
  /** Drawn from the channel by then. */
  readonly spentBefore: bigint;
  /** The channel's amount when it was last read. */
  readonly reserve: bigint;
  readonly sinceMs: number;
}

interface Debtor {
  readonly validator: Uint8Array;
  readonly served: bigint;
  /** Paid to this payee since then, as far as blocks were read. */
  readonly paid: bigint;
  readonly nextBlock: number;
  readonly sinceMs: number;
}

const debtRow = columns({
  validator: bytes,
  payer: bytes,
  served: amount,
  spentBefore: amount,
  reserve: amount,
  sinceMs: integer,
});
const debtorRow = columns({
  validator: bytes,
  served: amount,
  paid: amount,
  nextBlock: integer,
  sinceMs: integer,
});

/** Rows and running orders, as the rules need them. */
interface Account {
  readonly debts: Map<string, ChannelDebt>;
  readonly debtors: Map<string, Debtor>;
  /** Maximum fees of orders that are being served, by channel and by validator. */
  readonly held: Map<string, bigint>;
}

const nameChannel = ({ payer, validator }: Pick<ChannelOrder, 'payer' | 'validator'>): string =>
  `${toHex(payer)} ${toHex(validator)}`;
const positive = (value: bigint): bigint => (value > 0n ? value : 0n);

export function createReceivables({
  store,
  commits,
  clock,
  readChannel,
  readPayments,
  writtenOffMs,
}: ReceivableDependencies): Receivables {
  const account = loadAccount(store);
  const { debts, debtors, held } = account;

  const isCurrent = (row: { readonly sinceMs: number } | undefined): boolean =>
    row !== undefined && clock.nowMs() - row.sinceMs < writtenOffMs;

  /** Describes the channel after the order. Only an order that is served puts it there: payers' keys are free. */
  function describe({ payer, validator }: ChannelOrder, { spendable, spent }: Channel): ChannelDebt {
    const known = debts.get(nameChannel({ payer, validator }));
    const begun = { validator, payer, served: 0n, spentBefore: spent, sinceMs: clock.nowMs() };
    return { ...(known && isCurrent(known) ? known : begun), reserve: positive(spendable - spent) };
  }

  async function openDebtor(validator: Uint8Array): Promise<void> {
    const name = toHex(validator);
    if (isCurrent(debtors.get(name))) return;
    const { nextBlock } = await readPayments(validator, undefined);
    if (isCurrent(debtors.get(name))) return;
    debtors.set(name, { validator, served: 0n, paid: 0n, nextBlock, sinceMs: clock.nowMs() });
  }

  async function readPaymentsAgain({ validator }: ChannelOrder): Promise<void> {
    const name = toHex(validator);
    const before = debtors.get(name) as Debtor;
    const payments = await readPayments(validator, before.nextBlock);
    const after = debtors.get(name) as Debtor;
    // If two read at a time, only one of them counts the result.
    if (after.nextBlock !== before.nextBlock || after.sinceMs !== before.sinceMs) return;
    debtors.set(name, { ...after, paid: after.paid + payments.grossAtomic, nextBlock: payments.nextBlock });
  }

  function add(order: ChannelOrder, change: bigint): void {
    for (const name of [nameChannel(order), toHex(order.validator)]) {
      const sum = (held.get(name) ?? 0n) + change;
      if (sum === 0n) held.delete(name);
      else held.set(name, sum);
    }
  }

  async function owe(order: ChannelOrder, feeAtomic: bigint): Promise<void> {
    const debt = raise(debts, nameChannel(order), feeAtomic);
    const debtor = raise(debtors, toHex(order.validator), feeAtomic);
    await commits.write((db) => {
      if (debt) debtRow.insert(db, 'INSERT OR REPLACE INTO receivable', debt);
      if (debtor) debtorRow.insert(db, 'INSERT OR REPLACE INTO debtor', debtor);
    });
  }

  return {
    knows: (order) => debts.has(nameChannel(order)),
    async hold(order) {
      await openDebtor(order.validator).catch(refuseUnread);
      const coversAtomic = order.cumulativeAtomic;
      let channel = await readChannel(order.payer, order.validator, { coversAtomic }).catch(refuseUnread);
      if (
        debts.has(nameChannel(order)) &&
        findChannelProblem(account, order, describe(order, channel), channel) !== undefined
      ) {
        channel = await readChannel(order.payer, order.validator, { fresh: true }).catch(refuseUnread);
      }
      const refusal = findChannelProblem(account, order, describe(order, channel), channel);
      if (refusal !== undefined) throw new Refusal('precondition', refusal);
      // Logs cost the chain's endpoint most, so they are read only if the channel covers the order.
      if (findDebtorProblem(account, order, describe(order, channel)) !== undefined) {
        await readPaymentsAgain(order).catch(refuseUnread);
      }
      const debt = describe(order, channel);
      const problem = findChannelProblem(account, order, debt, channel) ?? findDebtorProblem(account, order, debt);
      if (problem !== undefined) throw new Refusal('precondition', problem);
      debts.set(nameChannel(order), debt);
      let isHeld = true;
      const drop = (): void => {
        if (isHeld) add(order, -order.maxFeeAtomic);
        isHeld = false;
      };
      add(order, order.maxFeeAtomic);
      return {
        drop,
        keep(feeAtomic) {
          drop();
          return owe(order, feeAtomic);
        },
      };
    },
    async sweep(nowMs) {
      const beforeMs = nowMs - writtenOffMs;
      for (const rows of [debts, debtors]) {
        for (const [name, { sinceMs }] of rows) if (sinceMs < beforeMs && !held.has(name)) rows.delete(name);
      }
      await commits.write(({ prepare }) => {
        prepare('DELETE FROM receivable WHERE since_ms < ?').run(beforeMs);
        prepare('DELETE FROM debtor WHERE since_ms < ?').run(beforeMs);
      });
    },
  };
}

function loadAccount(store: Store): Account {
  return store.read(({ prepare }) => ({
    debts: new Map(
      debtRow.all(prepare(`SELECT ${debtRow.list} FROM receivable`)).map((row) => [nameChannel(row), row]),
    ),
    debtors: new Map(
      debtorRow.all(prepare(`SELECT ${debtorRow.list} FROM debtor`)).map((row) => [toHex(row.validator), row]),
    ),
    held: new Map(),
  }));
}

function raise<T extends { readonly served: bigint }>(rows: Map<string, T>, name: string, fee: bigint): T | undefined {
  const row = rows.get(name);
  if (row === undefined) return undefined;
  const next = { ...row, served: row.served + fee };
  rows.set(name, next);
  return next;
}

/** @returns why the order is not served on credit, by its channel alone. */
function findChannelProblem(
  { held }: Pick<Account, 'held'>,
  order: ChannelOrder,
  { served, spentBefore, reserve }: ChannelDebt,
  { spent }: Pick<Channel, 'spent'>,
): string | undefined {
  const needed = spent + order.maxFeeAtomic;
  if (order.cumulativeAtomic < needed) {
    return `the order lets ${order.cumulativeAtomic} be drawn in all, ${spent} of it is spent: too little for its fee`;
  }
  const running = held.get(nameChannel(order)) ?? 0n;
  const owed = positive(served - (spent - spentBefore)) + running + order.maxFeeAtomic;
  if (owed <= reserve) return undefined;
  return `the payer's channel with validator 0x${toHex(order.validator)} holds ${reserve} on the chain; with this order it would owe ${owed} here`;
}

/** @returns why the order is not served on credit, by what its validator has paid. */
function findDebtorProblem(
  { debts, debtors, held }: Account,
  order: ChannelOrder,
  { reserve }: ChannelDebt,
): string | undefined {
  const validator = toHex(order.validator);
  const { served, paid } = debtors.get(validator) as Debtor;
  const unpaid = positive(served - paid) + (held.get(validator) ?? 0n) + order.maxFeeAtomic;
  if (unpaid <= reserve) return undefined;
  const name = nameChannel(order);
  const reserves = [...debts]
    .filter(([other, debt]) => other !== name && toHex(debt.validator) === validator)
    .reduce((sum, [, debt]) => sum + debt.reserve, reserve);
  if (unpaid <= reserves) return undefined;
  return `validator 0x${validator} has paid ${paid} of ${served} lately; its payers' channels hold ${reserves}, and with this order ${unpaid} would be unpaid`;
}

function refuseUnread(cause: unknown): never {
  if (cause instanceof Refusal || cause instanceof LinkError) throw cause;
  throw new Refusal('unavailable', `the payer's channel cannot be read: ${(cause as Error).message}`);
}
