import type { AimRow, AttackRow, DetectionResults, Share } from '../results.ts';
import { formatPair } from '../standing.ts';
import { judgeAll, judgeShare } from './aim-outcome.ts';
import { formatAimShare, formatShare } from './aim-text.ts';

export function judgeF16({ attacks }: Pick<DetectionResults, 'attacks'>): AimRow {
  const rows = attacks.filter(({ family, weights }) => family === 'weights' && weights === 'f16');
  const rateOf = (row: AttackRow): Share | undefined =>
    row.perWindow.find((each) => each.falseRejectRate === 1e-4)?.caught;
  const missed = rows.filter((row) => !((rateOf(row)?.value ?? 0) >= 0.999));
  const explain = (row: AttackRow): string => {
    const rate = rateOf(row);
    if (rate === undefined) return `${row.attack}: no sample`;
    const isWindow = row.attack.startsWith('sliding-window');
    const reason = isWindow
      ? ', until prompt and reply fill its window it computes what was sold'
      : rate.high >= 0.999
        ? ', the aim lies within the interval'
        : '';
    return `${row.attack}: ${formatShare(rate)}${reason}`;
  };
  return {
    aim: 'other classes, F16: every weight cheat caught per 32 tokens, 99.9 % at 1e-4',
    measured: rows.length === 0 ? 'not measured' : `${rows.length - missed.length} of ${rows.length} attacks are`,
    outcome: judgeAll(rows.map(rateOf).map((rate) => (rate === undefined ? 'undecided' : judgeShare(rate, 0.999)))),
    note: [...missed.map(explain), ...describeSamples(rows.flatMap((row) => rateOf(row) ?? []))].join('; '),
  };
}

/** The aims in further pairs of classes. Most of these pairs are measured only with attacks close to honest drift. */
export function judgeF16Elsewhere({ otherPairs }: Pick<DetectionResults, 'otherPairs'>): AimRow {
  const rows = otherPairs.filter(({ family, weights }) => family === 'weights' && weights === 'f16');
  const rates = rows.flatMap((row) => {
    const rate = row.perWindow.find((each) => each.falseRejectRate === 1e-4)?.caught;
    return rate === undefined ? [] : [{ row, rate }];
  });
  const missed = rates.filter(({ rate }) => rate.value < 0.999);
  const pairs = [...new Set(missed.map(({ row }) => formatPair(row)))].map((pair) => {
    const names = missed
      .filter(({ row }) => formatPair(row) === pair)
      .map(({ row, rate }) => `${row.attack} ${formatAimShare(rate.value)}`);
    return `${pair}: ${names.join(', ')}`;
  });
  const isBackend = ({ row }: { readonly row: AttackRow }): boolean => row.verifier === 'vulkan';
  const backend = missed.some(isBackend)
    ? ' Between back ends honest drift is several times that of CPU classes, because sums are taken in another order. It is as wide as the smallest changes of weights. ' +
      'Routing prefers a verifier of the own class, where equality decides'
    : '';
  const reason =
    'fewer honest replies were measured there than in the pair above, so the threshold lies far out on a fitted tail. Two inexact classes also drift ' +
    'more than an exact one and an inexact. More honest replies of each pair are the next idea, then verifiers of the sharpest class';
  return {
    aim: 'other classes, F16: the same between the other pairs of classes',
    measured: rates.length === 0 ? 'not measured' : `${rates.length - missed.length} of ${rates.length} attacks are`,
    outcome: judgeAll(rates.map(({ rate }) => judgeShare(rate, 0.999))),
    note: missed.length === 0 ? '' : `${pairs.join('; ')}. ${reason}.${backend}`,
  };
}

/** Describes how small samples limit a share that should be close to 1. */
function describeSamples(rates: readonly Share[]): string[] {
  if (rates.length === 0) return [];
  const sizes = rates.map(({ of }) => of);
  const lowest = Math.min(...rates.filter(({ value }) => value === 1).map(({ low }) => low));
  const limit = Number.isFinite(lowest)
    ? `: where all were caught the interval reaches down to ${formatAimShare(lowest)}`
    : '';
  return [`on fitted tails, ${Math.min(...sizes)} to ${Math.max(...sizes)} windows of an attack${limit}`];
}
