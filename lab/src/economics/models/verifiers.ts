import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFindings, type EconomicModel, round } from '../finding.ts';

/** What a verifier's job brings on average. Cost of honest work is 1; pay is 1.2. */
function jobValue({
  works,
  refuted,
  loss,
}: {
  readonly works: boolean;
  readonly refuted: number;
  readonly loss: number;
}): number {
  const pay = 1.2;
  return works ? pay - 1 : (1 - refuted) * pay - refuted * loss;
}

/** Plays a lazy verifier that accepts everything against pairs and honeypots. @returns the part of its jobs that are refuted. */
function playLazy(
  pairs: number,
  honeypots: number,
  otherIsHonest: number,
  cheats: number,
  random: () => number,
): number {
  let refuted = 0;
  const jobs = 200_000;
  for (let i = 0; i < jobs; i++) {
    const isBad = random() < honeypots || random() < cheats;
    const isSeen =
      isBad && (random() < honeypots / (honeypots + cheats) || (random() < pairs && random() < otherIsHonest));
    if (isSeen) refuted++;
  }
  return refuted / jobs;
}

/** Of the payee's stake, what a refuted report costs (contracts/src/Staking.sol). */
const REFUTED_SHARE = 0.02;

export function runVerifiers(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(7);
  const both = 0.216;
  const alone = 0.0216;
  const need = (d: number): number => 1 / d - 1.2;
  say(
    'Honest work dominates where d (w + B) > a: with pairs whose scores must agree and honeypots a loss of 3.5 jobs is enough',
    jobValue({ works: false, refuted: both, loss: 3.5 }) < jobValue({ works: true, refuted: both, loss: 3.5 }) &&
      need(both) < 3.5,
    `needed: ${round(need(both))} jobs`,
  );
  const lazyGains = (stake: number): boolean =>
    jobValue({ works: false, refuted: alone, loss: REFUTED_SHARE * stake }) >
    jobValue({ works: true, refuted: 0, loss: REFUTED_SHARE * stake });
  say(
    'With known-bad honeypots alone it takes 45 jobs, which the 2 % that a refuted report costs are from a stake of 2,300 jobs on',
    need(alone) < 46 && lazyGains(2_200) && !lazyGains(2_300),
    `needed: ${round(need(alone))} jobs, a stake of ${round(need(alone) / REFUTED_SHARE)}`,
  );
  say(
    'Broken twin: without a loss, accepting everything unseen pays more than working',
    jobValue({ works: false, refuted: both, loss: 0 }) > jobValue({ works: true, refuted: both, loss: 0 }),
    `${round(jobValue({ works: false, refuted: both, loss: 0 }))} against ${round(jobValue({ works: true, refuted: 0, loss: 0 }))} a job`,
  );
  const played = playLazy(0.2, 0.05, 2 / 3, 0.02, random);
  say(
    'A verifier that accepts everything is refuted in about as many jobs as bad ones reach it',
    played > 0.03 && played < 0.07,
    `${round(played)} of its jobs at 5 % honeypots, 20 % pairs and 2 % cheats`,
  );
  // A report is paid by tokens: flat pay would select against long jobs.
  const flat = [100, 10_000].map((tokens) => 1.2 - tokens / 1_000);
  say(
    'Broken twin: flat pay makes long jobs a loss',
    (flat[1] as number) < 0,
    `a job of ten times the mean length: ${round(flat[1] as number)}`,
  );
  return {
    id: 'verifiers',
    title: "The verifier's dilemma",
    summary: 'Why a verifier works rather than accept unseen. Amounts are in the price of one job.',
    findings: list,
  };
}
