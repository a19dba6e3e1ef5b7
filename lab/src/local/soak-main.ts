// Keeps local mode busy for a while, the bad with the good, and says whether its memory stayed flat and its slots came back.
// `npm run soak -- --minutes 30`
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { MemorySample } from '../bench/network/memory-verdict.ts';
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
const directory = mkdtempSync(join(tmpdir(), 'ogong-soak-'));
const samples = join(directory, 'held');
writeFileSync(samples, '0');
const everyMs = Math.round((minutes * 60_000) / SAMPLES);
const probe = new URL('./memory-probe.ts', import.meta.url);
probe.search = new URLSearchParams({ file: samples, everyMs: String(everyMs) }).toString();
const env = { NODE_OPTIONS: `--import=${probe}` };
const program = await startLocalProgram({ modelPath, modelsDir, sequences: SLOTS, env });
const tools = { base: program.base, model: 'stories260K', random: createSeededRandom(seed) };
const endMs = performance.now() + minutes * 60_000;
const counts = new Map<string, number>();
const problems: string[] = [];

async function work(): Promise<void> {
  while (performance.now() < endMs) {
    const { action, problem } = await actOnce(tools);
    counts.set(action, (counts.get(action) ?? 0) + 1);
    if (problem !== undefined) problems.push(`${action}: ${problem}`);
  }
}

const memory: MemorySample[] = [];

async function watch(): Promise<void> {
  for (let i = 1; i <= SAMPLES; i++) {
    await delay(everyMs);
    const [residentMib] = readTreeMemory([program.pid]) ?? [];
    const held = Number(readFileSync(samples, 'utf8'));
    if (residentMib === undefined || held === 0) continue;
    const last = { liveMib: held / 2 ** 20, residentMib };
    memory.push(last);
    if (i % 10 > 0) continue;
    const shown = `${last.liveMib.toFixed(1)} MiB held, ${last.residentMib.toFixed(0)} MiB resident`;
    console.error(`soak: ${Math.round((i * everyMs) / 1000)} s, ${shown}`);
  }
}

console.error(`soak: ${minutes} minutes, seed ${seed}`);
await Promise.all([watch(), ...Array.from({ length: WORKERS }, work)]);
const answered = await countAnswers(tools, SLOTS, PATIENCE_MS);
await program.stop();
const turns = [...counts.values()].reduce((sum, count) => sum + count, 0);
rmSync(directory, { recursive: true });
const failures = judgeSoak({ memory, turns, problems, answered, slots: SLOTS });
console.log(
  JSON.stringify({
    minutes,
    seed,
    turns,
    ...Object.fromEntries(counts),
    liveMib: memory.map(({ liveMib }) => Number(liveMib.toFixed(1))),
    residentMib: memory.map(({ residentMib }) => Math.round(residentMib)),
    answered,
    failures,
  }),
);
process.exitCode = failures.length === 0 ? 0 : 1;
