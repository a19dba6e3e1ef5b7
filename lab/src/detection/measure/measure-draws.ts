import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { checkSampleHeader, replaySample } from '@ogong/provider/calibration/sample';
import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { listHonestExperiments } from '../plan/experiments.ts';
import type { Profile } from '../plan/profiles.ts';
import { CONTEXT } from '../plan/setups.ts';
import type { Stage1Row } from '../results.ts';
import { sourceId } from '../sample/collect.ts';
import { measureStage1 } from './measure-honest.ts';

/**
 * Runs and times stage 1 of every honest reply. Call it early in a process that does nothing else, because a large heap slows
 * it down.
 */
export function measureDraws(store: SampleStore, profile: Profile): Stage1Row[] {
  const { maxTokens } = profile;
  const honest = listHonestExperiments(profile);
  const sources = [...new Set(honest.map((experiment) => sourceId(experiment, maxTokens)))];
  return sources
    .filter((source) => store.listSeeds(source).length > 0)
    .map((source) =>
      measureStage1(
        source,
        store.listSeeds(source).map((sampleSeed) => {
          const sample = store.readServed(source, sampleSeed)!;
          const startedMs = performance.now();
          const replayed = replaySample(crypto, sample);
          const elapsedMs = performance.now() - startedMs;
          const { header, checks = [] } = replayed?.replay ?? {};
          // As for attacks, the checks of the intake count too.
          const all =
            header === undefined
              ? checks
              : [...checkSampleHeader(crypto, sample, { header, contextSize: CONTEXT }), ...checks];
          const stage1 = all.find(({ status }) => status === 'fail')?.id;
          return { stage1: replayed ? stage1 : 'opening', tokens: replayed?.record.tokenCount ?? 0, elapsedMs };
        }),
      ),
    );
}
