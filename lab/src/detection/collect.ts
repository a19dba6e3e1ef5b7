import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { type CollectProgress, collectReports, collectServed } from '@ogong/node/calibration/collect';
import type { SampleStore } from '@ogong/node/calibration/sample-store';
import { createNodeHybridSigner } from '@ogong/node/crypto/signers';
import { nobleCrypto as crypto } from '@ogong/protocol/noble';
import { type Experiment, seedsOf } from './experiments.ts';
import { findSetup } from './setups.ts';

export interface CollectContext {
  readonly store: SampleStore;
  readonly models: Readonly<Record<string, string>>;
  readonly maxTokens: number;
  readonly onProgress: (progress: CollectProgress) => void;
}

/** Replies differ by who served them and how long they may be. */
export const sourceId = ({ weights, source, provider }: Experiment, maxTokens: number): string =>
  `${weights}/${source}/${provider}/${maxTokens}`;
export const verifierId = ({ weights, verifier }: Experiment): string => `${weights}/${verifier}`;

const signer = createNodeHybridSigner(new Uint8Array(64).fill(21));
/** Replies served at a time where that changes no bit. */
const SEQUENCES = 8;

/** Serves and scores what the store lacks of one honest experiment. */
export async function collectHonest(experiment: Experiment, context: CollectContext): Promise<void> {
  const { store, models, maxTokens, onProgress } = context;
  const source = sourceId(experiment, maxTokens);
  const seeds = seedsOf(experiment);
  const modelPath = models[experiment.weights] as string;
  const provider = findSetup(experiment.provider);
  const served = new Set(store.listSeeds(source));
  if (seeds.some((seed) => !served.has(seed))) {
    const sequences = provider.isExact ? SEQUENCES : 1;
    const engine = await createLlamaEngine({ modelPath, ...provider.settings, sequences });
    try {
      const plan = { maxTokens };
      await collectServed({ store, source, seeds, engine, crypto, signer, plan, concurrency: sequences, onProgress });
    } finally {
      await engine.close();
    }
  }
  const verifier = verifierId(experiment);
  if (store.listSeeds(source).every((seed) => !seeds.includes(seed) || store.hasReport(source, verifier, seed))) return;
  const { settings } = findSetup(experiment.verifier);
  const engine = await createLlamaEngine({ modelPath, ...settings, sequences: 1 });
  try {
    await collectReports({ store, source, verifier, seeds, engine, crypto, onProgress });
  } finally {
    await engine.close();
  }
}
