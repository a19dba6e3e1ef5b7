import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedModel } from '@ogong/models/resolve';
import { startLocalProgram, timeCommand } from '../local/local-program.ts';
import { askLocal, type TimedAnswer } from './local-answer.ts';
import { measureLocalSpeed } from './local-speed-rows.ts';
import { readTreeMemory } from './process-memory.ts';
import { median, type Row } from './row.ts';

const ROUNDS = 5;
const TOKENS = 96;
const PROMPT = 'Once upon a time';
const TOGETHER = 8;
const ASKED = 20;

/** Measures the cost of local mode and of the commands on one machine. */
export async function measureLocal({ path }: ResolvedModel, modelsDir: string): Promise<Row[]> {
  const starts: number[] = [];
  const firsts: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const program = await startLocalProgram({ modelPath: path, modelsDir, sequences: TOGETHER });
    starts.push(program.startMs);
    firsts.push(program.startMs + (await askLocal(program.base, PROMPT, { seed: i, tokens: TOKENS })).firstMs);
    await program.stop();
  }
  const program = await startLocalProgram({ modelPath: path, modelsDir, sequences: TOGETHER });
  const [idle] = readTreeMemory([program.pid]) ?? [];
  const ask = (seed: number) => askLocal(program.base, PROMPT, { seed, tokens: TOKENS });
  await ask(0);
  const alone: TimedAnswer[] = [];
  for (let i = 0; i < ASKED; i++) alone.push(await ask(i));
  const together: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const startedMs = performance.now();
    const answers = await Promise.all(Array.from({ length: TOGETHER }, (_, j) => ask(100 * i + j)));
    const tokens = answers.reduce((sum, each) => sum + each.tokens, 0);
    together.push((tokens * 1000) / (performance.now() - startedMs));
  }
  const [busy] = readTreeMemory([program.pid]) ?? [];
  await program.stop();
  const dataDir = mkdtempSync(join(tmpdir(), 'ogong-bench-'));
  const runs: number[] = [];
  const lists: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const place = ['--data-dir', dataDir, '--models-dir', modelsDir];
    lists.push(await timeCommand(['list', ...place]));
    runs.push(await timeCommand(['run', `file:${path}`, 'Once', ...place, '--n-ctx', '64']));
  }
  rmSync(dataDir, { recursive: true });
  const rounds = `median of ${ROUNDS}`;
  return [
    {
      id: 'local-start',
      what: 'local mode from its start to ready, model loaded',
      value: median(starts),
      unit: 'ms',
      note: rounds,
    },
    {
      id: 'local-start-first',
      what: 'local mode from its start to the first token of the first answer',
      value: median(firsts),
      unit: 'ms',
      note: rounds,
    },
    {
      ...{ id: 'local-first', what: 'local mode, time to first token over HTTP, p50' },
      ...{
        value: median(alone.map(({ firstMs }) => firstMs)),
        unit: 'ms',
        note: `${ASKED} answers, one after the other`,
      },
    },
    {
      ...{ id: 'local-alone', what: `local mode, one answer of ${TOKENS} tokens over HTTP` },
      ...{
        value: median(alone.map(({ tokens, totalMs }) => (1000 * tokens) / totalMs)),
        unit: 'tokens/s',
        note: 'p50',
      },
    },
    {
      ...{ id: 'local-together', what: `local mode, ${TOGETHER} answers of ${TOKENS} tokens at once over HTTP` },
      ...{ value: median(together), unit: 'tokens/s', note: rounds },
    },
    {
      id: 'local-memory',
      what: 'memory of local mode with its engine',
      value: idle,
      unit: 'MiB',
      note: 'resident, before the first answer',
    },
    {
      ...{ id: 'local-memory-busy', what: 'memory of local mode with its engine, after answers' },
      ...{ value: busy, unit: 'MiB', note: `resident, after ${ASKED + ROUNDS * TOGETHER + 1} answers` },
    },
    {
      id: 'local-list',
      what: 'ogong-provider list, by the wall clock',
      value: median(lists),
      unit: 'ms',
      note: rounds,
    },
    {
      ...{
        id: 'local-run',
        what: 'ogong-provider run with a prompt and no server, by the wall clock',
        value: median(runs),
      },
      ...{ unit: 'ms', note: `${rounds}; engine started, context of 64 tokens filled` },
    },
    ...(await measureLocalSpeed(path, modelsDir)),
  ];
}
