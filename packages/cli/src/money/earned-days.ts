import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkParameters } from '@ogong/chain/client';
import type { Output } from '@ogong/host/lifecycle/command';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  isPending,
  readServed,
  type ServedDays,
  type ServedOutcome,
  type ServedSum,
} from '@ogong/provider/provider/paid/served-store';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';

const DAY_MS = 86_400_000;
const LISTED_UNPAID = 100;
const BPS = 10_000n;

/** In plain words, for a provider. */
const MEANINGS: Readonly<Record<ServedOutcome | 'cut-short', string>> = {
  unsigned: 'runs, or has no record yet',
  'not-handed-in': 'its record waits for its validator',
  'waits-for-audit': 'no verdict yet',
  'waits-for-settlement': 'accepted; in no settled batch yet',
  paid: 'settled',
  'cut-short': 'paid for what the payer had when it left',
  rejected: 'an audit found it wrong',
  unjudged: 'no audit attempt came to a verdict',
  abandoned: 'no record came in time',
  'in-doubt':
    'its audit decided nothing, and the key had fewer than twenty accepted audits to spend, or its request pays no doubt',
  burnt: 'burnt, since the key has a debt for audits that did not end with an accept',
  'record-refused': 'the validator refused its record',
  'entry-refused': 'other validators refused its entry of the log',
  'payer-cannot-pay': "the payer's channel, or the key that signed for it, does not cover it",
  void: 'exact evidence ejected this key within a day',
  'unknown-to-validator': 'its validator knows no such reply',
  'never-decided': 'no outcome was learned in 35 days',
};

/** A provider's share of a fee, basis points: without a router its part stays with the provider. */
type ProviderShare = (hasRouter: boolean) => bigint;

export function shareOfProvider({ shares }: Pick<NetworkParameters, 'shares'>): ProviderShare {
  const given = BigInt(Object.values(shares).reduce((sum, bps) => sum + bps, 0));
  return (hasRouter) => BPS - given + (hasRouter ? 0n : BigInt(shares.router));
}

export interface EarnedReason {
  readonly why: ServedOutcome | 'cut-short';
  readonly meaning: string;
  readonly replies: number;
  /** The provider's part, by the shares of now; atomic units. */
  readonly atomic: bigint;
}

/** Earnings of one model on one day, in parts of the provider, by the present shares. */
export interface EarnedDay {
  /** UTC, ISO 8601. */
  readonly day: string;
  readonly model: string;
  readonly replies: number;
  readonly paidAtomic: bigint;
  readonly pendingAtomic: bigint;
  readonly unpaidAtomic: bigint;
  /** Reasons for replies that are not settled and paid in full. */
  readonly reasons: readonly EarnedReason[];
}

/** Adds sums up by day and model, in their order. */
export function sumEarnedDays(sums: readonly ServedSum[], share: ProviderShare): EarnedDay[] {
  const groups = Map.groupBy(sums, ({ day, model }) => JSON.stringify([day, model]));
  return [...groups.values()].map((group) => {
    const [{ day, model }] = group as [ServedSum];
    const parts = group.flatMap(({ outcome, hasRouter, replies, signed, owed }): EarnedReason[] => {
      const part = (fee: bigint): bigint => (fee * share(hasRouter)) / BPS;
      const say = (why: EarnedReason['why'], count: number, fee: bigint) => ({
        ...{ why, meaning: MEANINGS[why], replies: count, atomic: part(fee) },
      });
      if (outcome !== 'paid') return [say(outcome, replies, signed)];
      const paid = say('paid', replies, owed);
      return owed < signed ? [paid, say('cut-short', 0, signed - owed)] : [paid];
    });
    const sumOf = (isCounted: (why: EarnedReason['why']) => boolean): bigint =>
      parts.reduce((sum, { why, atomic }) => (isCounted(why) ? sum + atomic : sum), 0n);
    const isOpen = (why: EarnedReason['why']): boolean => why !== 'cut-short' && isPending(why);
    return {
      ...{ day: new Date(day * DAY_MS).toISOString().slice(0, 10), model },
      replies: parts.reduce((sum, { replies }) => sum + replies, 0),
      paidAtomic: sumOf((why) => why === 'paid'),
      pendingAtomic: sumOf(isOpen),
      unpaidAtomic: sumOf((why) => why !== 'paid' && !isOpen(why)),
      reasons: mergeReasons(parts.filter(({ why }) => why !== 'paid')),
    };
  });
}

/** With a router and without one are the same reason. */
function mergeReasons(parts: readonly EarnedReason[]): EarnedReason[] {
  const merged = new Map<string, EarnedReason>();
  for (const part of parts) {
    const { replies = 0, atomic = 0n } = merged.get(part.why) ?? {};
    merged.set(part.why, { ...part, replies: replies + part.replies, atomic: atomic + part.atomic });
  }
  return [...merged.values()];
}

/** Reads the ledger of the provider's daemon, which may be running. Undefined if no provider has run there. */
export function readEarnedDays(
  dataDir: string,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): ServedDays | undefined {
  const path = join(dataDir, 'provider.db');
  if (!existsSync(path)) return undefined;
  const store = openStore(path, { schema: PROVIDER_SCHEMA, upgrades: RELEASED.provider });
  try {
    return readServed(store, Math.floor(nowMs / DAY_MS) - days + 1, LISTED_UNPAID);
  } finally {
    store.close();
  }
}

export const toEarnedJson = (days: readonly EarnedDay[], { unpaid }: Pick<ServedDays, 'unpaid'>) => ({
  days: days.map(({ paidAtomic, pendingAtomic, unpaidAtomic, reasons, ...day }) => ({
    ...day,
    ...{ paidAtomic: `${paidAtomic}`, pendingAtomic: `${pendingAtomic}`, unpaidAtomic: `${unpaidAtomic}` },
    reasons: reasons.map(({ atomic, ...reason }) => ({ ...reason, atomic: `${atomic}` })),
  })),
  unpaidReplies: unpaid.map(({ replyId, validator, model, timeMs, outcome, why, signed, owed }) => ({
    ...{ replyId: toHex(replyId), validator: `0x${toHex(validator)}`, model, at: new Date(timeMs).toISOString() },
    ...{ outcome: outcome === 'paid' ? 'cut-short' : outcome, why, feeAtomic: `${signed}`, owedAtomic: `${owed}` },
  })),
});

export function printEarnedDays(
  output: Output,
  days: readonly EarnedDay[],
  { unpaid, format }: Pick<ServedDays, 'unpaid'> & { readonly format: (atomic: bigint) => string },
): void {
  if (days.length === 0) output.write('nothing was served in these days\n');
  for (const { day, model, replies, paidAtomic, pendingAtomic, unpaidAtomic, reasons } of days) {
    output.write(`${day}  ${model}: ${replies} replies\n`);
    output.write(`  paid ${format(paidAtomic)}, pending ${format(pendingAtomic)}, unpaid ${format(unpaidAtomic)}\n`);
    for (const { why, meaning, replies: count, atomic } of reasons) {
      output.write(`    ${why.padEnd(22)} ${count === 0 ? '' : `${count} replies, `}${format(atomic)}  (${meaning})\n`);
    }
  }
  for (const { replyId, validator, outcome, why } of unpaid) {
    const said = outcome === 'paid' ? 'cut-short' : outcome;
    output.write(`${toHex(replyId)} at 0x${toHex(validator)}: ${said}${why === '' ? '' : `, ${why}`}\n`);
  }
}
