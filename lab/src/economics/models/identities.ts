import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFindings, type EconomicModel, percent } from '../finding.ts';

/** Deadlines missed by an operator that answers the challenges of k identities one after the other. */
function missRate(identities: number, random: () => number, windows = 400): number {
  // A challenge takes the operator 1/100 of a window, and each identity has one a window on average, at any time.
  const [service, deadline] = [0.01, 1];
  let free = 0;
  let missed = 0;
  let count = 0;
  for (let now = 0; now < windows; ) {
    now += -Math.log(1 - random()) / identities;
    free = Math.max(free, now) + service;
    count++;
    if (free - now > deadline) missed++;
  }
  return missed / count;
}

export function runIdentities(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(4);
  const points = [20, 50, 80, 90, 95, 105, 110, 120, 150, 200].map((k) => ({
    x: k / 100,
    y: missRate(k, random),
    curve: 'missed',
  }));
  const calm = points.filter(({ x }) => x <= 0.9);
  const flooded = points.filter(({ x }) => x >= 1.2);
  say(
    'An operator meets all deadlines below its throughput, however its identities share one machine',
    calm.every(({ y }) => y < 0.01),
    `${percent(Math.max(...calm.map(({ y }) => y)))} missed at a load of 0.9 and below`,
  );
  say(
    'Above it the backlog grows, and nearly all deadlines are missed',
    flooded.every(({ y }) => y > 0.8),
    `${percent(Math.min(...flooded.map(({ y }) => y)))} missed at a load of 1.2 and above`,
  );
  const [soon, late] = [missRate(105, random, 10), missRate(105, random, 2_000)];
  say(
    'Close above the bound it shows only after many rounds',
    soon < 0.1 && late > 0.9,
    `at a load of 1.05, ${percent(soon, 1)} missed within 10 windows, ${percent(late, 1)} within 2,000`,
  );
  return {
    id: 'identities',
    title: 'Identities by throughput',
    summary:
      'Each identity has to answer challenges; one machine can stand behind no more identities than it can answer for. This network weighs verifiers by stake instead, since a challenge tells two slow machines from one fast one only by time.',
    findings: list,
    curves: {
      ...{
        name: 'identities',
        title: 'Deadlines missed, by load',
        xTitle: 'load: identities x work / throughput',
        yTitle: 'part missed',
      },
      caption: 'Challenges come at random times; 400 windows.',
      points,
    },
  };
}
