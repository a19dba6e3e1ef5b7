// npm run detect: does a check separate the model that was asked for from anything cheaper?
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { resolveModel } from '@ogong/engine/models/resolve';
import { openSampleStore } from '@ogong/node/calibration/sample-store';
import { collectHonest } from './collect.ts';
import { listHonestExperiments, PROFILES, SOLD_WEIGHTS } from './experiments.ts';

const profile = PROFILES[(process.argv[2] ?? 'quick') as keyof typeof PROFILES];
const directory = join(homedir(), '.ogong', 'detect');
mkdirSync(directory, { recursive: true });
const models: Record<string, string> = {};
for (const weights of SOLD_WEIGHTS) {
  models[weights] = (
    await resolveModel('stories15M', { quant: weights, storeDir: join(homedir(), '.ogong', 'models') })
  ).path;
}
const store = openSampleStore(join(directory, 'samples.sqlite'));
const experiments = listHonestExperiments(profile);
let next = 0;
const run = async (): Promise<void> => {
  while (next < experiments.length) {
    const experiment = experiments[next++]!;
    const name = `${experiment.weights} ${experiment.provider} -> ${experiment.verifier}`;
    let last = 0;
    await collectHonest(experiment, {
      store,
      models,
      maxTokens: profile.maxTokens,
      onProgress({ done, total, verifier }) {
        if (done - last < 100 && done !== total) return;
        last = done;
        console.error(`${name}: ${verifier ? 'scored' : 'served'} ${done} of ${total}`);
      },
    });
  }
};
await Promise.all([run(), run()]);
console.log(JSON.stringify(store.listPairs(), undefined, 2));
store.close();
