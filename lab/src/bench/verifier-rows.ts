import type { TextScoringRequest } from '@ogong/engine/interface/text';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { decodeDraws, expandRuns } from '@ogong/protocol/modality/text/commitment/window';
import { readAllThreadsMs } from './busy-time.ts';
import { measureInTurn, pairedRatio, type Row } from './row.ts';
import { CONTESTS, createEndlessRequest, explainAbsence, openWays, type ShapeBench } from './shape-ways.ts';

const SHAPES = ['wide', 'narrow', 'single'] as const;

const auditRow = ({ name, promptTokens, outputTokens }: ShapeBench) =>
  ({
    id: `audit-vulkan-${name}`,
    what: `${name} on vulkan: processor time to audit a reply of ${outputTokens} tokens to ${promptTokens} / to run it as a prompt`,
    unit: 'x',
    aim: { at: 'most', value: 1 },
  }) as const;

/**
 * Compares a verifier's score of one reply of each policy with making the reply without any class, and with a prompt of as many
 * tokens. The latter also for a deeper model.
 */
export async function measureVulkanAudits(
  bench: ShapeBench,
  deep: ShapeBench,
  onProgress: (what: string) => void,
): Promise<Row[]> {
  const absence = explainAbsence('vulkan');
  if (absence !== undefined)
    return [bench, deep].map((each) => ({ ...auditRow(each), value: undefined, note: absence }));
  return [...(await measurePolicies(bench, onProgress)), await measureAudit(deep, onProgress)];
}

/** The wide class alone. */
async function measureAudit(bench: ShapeBench, onProgress: (what: string) => void): Promise<Row> {
  await using opened = await openWays(
    bench,
    [{ id: 'wide', what: `wide, ${bench.name}`, options: { backend: 'vulkan', shapes: 'wide' } as const }],
    onProgress,
  );
  const [{ engine }] = opened.ways as [(typeof opened.ways)[number]];
  const reply = await claimReply(engine, bench);
  const measures = {
    wide: () => timeMs(engine, () => engine.score(reply)),
    prompt: () => timeMs(engine, () => runAsPrompt(engine, bench, reply)),
  };
  onProgress(`${bench.rounds} rounds, and one to warm up`);
  await measureInTurn(1, measures);
  return describeAudit(bench, await measureInTurn(bench.rounds, measures));
}

const describeAudit = (bench: ShapeBench, samples: Readonly<Record<'wide' | 'prompt', readonly number[]>>): Row => ({
  ...auditRow(bench),
  value: pairedRatio(samples.wide, samples.prompt),
  note: 'wide class',
  why: 'an audit computes the last layer and the head at every position, a prompt only at one',
  next: 'the rows of a prompt and of its reply in one pass, where both fit',
});

async function measurePolicies(bench: ShapeBench, onProgress: (what: string) => void): Promise<Row[]> {
  const policies = ['wide', 'mixed', 'single'] as const;
  await using opened = await openWays(
    bench,
    [
      ...CONTESTS.vulkan.baselines,
      ...policies.map((shapes) => ({
        ...{ id: shapes, what: shapes },
        options: { backend: 'vulkan', shapes, drafts: 0 } as const,
      })),
    ],
    onProgress,
  );
  const engineOf = (id: string) => opened.ways.find((way) => way.id === id)?.engine as LlamaEngine;
  const [plain, wide, mixed, single] = ['plain', ...policies].map(engineOf) as [
    LlamaEngine,
    LlamaEngine,
    LlamaEngine,
    LlamaEngine,
  ];
  onProgress('a reply of each policy');
  const ofWide = await claimReply(wide, bench);
  const ofNarrow = await claimReply(mixed, bench);
  const ofSingle = await claimReply(single, bench);
  // One engine scores all replies. Only the class of their rows differs.
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
  const scores = SHAPES.flatMap((shape): Row[] => [
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
  return [...scores, describeAudit(bench, samples)];
}

/** Runs prompt and reply as one prompt, and draws a single token. */
async function runAsPrompt(engine: LlamaEngine, bench: ShapeBench, reply: TextScoringRequest): Promise<void> {
  const request = createEndlessRequest(engine, bench, 0, 'ordinary');
  const tokens = Uint32Array.from([...reply.promptTokens, ...reply.outputTokens]);
  for await (const _ of engine.generate({ ...request, prompt: { kind: 'tokens', tokens }, maxTokens: 1 })) {
    // Read to the end.
  }
}

async function timeMs(engine: LlamaEngine, work: () => Promise<unknown>): Promise<number> {
  const before = readAllThreadsMs(engine.pid() as number);
  await work();
  return readAllThreadsMs(engine.pid() as number) - before;
}

async function claimReply(engine: LlamaEngine, bench: ShapeBench): Promise<TextScoringRequest> {
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
