import { createFindings, type EconomicModel, round } from '../finding.ts';

/** Compares validators' income from a year's fees with the worth of a wrong verdict, and computes the subsidy for the difference. */
export function runBootstrap(): EconomicModel {
  const { list, say } = createFindings();
  const rows: string[][] = [];
  const points: { x: number; y: number; curve: string }[] = [];
  let ends = Number.POSITIVE_INFINITY;
  let wasEnough = true;
  for (let year = 0; year <= 10; year++) {
    const fees = 1e6 * 2.5 ** Math.min(year, 8);
    // An attack takes the provider's part of a window of fees; validators earn a hundredth of all.
    const attack = (0.9248 * fees) / 365;
    const income = 0.01 * fees;
    // Ten validators each cost $20,000 a year to run, whatever the fees.
    const cost = 200_000;
    const subsidy = Math.max(0, cost - income, attack - income);
    if (subsidy === 0 && ends === Number.POSITIVE_INFINITY) ends = year;
    if (ends <= year && income < Math.max(cost, attack)) wasEnough = false;
    rows.push([
      `${year}`,
      `${round(fees / 1e6)} M`,
      `${round(income / 1e3)} k`,
      `${round(attack / 1e3)} k`,
      `${round(subsidy / 1e3)} k`,
    ]);
    points.push(
      { x: year, y: income / 1e3, curve: "validators' part of the fees" },
      { x: year, y: subsidy / 1e3, curve: 'missing' },
    );
  }
  say(
    'There is a year from which fees alone pay validators more than they cost and than one day of wrong verdicts is worth',
    ends < 10 && wasEnough,
    `from year ${ends} on, if fees grow two and a half times a year from $1 M`,
  );
  say(
    'Before it something else has to pay: the emission cannot, since it gives less than it takes',
    ends > 0,
    `$${round(points.filter(({ curve }) => curve === 'missing').reduce((sum, { y }) => sum + y, 0))} k in all; the treasury or the operators themselves`,
  );
  return {
    id: 'bootstrap',
    title: 'The first years',
    summary: 'Earnings and costs of validators while fees grow. The growth is an assumption.',
    findings: list,
    table: { head: ['year', 'fees, $', "validators' part, $", 'a day of wrong verdicts, $', 'missing, $'], rows },
    curves: {
      ...{
        name: 'bootstrap',
        title: 'Income of validators and what is missing',
        xTitle: 'year',
        yTitle: 'thousand dollars',
      },
      caption: 'Ten validators at $20,000 a year each.',
      points,
    },
  };
}
