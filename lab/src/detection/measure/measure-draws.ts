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
 * Stage 1 of every honest reply that was served, whoever checks it. Timed: for a process that does nothing besides, and has
 * nothing on its heap yet.
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
          // As attacks are counted: what the intake checks is part of it.
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
