import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

/** One audit needs 1.155 jobs: a tenth of them in pairs, and honeypots. */
const JOBS = 1.155;
const PROVIDER = 0.9598;
const MARGIN = 0.2;

/** What a full audit of every reply costs, as a part of the fee. @param rho audit cost / generation cost */
export function computeVerificationCost(alpha: number, rho: number): number {
  // a = rho k p (1 - m), with 10 % for the verifier's own margin.
  return JOBS * alpha * rho * PROVIDER * (1 - MARGIN) * 1.1;
}

export interface MeasuredRho {
  readonly what: string;
  readonly rho: number;
}

export function runVerification(measured: readonly MeasuredRho[]): EconomicModel {
  const { list, say } = createFindings();
  const share = (bps: number, rho: number): number => Math.min(1, bps / 10_000 / computeVerificationCost(1, rho));
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
  say(
    'One per cent for verification pays for auditing everything only where an audit costs about a hundredth of the reply',
    share(100, 0.0098) === 1 && share(100, 0.05) < 0.25,
    `at rho 0.05 it pays for ${percent(share(100, 0.05), 1)} of the audits`,
  );
  const worst = Math.max(...measured.map(({ rho }) => rho));
  say(
    'On the measured classes (CPUs) no admissible share pays for all audits: coverage by held earnings has to do',
    measured.length > 0 && measured.every(({ rho }) => share(1_600, rho) < 1),
    `rho up to ${round(worst)}: 4 % pays for ${percent(share(400, worst), 1)} of the audits, 16 % for ${percent(share(1_600, worst), 1)}`,
  );
  say(
    'The default of 4 % pays for the base coverage of 5 % on every measured class, new keys included up to a tenth of the value',
    measured.every(({ rho }) => share(400, rho) > 0.05 * 0.9 + 0.1 * 0.05),
    `it pays for ${percent(Math.min(...measured.map(({ rho }) => share(400, rho))), 1)} at least`,
  );
  return {
    id: 'verification',
    title: 'What verification costs',
    summary:
      'The part of a fee that auditing takes, by rho: what an audit costs against what the reply cost. The measured rows are those of docs/bench.json. A network on CPUs that audits every reply (the default of a new network) pays for it from elsewhere.',
    findings: list,
    table: { head: ['class', 'rho', 'cost of auditing all', 'paid for by 1 %', 'by 4 %', 'by 16 %'], rows },
  };
}
