import type { ScoreRequest } from '@ogong/engine/engine';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { decodeDraws, expandRuns } from '@ogong/protocol/window';
import { readAllThreadsMs } from './busy-time.ts';
import { measureInTurn, pairedRatio, type Row } from './row.ts';
import { CONTESTS, createEndlessRequest, explainAbsence, openWays, type ShapeBench } from './shape-ways.ts';

/**
 * What a verifier pays for one reply of each policy: its score, against the making of the reply out of any class, and against
 * a prompt of as many tokens.
 */
export async function measureVulkanAudits(bench: ShapeBench, onProgress: (what: string) => void): Promise<Row[]> {
  const auditRow = {
    id: 'audit-vulkan',
    what: `${bench.name} on vulkan: processor time to audit a reply of ${bench.outputTokens} tokens to ${bench.promptTokens} / to run all of it as a prompt, first token included`,
    unit: 'x',
    aim: { at: 'most', value: 1 },
  } as const;
  const absence = explainAbsence('vulkan');
  if (absence !== undefined) return [{ ...auditRow, value: undefined, note: absence }];
  const { baselines, ways } = CONTESTS.vulkan;
  const wanted = ['plain', 'wide', 'mixed', 'single'];
  await using opened = await openWays(
    bench,
    [...baselines, ...ways].filter(({ id }) => wanted.includes(id)),
    onProgress,
  );
  const engineOf = (id: string) => opened.ways.find((way) => way.id === id)?.engine as LlamaEngine;
  const [plain, wide, mixed, single] = wanted.map(engineOf) as [LlamaEngine, LlamaEngine, LlamaEngine, LlamaEngine];
  onProgress('a reply of each policy');
  const ofWide = await claimReply(wide, bench);
  const ofNarrow = await claimReply(mixed, bench);
  const ofSingle = await claimReply(single, bench);
  // One engine scores all: it is the class of the rows that differs.
  const measures = {
    made: () => timeMs(plain, () => claimReply(plain, bench)),
    wideMade: () => timeMs(wide, () => claimReply(wide, bench)),
    narrowMade: () => timeMs(mixed, () => claimReply(mixed, bench)),
    singleMade: () => timeMs(single, () => claimReply(single, bench)),
    wide: () => timeMs(wide, () => wide.score(ofWide)),
    narrow: () => timeMs(wide, () => wide.score(ofNarrow)),
    single: () => timeMs(wide, () => wide.score(ofSingle)),
    prompt: () => timeMs(wide, () => runAsPrompt(wide, bench, ofWide)),
  };
  onProgress(`${Object.keys(measures).length} measures in ${bench.rounds} rounds, and one to warm up`);
  await measureInTurn(1, measures);
  const samples = await measureInTurn(bench.rounds, measures);
  const audit: Row = {
    ...auditRow,
    value: pairedRatio(samples.wide, samples.prompt),
    note: 'wide class',
    why: 'lists and sketches of every position, which a prompt does without',
    next: 'where the time of both goes, on a real GPU',
  };
  const scores = (['wide', 'narrow', 'single'] as const).flatMap((shape): Row[] => [
    {
      id: `verify-vulkan-${shape}`,
      what: `${bench.name} on vulkan: score of a ${shape} reply / making it out of class, ${bench.outputTokens} tokens, prompts included`,
      value: pairedRatio(samples[shape], samples.made),
      unit: 'x',
      note: 'processor time',
    },
    {
      id: `make-and-verify-vulkan-${shape}`,
      what: `${bench.name} on vulkan: making a ${shape} reply and one score of it / making it out of class`,
      value: pairedRatio(
        samples[`${shape}Made`].map((ms, round) => ms + (samples[shape][round] as number)),
        samples.made,
      ),
      unit: 'x',
      note: 'processor time, one reply at a time',
    },
  ]);
  return [...scores, audit];
}

/** Nothing of it drawn but one token. */
async function runAsPrompt(engine: LlamaEngine, bench: ShapeBench, reply: ScoreRequest): Promise<void> {
  const request = createEndlessRequest(engine, bench, 0, 'ordinary');
  const tokens = Uint32Array.from([...reply.promptTokens, ...reply.outputTokens]);
  for await (const _ of engine.generate({ ...request, prompt: { kind: 'tokens', tokens }, maxTokens: 1 })) {
    // To its end.
  }
}

async function timeMs(engine: LlamaEngine, work: () => Promise<unknown>): Promise<number> {
  const before = readAllThreadsMs(engine.pid() as number);
  await work();
  return readAllThreadsMs(engine.pid() as number) - before;
}

async function claimReply(engine: LlamaEngine, bench: ShapeBench): Promise<ScoreRequest> {
  const request = createEndlessRequest(engine, bench, 0, 'ordinary');
  const { vocabularySize, numericClass } = engine.info();
  const listSizes: number[] = [];
  const shapeClasses: number[] = [];
  let outputTokens = new Uint32Array(0);
  for await (const event of engine.generate(request)) {
    if (event.kind === 'end') outputTokens = Uint32Array.from(event.outputTokens);
    if (event.kind !== 'window') continue;
    const { rows, runs } = decodeDraws(event.window.draws, { vocabularySize });
    listSizes.push(...rows.map(({ ids }) => ids.length));
    shapeClasses.push(...expandRuns(runs));
  }
  return {
    promptTokens: (request.prompt as { tokens: Uint32Array }).tokens,
    outputTokens,
    ...{ sampler: request.sampler, bias: request.bias, sketch: request.sketch, numericClass },
    listSizes: Uint8Array.from(listSizes),
    shapeClasses: Uint8Array.from(shapeClasses),
  };
}
