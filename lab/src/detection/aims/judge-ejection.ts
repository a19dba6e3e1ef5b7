import { AS_SERVED } from '../measure/measure-ejection.ts';
import type { AimOutcome, AimRow, DetectionResults, EjectionRow } from '../results.ts';
import { judgeAll } from './aim-outcome.ts';
import { formatShare } from './aim-text.ts';

export function judgeEjection({ ejection }: Pick<DetectionResults, 'ejection'>): AimRow[] {
  const rows = ejection.filter(({ test }) => test.includes('per reply, '));
  const [lived, served] = [rows.filter((row) => !isAsServed(row)), rows.filter(isAsServed)];
  const count = (some: readonly EjectionRow[]): number => some.reduce((sum, { replies }) => sum + replies, 0);
  const lives = served.reduce((sum, { lifetimes }) => sum + lifetimes, 0);
  const ejected = served.flatMap(({ test, ejected }) =>
    ejected.value > 0 ? [`${test}: ${formatShare(ejected)}`] : [],
  );
  return [
    {
      aim: 'no honest provider ejected: at most beta over 1e6 replies with their measured correlation',
      measured:
        lived.map(({ test, ejected, beta }) => `${test}: ${formatShare(ejected)}, beta ${beta}`).join('; ') ||
        'not measured',
      outcome: judgeAll([...lived.map(judgeBound), count(lived) >= 1e6 ? 'met' : 'undecided']),
      note: [
        ...(count(lived) < 1e6 ? [`this profile simulates ${count(lived)} replies only`] : []),
        ...describeControl(ejection),
      ].join('; '),
    },
    {
      aim: 'no honest provider ejected in any real run, replies in their order',
      measured:
        served.length === 0 ? 'not measured' : ejected.join('; ') || `none of ${lives} lives, ${count(served)} replies`,
      outcome: served.length === 0 ? 'undecided' : ejected.length === 0 ? 'met' : 'missed',
      note:
        served.length === 0
          ? 'too few honest replies for tables of two halves'
          : ejected.length > 0
            ? 'the bound is on the share of lives, and some end; more runs say whether as many as it allows'
            : '',
    },
  ];
}

const judgeBound = ({ ejected, beta }: EjectionRow): AimOutcome =>
  ejected.of === 0 ? 'undecided' : ejected.low > beta ? 'missed' : ejected.high <= beta ? 'met' : 'undecided';

/** A control: how often the same lives end under a test that treats windows as independent. */
function describeControl(ejection: readonly EjectionRow[]): string[] {
  const controls = ejection.filter(({ test }) => test.includes('as if independent'));
  if (controls.length === 0) return [];
  const broken = controls.filter(({ ejected, beta }) => ejected.value > beta);
  return [
    broken.length > 0
      ? `a test that takes windows for independent ejects ${broken.map(({ test, ejected }) => `${formatShare(ejected)} (${test})`).join(', ')} of the same lives`
      : 'the measured drift correlates too little to break a test that treats windows as independent, which ejects no more lives. ' +
        'On synthetic drift, the test of the product holds even if replies inflate the variance beyond 24 (drift-verdict.test.ts)',
  ];
}

const isAsServed = ({ test }: EjectionRow): boolean => test.endsWith(AS_SERVED);
