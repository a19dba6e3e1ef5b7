import { createFindings, type EconomicModel, round } from '../finding.ts';

/** A quorum that settles a wrong verdict steals the provider's part of what is not vested; it loses bonds. */
export function runValidators(): EconomicModel {
  const { list, say } = createFindings();
  const gain = (unvested: number): number => 0.77 * unvested;
  // At three times the share of bonds at fault, two thirds of the bonds lose all of theirs.
  const loss = (bonds: number): number => (2 / 3) * bonds * Math.min(1, 3 * (2 / 3));
  const grid = [0.05, 0.2, 0.5, 1, 1.5].map((part) => ({ part, pays: gain(part) > loss(1) }));
  say(
    'While what is not vested stays below half of the bonds, a quorum that steals all of it loses more than it gains',
    grid.every(({ part, pays }) => part > 0.5 || !pays),
    `at half: gains ${round(gain(0.5))}, loses ${round(loss(1))} of the bonds`,
  );
  say(
    'Broken twin: without that rule it pays',
    grid.some(({ pays }) => pays),
    `at 1.5 times the bonds: gains ${round(gain(1.5))}, loses ${round(loss(1))}`,
  );
  const [r, n, gainOfOne] = [0.25, 5, 0.7];
  say(
    'A reporter’s share of a quarter: reporting oneself loses, and to buy the silence of five reporters costs more than the slash',
    1 - r > gainOfOne && n * r > 1,
    `(1 - r) S = ${1 - r} S, n r = ${n * r}`,
  );
  const bribe = 0.77 / 0.01;
  say(
    'One wrong verdict is worth many times what its validator earns for a right one',
    bribe > 70,
    `${round(bribe)} times: bonds deter, fees do not`,
  );
  return {
    id: 'validators',
    title: 'Bribery against bonds',
    summary:
      'What a quorum gains by a wrong verdict and what it would lose. The rules are those of the design: in the contracts a quorum takes a tenth of a bond a day, and what is not vested has no bound by bonds yet.',
    findings: list,
  };
}
