import { ProtocolError } from '../base/bytes.ts';

/** Seconds until a credit lapses. */
export const CREDIT_TERM_S = 30n * 86_400n;

/**
 * One account's credits, numbered in the order of their issue. All credits up to `position` have left the wallet. Those that
 * the escrow still has are the last ones up to it. The oldest are spent first (docs/spec/burn-and-mint.md).
 */
export interface CreditAccount {
  /** Sum of all credits ever issued, by time; the oldest first. */
  readonly issued: readonly { readonly time: bigint; readonly sum: bigint }[];
  readonly position: bigint;
}

/** @internal mirrors the contract: tests and the laboratory compare both */
export const emptyCreditAccount: CreditAccount = { issued: [], position: 0n };

/** Counts an account's credits that were issued a term ago or earlier. */
const countLapsed = ({ issued }: CreditAccount, now: bigint): bigint =>
  now < CREDIT_TERM_S ? 0n : (issued.findLast(({ time }) => time <= now - CREDIT_TERM_S)?.sum ?? 0n);

const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Computes the credits that the account can use. */
export const computeCreditBalance = (account: CreditAccount, now: bigint): bigint =>
  (account.issued.at(-1)?.sum ?? 0n) - greater(account.position, countLapsed(account, now));

/** @internal mirrors the contract: tests and the laboratory compare both */
export function issueCredits(account: CreditAccount, amount: bigint, time: bigint): CreditAccount {
  const sum = (account.issued.at(-1)?.sum ?? 0n) + amount;
  const before = account.issued.at(-1)?.time === time ? account.issued.slice(0, -1) : account.issued;
  return { ...account, issued: [...before, { time, sum }] };
}

/**
 * Moves credits into the escrow. @throws ProtocolError `out-of-range` if the account has less
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function depositCredits(account: CreditAccount, amount: bigint, now: bigint): CreditAccount {
  const balance = computeCreditBalance(account, now);
  if (amount > balance) throw new ProtocolError('out-of-range', `${amount} of ${balance} credits`);
  return { ...account, position: greater(account.position, countLapsed(account, now)) + amount };
}

/**
 * Returns credits from the escrow. Credits that lapsed meanwhile are lost.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function refundCredits(account: CreditAccount, amount: bigint, now: bigint): CreditAccount {
  return { ...account, position: greater(account.position - amount, countLapsed(account, now)) };
}

/**
 * Counts the free credits of the account in the escrow that have not lapsed.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function countLiveCredits(account: CreditAccount, escrowed: bigint, now: bigint): bigint {
  const lapsed = countLapsed(account, now);
  const live = account.position > lapsed ? account.position - lapsed : 0n;
  return live < escrowed ? live : escrowed;
}
