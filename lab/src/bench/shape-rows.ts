import { homedir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { explainVulkanAbsence } from '@ogong/engine/llama-cpp/vulkan-build';
import { readAllThreadsMs } from './busy-time.ts';
import { createRequest, findFullReplies, makeReply } from './engine-timing.ts';
import { measureInTurn, pairedRatio, type Row } from './row.ts';

export interface ShapeBench {
  readonly path: string;
  readonly name: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly rounds: number;
}

const STREAMS = [1, 4, 8];
const TOGETHER = 8;

interface Way {
  readonly id: string;
  readonly what: string;
  readonly options: Partial<LlamaEngineOptions>;
}

const WAYS: Readonly<Record<'cpu' | 'vulkan', readonly Way[]>> = {
  cpu: [{ id: 'exact', what: 'exact class', options: {} }],
  vulkan: [
    { id: 'wide', what: 'wide passes only', options: { backend: 'vulkan', shapes: 'wide' } },
    { id: 'mixed', what: 'narrow and wide passes', options: { backend: 'vulkan', shapes: 'mixed' } },
  ],
};

/** What keeping every pass inside its class costs against the library's own choice, by how many replies run together. */
export async function measureShapes(bench: ShapeBench, backend: 'cpu' | 'vulkan'): Promise<Row[]> {
  const absence = backend === 'vulkan' ? explainVulkanAbsence(join(homedir(), '.ogong', 'engine')) : undefined;
  if (absence !== undefined) {
    return WAYS[backend].map(({ id, what }) => ({
      id: `in-class-${backend}-${id}`,
      what: `${bench.name} on ${backend}: decode in class (${what}) / unbound`,
      value: undefined,
      unit: 'x',
      note: absence,
    }));
  }
  const settings = { modelPath: bench.path, threads: 1, contextSize: 256, sequences: TOGETHER };
  const plain = await createLlamaEngine({
    ...settings,
    ...{ backend, kernels: 'plain', flashAttention: backend === 'cpu' },
  });
  const engines: LlamaEngine[] = [plain];
  try {
    const ways = [];
    for (const way of WAYS[backend]) {
      const engine = await createLlamaEngine({ ...settings, ...way.options });
      engines.push(engine);
      ways.push({ ...way, engine });
    }
    const rows: Row[] = [];
    for (const streams of STREAMS) {
      const measures = Object.fromEntries(
        [{ id: 'plain', engine: plain }, ...ways].map(({ id, engine }) => [
          id,
          () => timeStreams(engine, bench, streams),
        ]),
      );
      const samples = await measureInTurn(bench.rounds, measures);
      for (const { id, what } of ways) {
        rows.push({
          id: `in-class-${backend}-${id}-${streams}`,
          what: `${bench.name} on ${backend}, ${streams} together: decode in class (${what}) / unbound, ${bench.outputTokens} tokens`,
          value: pairedRatio(samples[id] as number[], samples.plain as number[]),
          unit: 'x',
          note: 'tokens per second of processor time; unbound: the same weights and attention, passes as they come, nothing to reproduce',
        });
      }
    }
    return rows;
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

/** Tokens per second of all the child's threads, prompts and first tokens left out. */
async function timeStreams(engine: LlamaEngine, bench: ShapeBench, streams: number): Promise<number> {
  const numbers = await findFullReplies(engine, bench, streams);
  const run = async (maxTokens: number): Promise<number> => {
    const before = readAllThreadsMs(engine.pid() as number);
    await Promise.all(
      numbers.map((number) => makeReply(engine, { ...createRequest(engine, bench, number), maxTokens })),
    );
    return readAllThreadsMs(engine.pid() as number) - before;
  };
  const first = await run(1);
  const full = await run(bench.outputTokens);
  return (1000 * streams * (bench.outputTokens - 1)) / Math.max(1, full - first);
}
