import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { HONEST } from '@ogong/provider/calibration/source-id';
import type { ReadExperiment } from '../detection/measure/fit-pair.ts';
import { readReplies } from '../detection/measure/load.ts';
import { measureHonest } from '../detection/measure/measure-honest.ts';
import { measureOtherPair } from '../detection/measure/measure-other-pairs.ts';
import { BETA } from '../detection/measure/measure-sold.ts';
import type { Experiment } from '../detection/plan/experiments.ts';
import { SOLD_WEIGHTS } from '../detection/plan/profiles.ts';
import type { AttackRow, EjectionRow, HonestRow } from '../detection/results.ts';
import { sourceId, verifierId } from '../detection/sample/collect.ts';
import { CARD_PAIRS, CARD_TOKENS, type CardCounts, listCardExperiments } from './card-samples.ts';

export interface CardDetection {
  readonly honest: readonly HonestRow[];
  readonly attacks: readonly AttackRow[];
  readonly ejection: readonly EjectionRow[];
}

const LIVES = { lifetimes: 1000, replies: 200, beta: BETA };

/** Judges what was sampled between the processor and a card, as the report on other classes does. */
export function judgeCards(
  store: SampleStore,
  counts: CardCounts,
  {
    seed,
    code,
    onProgress,
  }: { readonly seed: number; readonly code: string; readonly onProgress: (what: string) => void },
): CardDetection {
  const experiments = listCardExperiments(counts);
  const read: ReadExperiment = (experiment) =>
    readReplies(store, sourceId(experiment, CARD_TOKENS), verifierId(experiment)).slice(0, experiment.replies);
  const isHonest = ({ source }: Experiment): boolean => source === HONEST;
  const honest = experiments.filter(isHonest).flatMap((experiment): HonestRow[] => {
    const replies = read(experiment);
    return replies.length === 0 ? [] : [measureHonest(experiment, `stories15M, ${CARD_TOKENS} tokens`, replies)];
  });
  const pairs = SOLD_WEIGHTS.flatMap((weights) =>
    CARD_PAIRS.map(([provider, verifier]) => {
      onProgress(`${weights}: ${provider} seen by ${verifier}`);
      const sold = experiments.filter((each) => each.weights === weights);
      return measureOtherPair(
        { provider, verifier },
        {
          ...{ weights, honest: sold.filter(isHonest), attacks: sold.filter((each) => !isHonest(each)) },
          ...{ read, code, maxTokens: CARD_TOKENS, lives: { ...LIVES, seed } },
        },
      );
    }),
  );
  return {
    honest,
    attacks: pairs.flatMap(({ attacks }) => attacks),
    ejection: pairs.flatMap(({ ejection }) => ejection),
  };
}
