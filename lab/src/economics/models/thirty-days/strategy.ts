import { type AuditBalance, coversFee } from '@ogong/protocol/settlement/audit-balance';
import type { CountedEntry } from '@ogong/protocol/settlement/log-tests';
import type { Verdict } from '@ogong/protocol/settlement/verdict-log';
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
  /** Serves honestly while an audit without a result is about to reach the log, and while it has a debt. */
  readonly pauses: boolean;
  /** Debt in usual fees from which on it leaves the key, and begins anew under another key and payee. */
  readonly leaves: number;
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
  ...{
    pauses: false,
    leaves: Number.POSITIVE_INFINITY,
    honestDays: 0,
    league: { count: 0, tokens: 0 },
    bond: 0,
    returns: false,
  },
};

/** The audit balance of a key, and the audits that it owes under the rule that the product had before. */
export interface KeptBalance extends AuditBalance {
  readonly owedAudits: number;
}

/** The rules of money about audits. */
export interface BalanceRules {
  readonly covers: (balance: KeptBalance, verdict: Verdict) => boolean;
  /** @param chargeAtomic the debt that the product's rule adds for the audit */
  readonly charges: (chargeAtomic: bigint) => bigint;
  /** Audits that a key owes after the entry. */
  readonly owes: (owedAudits: number, entry: CountedEntry) => number;
}

/** The rules of the product. */
export const RULES: BalanceRules = { covers: coversFee, charges: (chargeAtomic) => chargeAtomic, owes: () => 0 };

/** Accepted replies by which a key paid for an audit without a result under the rule before. They earned their fees. */
const OWED_AUDITS = 40;

/** The rule before: a key that owes audits is audited always, and its unaudited replies are unpaid. */
export const PAID_IN_AUDITS: BalanceRules = {
  covers: (balance, verdict) => coversFee(balance, verdict) && (verdict !== 'unaudited' || balance.owedAudits === 0),
  charges: () => 0n,
  owes(owedAudits, { verdict, step }) {
    if (step === 'late' || verdict === 'unjudged') return OWED_AUDITS;
    return verdict === 'accept' ? Math.max(0, owedAudits - 1) : owedAudits;
  },
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
