import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { advanceSequentialTest, INITIAL_SEQUENTIAL_TEST } from '@ogong/protocol/statistics/sprt';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const TEST = { soundness: 0.9, falsePositiveRate: 0.02, beta: 1e-3 };

/** Audits until ejection, by the test that validators run; undefined within the horizon. */
function live(rejectRate: number, horizon: number, random: () => number): number | undefined {
  let state = INITIAL_SEQUENTIAL_TEST;
  for (let i = 1; i <= horizon; i++) {
    state = advanceSequentialTest(state, random() < rejectRate ? 'reject' : 'accept', TEST);
    if (state.ejected) return i;
  }
  return undefined;
}

export function runSequentialTest(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(3);
  const lives = 4_000;
  const ejected = Array.from({ length: lives }, () => live(0.02, 300, random)).filter((at) => at !== undefined).length;
  // Three standard errors above beta, since the estimate is one of a rare event.
  const room = 3 * Math.sqrt(TEST.beta / lives);
  say(
    'An honest provider is ejected in its whole life with at most the promised chance',
    ejected / lives <= TEST.beta + room,
    `${ejected} of ${lives} lives of 300 audits, promised ${percent(TEST.beta, 1)}`,
  );
  const cheats = Array.from({ length: 2_000 }, () => live(0.9, 300, random));
  const mean = cheats.reduce<number>((sum, at) => sum + (at ?? 300), 0) / cheats.length;
  const wald = Math.log(1 / TEST.beta) / (0.9 * Math.log(0.9 / 0.02) + 0.1 * Math.log(0.1 / 0.98));
  say(
    'A persistent cheat is ejected after a handful of audits',
    cheats.every((at) => at !== undefined) && mean < 2 * wald + 1,
    `${round(mean)} audits on average; Wald's formula for the test without a prior says ${round(wald)}`,
  );
  const boundary = Math.log(0.98 / 0.1) / (Math.log(0.9 / 0.02) + Math.log(0.98 / 0.1));
  const rate = (reject: number): number =>
    Array.from({ length: 300 }, () => live(reject, 200, random)).filter((at) => at !== undefined).length / 300;
  const points = [0.02, 0.06, 0.1, 0.15, 0.2, 0.3, 0.37, 0.5, 0.7, 0.9].map((x) => ({
    x,
    y: rate(x),
    curve: 'ejected',
  }));
  const above = points.filter(({ x }) => x >= 0.5).every(({ y }) => y > 0.99);
  say(
    'Above the boundary everybody is ejected; between honesty and the boundary some are, and lost fees deter there',
    above && boundary > 0.36 && boundary < 0.38,
    `boundary at a reject rate of ${round(boundary)}`,
  );
  return {
    id: 'sequential-test',
    title: 'The sequential test',
    summary: "Lives of honest and cheating providers, played through the validators' own test (`sprt.ts`).",
    findings: list,
    curves: {
      ...{
        name: 'sequential-test',
        title: 'Ejected within 200 audits, by reject rate',
        xTitle: 'reject rate',
        yTitle: 'part ejected',
      },
      caption: 'Honest replies are rejected in 2 % of audits; a promised false ejection of one in a thousand.',
      points,
    },
  };
}
