import { SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { PPM } from '@ogong/protocol/exchange/reputation';
import {
  type AuditBalance,
  advanceBalance,
  type coversFee,
  DOUBT_PRICE,
  OWED_AUDITS,
} from '@ogong/protocol/settlement/audit-balance';
import type { CountedEntry } from '@ogong/protocol/settlement/log-tests';
import { isCovered } from '@ogong/protocol/verdict/reply-fee';
import { MARGIN } from '../verification.ts';
import type { League, VerifierSetting } from './network.ts';
import { VERIFIER_SETTING } from './network.ts';
import type { BillChecks } from './prices.ts';

/** A way to sell forged replies. Shares are of the replies that arrive while the strategy forges. */
export interface ForgingStrategy {
  readonly name: string;
  /** Share that is forged. */
  readonly forged: number;
  /** Forges replies to clients that seal, and no others. */
  readonly sealedOnly: boolean;
  /** Share of requests that nobody else can run. They are forged. */
  readonly odd: number;
  /** `near`: a cheaper model in a class that no table measures. */
  readonly kind: 'foreign' | 'near';
  /** Opens a forged reply only if the beacon draws its own verifiers. */
  readonly withholds: boolean;
  readonly overbills: boolean;
  /** Serves honestly while an audit without a result is about to reach the log, and while it owes audits. */
  readonly pauses: boolean;
  /** Days of honest work under each key before the first forged reply. */
  readonly honestDays: number;
  readonly league: League;
  /** Bond of the key, in usual fees. */
  readonly bond: number;
  /** Begins anew under another key and payee after an ejection. */
  readonly returns: boolean;
}

export const HONEST: ForgingStrategy = {
  ...{ name: 'honest', forged: 0, sealedOnly: false, odd: 0, kind: 'foreign', withholds: false, overbills: false },
  ...{ pauses: false, honestDays: 0, league: { count: 0, tokens: 0 }, bond: 0, returns: false },
};

/** The rules of money about audits. */
export interface BalanceRules {
  readonly covers: (balance: AuditBalance, verdict: Parameters<typeof coversFee>[1]) => boolean;
  /** @param fees of the reply as billed, in usual fees */
  readonly advance: (balance: AuditBalance, entry: CountedEntry, fees: number) => AuditBalance;
  /** Whether every reply of a key that owes audits is audited. */
  readonly auditsOwing: boolean;
}

/** The rules of the product. */
export const RULES: BalanceRules = {
  covers: (balance, verdict) => isCovered(verdict, balance, { tier: 'verified' }),
  advance: advanceBalance,
  auditsOwing: true,
};

/** Accepted fees that a proposed rule takes for one usual fee without a result: those that an audit stands for. */
const STANDS_FOR = Math.ceil((OWED_AUDITS * PPM) / SOUNDNESS_PPM);

/**
 * Rules that no network has yet. An audit without a result costs the fees of all replies that it stands for, and so does a doubt that
 * no credit pays for. Accepted replies pay for them. `owed` counts usual fees here.
 */
export const PROPOSED: BalanceRules = {
  covers: ({ credit, owed }, verdict) => (verdict === 'inconclusive' ? credit >= DOUBT_PRICE : owed === 0),
  advance(balance, entry, fees) {
    const { verdict, feeAtomic } = entry;
    const { credit, owed } = balance;
    if (verdict === 'accept' && owed > 0) return { credit, owed: Math.max(0, owed - fees) };
    const owes =
      advanceBalance({ credit, owed: 0 }, entry).owed > 0 || (verdict === 'inconclusive' && feeAtomic === 0n);
    return owes ? { credit, owed: owed + STANDS_FOR * fees } : advanceBalance(balance, entry);
  },
  auditsOwing: true,
};

/** The world around a provider. A control changes one input. */
export interface ProviderWorld {
  readonly perMinute: number;
  readonly days: number;
  /** Validators that handle the replies in equal parts. Each has its own log. */
  readonly logs: number;
  /** Share of replies to clients that seal. */
  readonly sealed: number;
  /** Payers hand over the opening that a provider withholds, if they do not seal. */
  readonly handsOver: boolean;
  readonly setting: VerifierSetting;
  readonly bill: BillChecks;
  readonly holdsEarnings: boolean;
  /** Part of its earnings that an honest provider keeps over its costs. */
  readonly margin: number;
  /** Orders follow the key's reputation, as they do where many providers offer the same. */
  readonly followsReputation: boolean;
  readonly rules: BalanceRules;
}

export const WORLD: ProviderWorld = {
  ...{ perMinute: 1, days: 30, logs: 4, sealed: 0, handsOver: true, setting: VERIFIER_SETTING },
  bill: { hasSizeCheck: true, hasPromptMeter: true },
  ...{ holdsEarnings: true, margin: MARGIN, followsReputation: true, rules: RULES },
};
