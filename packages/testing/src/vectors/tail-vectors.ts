import { expFixed } from '@ogong/protocol/base/exponential';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  MAX_COST,
  NAT,
  PLAIN_SAMPLER,
  type SamplerSettings,
  type TokenBias,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { computeLargestTail, createProcessedTailBound } from '@ogong/protocol/modality/text/stage1/tail-bound';

interface TailCase {
  readonly what: string;
  readonly vocabularySize?: number;
  readonly sampler?: Partial<SamplerSettings>;
  /** Without bias and penalties the rule for untouched rows applies. */
  readonly bias?: readonly TokenBias[];
  readonly drawn?: readonly number[];
  /** Log-sum and marked ranks, under a repetition penalty. */
  readonly repeated?: { readonly logSum: number; readonly ranks: readonly number[] };
  readonly promptTokenCount?: number;
  readonly q?: (honest: number[]) => number[];
}

/** The largest tail that stage 1 accepts for a row: `vectors/tail.json`. */
export function createTailVectors(): Readonly<Record<string, unknown>> {
  const random = createSeededRandom(41);
  const honest: number[] = [];
  for (let q = 200_000; honest.length < 64; q += Math.floor(random() * 9000)) honest.push(q);
  const presence = { presencePenaltyQ16: NAT };
  const cases: TailCase[] = [
    { what: 'untouched, temperature 1' },
    { what: 'untouched, below temperature 1', sampler: { temperatureQ16: 40_000 } },
    { what: 'untouched, above temperature 1', sampler: { temperatureQ16: 90_000 } },
    {
      what: 'untouched, hardly above temperature 1, of many unlisted tokens',
      vocabularySize: 151_936,
      sampler: { temperatureQ16: NAT + 1 },
      q: () => [154, ...Array<number>(63).fill(700_000)],
    },
    {
      what: 'untouched, below temperature 1, hardly anything listed',
      vocabularySize: 151_936,
      sampler: { temperatureQ16: NAT - 1 },
      q: () => Array<number>(64).fill(750_084),
    },
    { what: 'untouched, every token listed', vocabularySize: 64, sampler: { temperatureQ16: 90_000 } },
    { what: 'untouched, one token is certain', q: () => [0, ...Array<number>(63).fill(MAX_COST)] },
    { what: 'a bias of 0 is a bias', bias: [{ id: 3, biasQ16: 0 }] },
    { what: 'a bias of a token that is not listed', bias: [{ id: 600, biasQ16: 3 * NAT }] },
    { what: 'a bias that makes the best cost negative', bias: [{ id: 100, biasQ16: 50 * NAT }] },
    { what: 'a penalty before anything was drawn', sampler: presence },
    { what: 'a penalty of what was drawn, listed and not', sampler: presence, drawn: [163, 163, 700, 701] },
    { what: 'a penalty, below temperature 1', sampler: { ...presence, temperatureQ16: 30_000 }, drawn: [163, 700] },
    { what: 'a penalty, above temperature 1', sampler: { ...presence, temperatureQ16: 99_000 }, drawn: [163, 700] },
    { what: 'a penalty, at the least temperature', sampler: { ...presence, temperatureQ16: 1 }, drawn: [700] },
    { what: 'a penalty, every token listed', sampler: presence, vocabularySize: 64 },
    { what: 'a penalty, costs at their limit', sampler: presence, q: () => Array<number>(64).fill(MAX_COST) },
    { what: 'a penalty, all costs alike', sampler: presence, q: () => Array<number>(64).fill(700_000) },
    {
      what: 'a penalty, hot, all costs far from 0',
      sampler: { ...presence, temperatureQ16: 2 * NAT },
      q: () => Array<number>(64).fill(9_000_000),
    },
    {
      what: 'a repetition penalty above 1',
      sampler: { repetitionPenaltyQ16: 80_000 },
      repeated: { logSum: 20 * NAT, ranks: [60, 62, 63] },
    },
    {
      what: 'a repetition penalty below 1 of the whole context',
      sampler: { repetitionPenaltyQ16: 60_000, temperatureQ16: 50_000 },
      repeated: { logSum: 20 * NAT, ranks: [0, 1] },
      drawn: [100, 700],
    },
    {
      what: 'a repetition penalty below 1 of the last tokens',
      sampler: { repetitionPenaltyQ16: 60_000, repetitionWindow: 3 },
      repeated: { logSum: -5 * NAT, ranks: [0, 1] },
      drawn: [100, 700],
    },
    { what: 'temperature 0', sampler: { ...presence, temperatureQ16: 0 } },
  ];
  return { tail: cases.map((one) => tailVector(one, honest)) };
}

function tailVector(
  { what, vocabularySize = 900, bias = [], drawn = [], promptTokenCount = 3, repeated, ...rest }: TailCase,
  honest: number[],
): unknown {
  const sampler = { ...PLAIN_SAMPLER, ...rest.sampler };
  const firstId = vocabularySize === honest.length ? 0 : 100;
  const marks = repeated && Uint8Array.from(honest, (_, rank) => (repeated.ranks.includes(rank) ? 1 : 0));
  const row = {
    ids: Uint32Array.from(honest, (_, i) => firstId + i),
    q: Uint32Array.from(rest.q?.(honest) ?? honest),
    ...(marks && { repeated: { logSum: repeated.logSum, marks } }),
  };
  const { temperatureQ16, presencePenaltyQ16, frequencyPenaltyQ16, repetitionPenaltyQ16, repetitionWindow } = sampler;
  const mass = row.q.reduce((sum, q) => sum + expFixed(q), 0);
  const isUntouched =
    bias.length === 0 && presencePenaltyQ16 === 0 && frequencyPenaltyQ16 === 0 && repeated === undefined;
  const bound = createProcessedTailBound({ vocabularySize, sampler, bias, promptTokenCount });
  for (const token of drawn) bound.push(token);
  return {
    ...{ what, vocabularySize, temperatureQ16, presencePenaltyQ16, frequencyPenaltyQ16, bias, drawn },
    ...{ repetitionPenaltyQ16, repetitionWindow, promptTokenCount, repeated },
    ids: Array.from(row.ids),
    q: Array.from(row.q),
    largestTail: isUntouched
      ? computeLargestTail(row.q, { vocabularySize, temperatureQ16, mass })
      : bound.compute(row, mass),
  };
}
