import { defaultLimits } from '@ogong/chain/deploy/deploy';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { JOBS_PER_AUDIT, PAIRED_SHARE, PLANTED_SHARE } from '../audit-jobs.ts';
import { readConstant } from '../contract-constants.ts';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

/** Of one job, where honest work costs 1. */
const PAY = 1.2;
const DAY_S = 86_400;
const PPM = 1_000_000;

/** Computes the mean gain of a verifier's job. @param refuted chance of a refutation. @param loss cost of a refutation */
function jobValue(refuted: number, loss: number, { works }: { readonly works: boolean }): number {
  return works ? PAY - 1 : (1 - refuted) * PAY - refuted * loss;
}

/** Smallest cost of a refutation that makes honest work worth more, in jobs: (1 - d) w - d B < w - a. */
export const computeNeededLoss = (refuted: number): number => 1 / refuted - PAY;

/** Plays a verifier that checks nothing. @returns the refuted part of its jobs */
function playLazy(jobs: number, { copies }: { readonly copies: boolean }, random: () => number): number {
  let refuted = 0;
  for (let i = 0; i < jobs; i++) {
    const kind = random();
    if (kind < PLANTED_SHARE) refuted++;
    // The other one of a pair is honest. A copy of what an honest provider committed agrees with it.
    else if (kind < PLANTED_SHARE + PAIRED_SHARE && !copies) refuted++;
  }
  return refuted / jobs;
}

/** Whether a figure is within four standard errors of the expected one. */
const isNear = (played: number, expected: number, jobs: number): boolean =>
  Math.abs(played - expected) < 4 * Math.sqrt((expected * (1 - expected)) / jobs);

export function runVerifiers(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(7);
  const stakePart = readConstant('Staking', 'PENALTY_PPM') / PPM;
  const madeUp = PLANTED_SHARE + PAIRED_SHARE;
  const copied = PLANTED_SHARE;
  const [small, large] = [computeNeededLoss(madeUp), computeNeededLoss(copied)];
  const dominates = (d: number, loss: number): boolean =>
    jobValue(d, loss, { works: false }) < jobValue(0, loss, { works: true });
  say(
    'Each pair and each planted token refutes a verifier that invents reports: honest work dominates from a loss of a few jobs on',
    dominates(madeUp, small + 0.01) && !dominates(madeUp, small - 0.01),
    `${percent(madeUp, 1)} of its jobs, a loss of ${round(small)} jobs`,
  );
  say(
    'A verifier that copies its provider’s opening is refuted by planted tokens alone: honest work dominates from a loss of dozens of jobs on',
    dominates(copied, large + 0.01) && !dominates(copied, large - 0.01),
    `${percent(copied)} of its jobs, a loss of ${round(large)} jobs; by the ${percent(stakePart, 0)} of a stake that a refuted report costs, a stake of ${Math.round(large / stakePart)} jobs`,
  );
  const jobs = 200_000;
  const played = [false, true].map((copies) => playLazy(jobs, { copies }, random)) as [number, number];
  say(
    'Both are refuted as often as the shares of pairs and honeypots say',
    isNear(played[0], madeUp, jobs) && isNear(played[1], copied, jobs) && !isNear(played[0], copied, jobs),
    `${percent(played[0], 1)} and ${percent(played[1])} of ${jobs} jobs, where an audit is ${JOBS_PER_AUDIT} jobs`,
  );
  // The second refutation excludes it with every validator, and its stake is free only once it has left: so long it earns nothing.
  const away = defaultLimits.unbondingDelay / DAY_S;
  const perDay = (2 * large) / (away * (PAY - 1));
  say(
    'The second refutation excludes the verifier until it stakes again for a new name: that alone is enough for a busy verifier',
    away * (PAY - 1) * perDay >= 2 * large && perDay < 30,
    `${away} days without the margin of ${round(perDay)} jobs a day are two losses of ${round(large)} jobs`,
  );
  say(
    'In a network that requires less stake, verifiers gain by copying their own provider; in one that requires as much they do not',
    !dominates(copied, stakePart * 100) &&
      dominates(copied, stakePart * 2_300) &&
      defaultLimits.minimumVerifierStake === ATOMIC_PER_TOKEN,
    `with a stake of 100 jobs and few of them, a copied job is worth ${round(jobValue(copied, stakePart * 100, { works: false }))}, honest work ${round(PAY - 1)}. Another verifier may get the same reply. A new name costs \`minimumVerifierStake\`, one token at first, because the cost of a job is unknown before there is a market`,
  );
  say(
    'Broken twin: without a loss, accepting everything unseen pays more than working',
    !dominates(madeUp, 0),
    `${round(jobValue(madeUp, 0, { works: false }))} against ${round(jobValue(0, 0, { works: true }))} a job`,
  );
  // A report is paid by tokens: flat pay would select against long jobs.
  const flat = PAY - 10_000 / 1_000;
  say('Broken twin: flat pay makes long jobs a loss', flat < 0, `a job of ten times the mean length: ${round(flat)}`);
  return {
    id: 'verifiers',
    title: "The verifier's dilemma",
    summary:
      'A verifier could accept every reply unseen instead of working. Amounts are in the cost of one job; pay is 1.2 of it. The shares of paired and planted jobs come from `audit.ts`, the cost of a refuted report from `Staking.sol`.',
    findings: list,
  };
}
