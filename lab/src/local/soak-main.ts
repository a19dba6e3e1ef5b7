// Keeps local mode busy for a while, the bad with the good, and says whether its memory stayed flat and its slots came back.
// `npm run soak -- --minutes 30`
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { readTreeMemory } from '../bench/process-memory.ts';
import { labModelsDir } from '../lab-models.ts';
import { startLocalProgram } from './local-program.ts';
import { actOnce, countAnswers } from './soak-load.ts';
import { judgeSoak } from './soak-verdict.ts';

const SLOTS = 4;
/** More than there are slots, so that some wait. */
const WORKERS = 6;
const SAMPLES = 60;
const PATIENCE_MS = 60_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run soak -- [--minutes 30] [--seed 1]');
  process.exit(2);
}

const modelsDir = labModelsDir();
const { path: modelPath } = await resolveModel('stories260K', { storeDir: modelsDir });
const program = await startLocalProgram({ modelPath, modelsDir, sequences: SLOTS });
const tools = { base: program.base, model: 'stories260K', random: createSeededRandom(seed) };
const endMs = performance.now() + minutes * 60_000;
const counts = new Map<string, number>();
const problems: string[] = [];
const memoryMib: number[] = [];

async function work(): Promise<void> {
  while (performance.now() < endMs) {
    const { action, problem } = await actOnce(tools);
    counts.set(action, (counts.get(action) ?? 0) + 1);
    if (problem !== undefined) problems.push(`${action}: ${problem}`);
  }
}

async function watch(): Promise<void> {
  const everyMs = (minutes * 60_000) / SAMPLES;
  for (let i = 0; i < SAMPLES; i++) {
    await delay(everyMs);
    const [mib] = readTreeMemory([program.pid]) ?? [];
    if (mib !== undefined) memoryMib.push(mib);
    if (i % 10 === 9)
      console.error(`soak: ${Math.round(((i + 1) * minutes * 60) / SAMPLES)} s, ${mib?.toFixed(0)} MiB`);
  }
}

console.error(`soak: ${minutes} minutes, seed ${seed}`);
await Promise.all([watch(), ...Array.from({ length: WORKERS }, work)]);
const answered = await countAnswers(tools, SLOTS, PATIENCE_MS);
await program.stop();
const turns = [...counts.values()].reduce((sum, count) => sum + count, 0);
const failures = judgeSoak({ memoryMib, turns, problems, answered, slots: SLOTS });
console.log(
  JSON.stringify({
    minutes,
    seed,
    turns,
    ...Object.fromEntries(counts),
    memoryMib: memoryMib.map(Math.round),
    answered,
    failures,
  }),
);
process.exitCode = failures.length === 0 ? 0 : 1;
