import { type NetworkProfile, profiles } from '@ogong/chain/deploy/deploy';
import { DEFAULT_EXTRA_PPM } from '@ogong/protocol/audit/audit-plan';
import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { MAX_ELASTICITY_PPM } from '@ogong/protocol/settlement/burn-mint';
import { JOBS_PER_AUDIT, JOBS_PER_NEW_KEYS_AUDIT } from '../audit-jobs.ts';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';
import type { MeasuredRho } from '../measured-rho.ts';

const BASIS = 10_000;
const PPM = 1_000_000;
const FEE = 1_000_000n;
/** Margins of a provider and of a verifier, as parts of the fee and of the pay. */
export const MARGIN = 0.2;
const VERIFIER_MARGIN = 0.1;

/** The provider's part of a fee after all shares. */
const providerPart = ({ shares }: NetworkProfile): number =>
  1 - Object.values(shares).reduce((sum, bps) => sum + bps, 0) / BASIS;

/**
 * Computes the cost of audits as a part of the fee: alpha x jobs x rho x the provider's cost, with the verifier's own margin.
 * @param rho audit cost / generation cost
 */
export function computeVerificationCost(
  alpha: number,
  rho: number,
  {
    profile = profiles.emission,
    jobs = JOBS_PER_AUDIT,
  }: { readonly profile?: NetworkProfile; readonly jobs?: number } = {},
): number {
  return jobs * alpha * rho * providerPart(profile) * (1 - MARGIN) * (1 + VERIFIER_MARGIN);
}

/** Audited part of the replies of a key that earns so many fees in each period, by the product's own rule. */
function auditedPart(fees: number, { shares, alpha }: NetworkProfile): number {
  const heldAtomic = BigInt(Math.round(fees * providerPart({ shares, alpha }) * Number(FEE)));
  return computeAuditRate({ feeAtomic: FEE, heldAtomic, soundnessPpm: SOUNDNESS_PPM, basePpm: alpha }) / PPM;
}

/** The fewest replies of a period that pay for the audits of their key. */
function findPaying(profile: NetworkProfile, rho: number): number {
  const part = profile.shares.verification / BASIS;
  for (let fees = 1; fees < 10_000; fees++) {
    if (computeVerificationCost(auditedPart(fees, profile), rho, { profile }) <= part) return fees;
  }
  return Number.POSITIVE_INFINITY;
}

export interface DefaultBudget {
  readonly name: string;
  /** Smallest verification share of a fee. */
  readonly kept: number;
  /** Cost of the base coverage and of extra audits on suspicion, as parts of the fee. */
  readonly needed: number;
}

/** Compares verification share and coverage cost at that rho, for every network without its own profile. */
export function budgetDefaults(rho: number): DefaultBudget[] {
  const budget = (name: string, profile: NetworkProfile, mintedPart = 1): DefaultBudget => ({
    name,
    kept: (mintedPart * profile.shares.verification) / BASIS,
    needed: computeVerificationCost((profile.alpha + DEFAULT_EXTRA_PPM) / PPM, rho, { profile }),
  });
  return [
    budget('emission', profiles.emission),
    budget('fees', profiles.fees),
    budget('burn-and-mint', profiles.burnAndMint, Number(MAX_ELASTICITY_PPM) / PPM),
  ];
}

export function runVerification(measured: readonly MeasuredRho[]): EconomicModel {
  const { list, say } = createFindings();
  const share = (bps: number, rho: number): number => Math.min(1, bps / BASIS / computeVerificationCost(1, rho));
  const classes: readonly MeasuredRho[] = [
    { what: 'datacentre GPU, by the whitepaper', rho: 0.01 },
    { what: 'Apple Silicon, by the whitepaper', rho: 0.05 },
    ...measured,
  ];
  const rows = classes.map(({ what, rho }) => [
    what,
    round(rho),
    percent(computeVerificationCost(1, rho), 1),
    percent(share(100, rho), 1),
    percent(share(400, rho), 1),
    percent(share(1_600, rho), 1),
  ]);
  const sorted = [...measured].sort((a, b) => a.rho - b.rho);
  const worst = sorted.at(-1) ?? { what: 'nothing', rho: Number.NaN };
  const middle = sorted[Math.floor(sorted.length / 2)]?.rho ?? Number.NaN;
  say(
    'One per cent for verification pays for auditing everything only where an audit costs about a hundredth of the reply',
    share(100, 0.0098) === 1 && share(100, 0.05) < 0.25,
    `at rho 0.05 it pays for ${percent(share(100, 0.05), 1)} of the audits`,
  );
  say(
    'No admissible share pays for all audits at any measured rho, so coverage by held earnings has to do',
    measured.length > 0 && measured.every(({ rho }) => share(1_600, rho) < 1),
    `rho from ${round(sorted[0]?.rho ?? Number.NaN)} to ${round(worst.rho)} (${worst.what}): there 4 % pays for ${percent(share(400, worst.rho), 1)} of the audits, 16 % for ${percent(share(1_600, worst.rho), 1)}`,
  );
  const defaults = budgetDefaults(worst.rho);
  say(
    'Every default pays for its own base coverage, and for audits on suspicion, at the dearest measured audit',
    defaults.every(({ kept, needed }) => needed <= kept),
    defaults.map(({ name, kept, needed }) => `${name}: ${percent(kept, 1)} kept, ${percent(needed)} needed`).join('; '),
  );
  const named = profiles.whitepaper;
  const whole = computeVerificationCost(named.alpha / PPM, worst.rho, { profile: named });
  say(
    'Broken twin: the whitepaper’s shares, which a network has by their name alone, audit everything from one per cent',
    whole > named.shares.verification / BASIS,
    `it would take ${percent(whole, 0)} of a fee there, and ${percent(computeVerificationCost(1, middle, { profile: named }), 0)} at the median`,
  );
  const paying = [worst.rho, middle].map((rho) => findPaying(profiles.emission, rho));
  say(
    'A key that earns little is audited more than its fees pay for; from some fifty replies a day on it pays for itself everywhere',
    paying.every((fees) => fees < 60) && findPaying(profiles.emission, 5) === Number.POSITIVE_INFINITY,
    `from ${paying[0]} replies in a period at the dearest audit, ${paying[1]} at the median; ten in a period are audited at ${percent(auditedPart(10, profiles.emission), 0)}`,
  );
  const [first, usual] = [worst.rho, middle].map((rho) =>
    computeVerificationCost(1, rho, { jobs: JOBS_PER_NEW_KEYS_AUDIT }),
  ) as [number, number];
  say(
    'Two verifiers audit every reply of a key that holds nothing: its entrance pays for the first few replies, all verifiers bear the rest',
    first > 1 && 5 / usual > 4,
    `${round(first)} fees a reply at the dearest, ${round(usual)} at the median: an entrance of five fees pays for ${round(5 / first, 2)} and ${round(5 / usual, 2)}`,
  );
  return {
    id: 'verification',
    title: 'What verification costs',
    summary:
      'Rho is the cost of an audit divided by the cost of its reply. It decides which part of a fee auditing takes. Measured values come from docs/bench.json and from the [page about cards](detection/cards.md), defaults from `deploy.ts`, the jobs of an audit from `audit.ts`. Inputs: a provider keeps a fifth of its earnings over its costs, a verifier a tenth. Audits that payers force and audit retries come on top.',
    findings: list,
    table: { head: ['what ran', 'rho', 'cost of auditing all', 'paid for by 1 %', 'by 4 %', 'by 16 %'], rows },
  };
}
