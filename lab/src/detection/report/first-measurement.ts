import type { AttackRow, DetectionResults } from '../results.ts';
import { formatCount, formatNumber, formatRate } from './number-text.ts';

/** What a first measurement by hand found of the same attacks on the same model: 72 replies of a cheat, 160 honest ones. */
interface First {
  readonly attack: string;
  readonly weights: string;
  /** Windows caught at a false-reject rate of 1e-3, as a share. */
  readonly caught: number;
  /** To odds of 1e6 by a likelihood ratio whose law was fitted to the very replies. */
  readonly tokens: number;
  /** Windows that the fixed 0.10 / 0.10 lets pass, where it was counted. */
  readonly passes?: number;
}

const FIRST: readonly First[] = [
  { attack: 'weights-q8-0', weights: 'f16', caught: 1, tokens: 8, passes: 0.98 },
  { attack: 'weights-noise-1e-3', weights: 'f16', caught: 1, tokens: 44, passes: 1 },
  { attack: 'weights-noise-1e-2', weights: 'f16', caught: 1, tokens: 4, passes: 0.96 },
  { attack: 'kv-q8-0', weights: 'f16', caught: 1, tokens: 11, passes: 1 },
  { attack: 'kv-q4-0', weights: 'f16', caught: 1, tokens: 4, passes: 0 },
  { attack: 'weights-q5-k-m', weights: 'f16', caught: 1, tokens: 5, passes: 0 },
  { attack: 'weights-layer-skipped', weights: 'f16', caught: 1, tokens: 3, passes: 0 },
  { attack: 'weights-noise-1e-3', weights: 'q8_0', caught: 0.39, tokens: 867 },
  { attack: 'kv-q8-0', weights: 'q8_0', caught: 0.12, tokens: 2325 },
];

const RATE = 1e-3;

export interface Beside {
  readonly attack: string;
  readonly weights: string;
  readonly caught: string;
  readonly tokens: string;
  readonly passes: string;
}

/** Both, where both were measured: `then → now`. */
export function listBeside({ attacks }: Pick<DetectionResults, 'attacks'>): readonly Beside[] {
  return FIRST.flatMap(({ attack, weights, caught, tokens, passes }) => {
    const row = attacks.find((each) => each.attack === attack && each.weights === weights);
    if (row === undefined) return [];
    return [
      {
        ...{ attack, weights },
        caught: `${toPercent(caught)} → ${toPercent(findCaught(row))}`,
        tokens: `${formatCount(tokens)} → ${row.tokensToDecide ? formatCount(row.tokensToDecide.median) : 'not reached'}`,
        passes: passes === undefined ? '' : `${toPercent(passes)} → ${toPercent(row.fallbackPasses.value)}`,
      },
    ];
  });
}

export const BESIDE_READING =
  'A first measurement by hand, with 72 replies of each cheat and 160 honest ones, stands on the left of each arrow. What compares are windows caught ' +
  `at a false-reject rate of ${formatRate(RATE)}. The fixed limits were held against the mean log-probability shift there, and here against the Kolmogorov-Smirnov distance, which passes more. Tokens are not of one kind: there the law of the likelihood was fitted to the replies that it judged and taken at its word; ` +
  'here evidence comes from ranks among replies that nothing was fitted to, so that no reply says more than the number of honest ones behind it allows, and every cheat takes a few.';

const findCaught = ({ perWindow }: AttackRow): number | undefined =>
  perWindow.find(({ falseRejectRate }) => falseRejectRate === RATE)?.caught.value;

const toPercent = (share: number | undefined): string =>
  share === undefined ? 'not measured' : `${formatNumber(100 * share)} %`;
