import { ProtocolError } from '../base/bytes.ts';

/** Seconds until a credit is gone. */
export const CREDIT_TERM_S = 30n * 86_400n;

/**
 * One account's credits, numbered in the order of their issue: all up to `position` have left the wallet, and those that the escrow
 * has left are the last ones up to it. The oldest are spent first (docs/spec/burn-and-mint.md).
 */
export interface CreditAccount {
  /** Sum of all that was ever issued, by time; the oldest first. */
  readonly issued: readonly { readonly time: bigint; readonly sum: bigint }[];
  readonly position: bigint;
}

/** @internal the contract's twin: tests and the laboratory hold the two together */
export const emptyCreditAccount: CreditAccount = { issued: [], position: 0n };

/** How many of an account's credits were issued a term ago or earlier. */
const countLapsed = ({ issued }: CreditAccount, now: bigint): bigint =>
  now < CREDIT_TERM_S ? 0n : (issued.findLast(({ time }) => time <= now - CREDIT_TERM_S)?.sum ?? 0n);

const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What the account can use. */
export const computeCreditBalance = (account: CreditAccount, now: bigint): bigint =>
  (account.issued.at(-1)?.sum ?? 0n) - greater(account.position, countLapsed(account, now));

/** @internal the contract's twin: tests and the laboratory hold the two together */
export function issueCredits(account: CreditAccount, amount: bigint, time: bigint): CreditAccount {
  const sum = (account.issued.at(-1)?.sum ?? 0n) + amount;
  const before = account.issued.at(-1)?.time === time ? account.issued.slice(0, -1) : account.issued;
  return { ...account, issued: [...before, { time, sum }] };
}

/**
 * Into the escrow. @throws ProtocolError `out-of-range` where the account has less
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function depositCredits(account: CreditAccount, amount: bigint, now: bigint): CreditAccount {
  const balance = computeCreditBalance(account, now);
  if (amount > balance) throw new ProtocolError('out-of-range', `${amount} of ${balance} credits`);
  return { ...account, position: greater(account.position, countLapsed(account, now)) + amount };
}

/**
 * Back from the escrow; what has lapsed meanwhile is gone.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function refundCredits(account: CreditAccount, amount: bigint, now: bigint): CreditAccount {
  return { ...account, position: greater(account.position - amount, countLapsed(account, now)) };
}

/**
 * What has not lapsed of the free credits that the escrow has of the account.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function countLiveCredits(account: CreditAccount, escrowed: bigint, now: bigint): bigint {
  const lapsed = countLapsed(account, now);
  const live = account.position > lapsed ? account.position - lapsed : 0n;
  return live < escrowed ? live : escrowed;
}
