import { ChainError } from '@ogong/chain/errors';
import type { ShowAmount } from './amount.ts';

/** Formats of amounts: of the network's token, and of its payers' means of payment. */
export interface RefusalUnits {
  /** The action of the command. */
  readonly does: string;
  readonly token: string;
  readonly paid: string;
  readonly format: ShowAmount;
}

type Explain = (args: readonly unknown[], units: RefusalUnits) => string;

/** Formats a time. A contract or a node may give one that no calendar has. */
function toTime(seconds: unknown): string {
  const time = new Date(Number(seconds) * 1_000);
  return Number.isNaN(time.getTime()) ? `second ${seconds}` : time.toISOString();
}

/** Explains a requested amount above the available one. */
const less =
  (what: string, unit: 'token' | 'paid', then: string): Explain =>
  ([has, wanted], units) => {
    const [own, asked] = [has, wanted].map((one) => units.format(BigInt(one as bigint), units[unit]));
    return `${what} ${own}, and ${asked} were asked for: ${then}`;
  };

/** By the name of the contract's error. Those that a user of these commands can meet and mend. */
const WORDS: Readonly<Record<string, Explain>> = {
  TooEarly: ([readyAt]) => `not before ${toTime(readyAt)}: run this again then`,
  NotOver: ([until]) => `not before ${toTime(until)}: run this again then`,
  AppealOver: ([since]) => `the appeal is over since ${toTime(since)}`,
  ConvictedAlready: ([again]) => `it was convicted on this day already: run this again from ${toTime(again)} on`,
  FrozenLately: ([again]) => `it was frozen lately, and cannot be again before ${toTime(again)}`,
  InsufficientFree: less(
    'in the escrow are free',
    'paid',
    '`ogong wallet` shows what is where, `ogong escrow deposit` adds',
  ),
  InsufficientReserve: less('for this validator are reserved', 'paid', 'ask no more back than that'),
  InsufficientStake: less('the stake is', 'token', 'ask no more back than that; `ogong wallet` shows it'),
  InsufficientBond: less('the bond is', 'token', 'ask no more back than that; `ogong wallet` shows it'),
  BondTooLow: ([bond, least], { format, token }) =>
    `the bond is ${format(BigInt(bond as bigint), token)}, and the least is ${format(BigInt(least as bigint), token)}: \`ogong bond add\` adds`,
  BondSuffices: ([bond, least], { format, token }) =>
    `it has ${format(BigInt(bond as bigint), token)}, and the least is ${format(BigInt(least as bigint), token)}: only a smaller bond can be ended`,
  StakeTooSmall: ([stake, least], { format, token }) =>
    `the stake is ${format(BigInt(stake as bigint), token)}, and who is paid for work here needs ${format(BigInt(least as bigint), token)}: \`ogong stake add\` adds`,
  ERC20InsufficientBalance: ([, has, wanted], units) =>
    less('the account has', 'token', 'bring more to it first')([has, wanted], units),
  NothingToUnbond: () => 'nothing was asked back: `remove` asks for it, and the delay begins then',
  NothingToRelease: () => 'nothing was asked back of this validator: `ogong escrow release` asks for it',
  LimitNotRaised: ([limit], { format, paid }) =>
    `the key may sign for ${format(BigInt(limit as bigint), paid)} already, and a limit is only raised: give a larger amount`,
  NoConsent: ([payer]) => `${payer} did not agree to this: its signature is missing, or is over something else`,
  NoCase: ([id]) => `there is no case ${id}: \`ogong case list\` shows those that there are`,
  CaseOver: ([id]) => `case ${id} is over: it was paid out, or a panel has lifted it`,
  UsedAlready: () => 'this is proven already, and convicts nobody twice',
  NothingToTake: ([accused]) => `${accused} has nothing left that could be taken`,
  NotRegistered: ([account]) => `${account} is no validator of this network`,
  NoRouter: ([account]) => `${account} is no router of this network`,
  NotRouter: () => 'its stake is not below the least: until then a router ends itself alone',
  OpenAlready: () => 'somebody appealed against this already: `ogong case draw` draws the panel',
  PausedNow: ([until]) => `new money is kept out until ${toTime(until)}`,
  NoPrice: () => 'the oracle has no price that is young enough: run this again once validators have posted one',
};

/** Waiting is all that it takes. */
const LATER: ReadonlySet<string> = new Set([
  ...['TooEarly', 'NotOver', 'ConvictedAlready', 'FrozenLately', 'PausedNow', 'NoPrice'],
]);

/** Explains a refusal, followed by the contract's own name for it. An unknown refusal stays as it is. */
export function explainRefusal(error: unknown, units: RefusalUnits): unknown {
  if (!(error instanceof ChainError) || error.revert === undefined) return error;
  const { name, args } = error.revert;
  // A hearing counts in blocks, all others in seconds.
  const isBlock = name === 'TooEarly' && error.message.startsWith('draw a panel');
  const explain = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  if (explain === undefined) return error;
  const words = isBlock ? 'a block has to pass after the appeal: run this again' : explain(args, units);
  const message = `could not ${units.does}: ${words} (${name})`;
  return new ChainError(LATER.has(name) ? 'too-early' : 'reverted', message, { cause: error, revert: error.revert });
}
