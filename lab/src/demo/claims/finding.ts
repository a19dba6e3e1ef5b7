import { toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computeReplyId, parseOrder } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { Account, AskedReply, Books, Member, RunRecord } from '../run-record.ts';

export interface Finding {
  readonly ok: boolean;
  /** The observations for a claim that holds, or the problems of one that does not. */
  readonly evidence: readonly string[];
}

/** @returns a finding with the problems as evidence, or with `good` if there are none. */
export function judge(problems: readonly string[], good: readonly string[]): Finding {
  return problems.length === 0 ? { ok: true, evidence: good } : { ok: false, evidence: problems };
}

export const failuresOf = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id, detail }) => `${id}: ${detail}`);

export const answeredOf = ({ replies }: RunRecord): AskedReply[] => replies.filter(({ receipts }) => receipts);

export function replyIdOf(reply: AskedReply): string | undefined {
  const receipt = reply.receipts?.full;
  return receipt && toHex(computeReplyId(nobleCrypto, receipt.ledger, parseOrder(receipt.order.bytes)));
}

export const entriesOf = ({ logs }: Pick<RunRecord, 'logs'>): VerdictEntry[] => logs.flatMap(({ entries }) => entries);

export const nameOf = (members: readonly Member[], providerId: Uint8Array): string =>
  members.find((member) => member.providerId === toHex(providerId))?.name ?? toHex(providerId).slice(0, 8);

export const accountOf = (books: Books, address: string): Account | undefined =>
  books.accounts.find((account) => account.address === address);

/** Returns the change of one amount of an account during the run. */
export const gainOf = (
  { books }: Pick<RunRecord, 'books'>,
  address: string,
  amount: 'creditAtomic' | 'spentAtomic',
): bigint => (accountOf(books.after, address)?.[amount] ?? 0n) - (accountOf(books.before, address)?.[amount] ?? 0n);

export const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

export const cheatOf = ({ members }: Pick<RunRecord, 'members'>): Member | undefined =>
  members.find(({ isCheat }) => isCheat);
