import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { type LlamaModel, openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { measureBusy } from './busy-time.ts';
import {
  createRequest,
  findFullReplies,
  type MadeReply,
  makeReply,
  type ReplyShape,
  runForced,
  type Speed,
  scoreReply,
  timeBare,
  timeEngine,
} from './engine-timing.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

export interface EngineBench extends ReplyShape {
  readonly path: string;
  readonly name: string;
  readonly rounds: number;
}

const THREADS = 1;
const CONTEXT = 256;
const TOGETHER = 8;

/** Speed against the bare library, against itself without commitment and without exactness; cost of a check. */
export async function measureEngine(bench: EngineBench): Promise<Row[]> {
  // The same reply is scored again and again: none of these scores may begin where another ended.
  const settings = { modelPath: bench.path, threads: THREADS, contextSize: CONTEXT, prefixCache: false };
  const engine = await createLlamaEngine({ ...settings, sequences: TOGETHER });
  const fastest = await createLlamaEngine({ ...settings, sequences: 1, isa: 'native', kernels: 'fast' });
  const library = loadLlama(findLlamaBuild(), 'auto');
  const free = openLlamaModel(library, bench.path, { repack: true });
  const exact = openLlamaModel(library, bench.path);
  try {
    const numbers = await findFullReplies(engine, bench, TOGETHER);
    return [
      ...(await measureSpeed(bench, { engine, fastest, free, exact, numbers })),
      await measureScore(bench, { engine, numbers: numbers.slice(0, 1) }),
      await measureScore(bench, { engine, numbers }),
      ...(await measureAudit(bench, { engine, exact, number: numbers[0] as number })),
    ];
  } finally {
    free.free();
    exact.free();
    await Promise.all([engine.close(), fastest.close()]);
  }
}

interface Subjects {
  readonly engine: LlamaEngine;
  readonly fastest: LlamaEngine;
  /** The bare library with its own choice of kernels, and with those of the exact class. */
  readonly free: LlamaModel;
  readonly exact: LlamaModel;
  readonly numbers: readonly number[];
}

async function measureSpeed(bench: EngineBench, { engine, fastest, free, exact, numbers }: Subjects): Promise<Row[]> {
  const { name, rounds, promptTokens, outputTokens } = bench;
  const { vocabularySize } = engine.info();
  const options = { contextSize: CONTEXT, sequences: 1, threads: THREADS, batchSize: 256 };
  const contexts = { free: free.createContext(options), exact: exact.createContext(options) };
  const requestOf = (round: number) => createRequest(engine, bench, numbers[round % numbers.length] as number);
  const measures = {
    engine: (round: number) => timeEngine(engine, requestOf(round)),
    uncommitted: (round: number) => timeEngine(engine, { ...requestOf(round), commit: false }),
    fastest: (round: number) => timeEngine(fastest, requestOf(round)),
    bare: () => timeBare(contexts.free, vocabularySize, bench),
    sameKernels: () => timeBare(contexts.exact, vocabularySize, bench, { referencePrefill: true }),
  };
  await measureInTurn(1, measures);
  const samples = await measureInTurn(rounds, measures);
  contexts.free.free();
  contexts.exact.free();
  const compare = (phase: keyof Speed, other: Exclude<keyof typeof samples, 'engine'>, remark?: string) => {
    const [ours, theirs] = [samples.engine, samples[other]].map((all) => all.map((speed) => speed[phase])) as [
      number[],
      number[],
    ];
    const speeds = `${median(ours).toFixed(0)} against ${median(theirs).toFixed(0)} tokens/s`;
    return { value: pairedRatio(ours, theirs), unit: 'x', note: remark ? `${speeds}; ${remark}` : speeds };
  };
  const least = (value: number) => ({ at: 'least', value }) as const;
  return [
    {
      id: `decode-${name}`,
      what: `${name}: decode with commitment / bare llama.cpp, ${outputTokens} tokens, ${THREADS} thread`,
      ...compare('decode', 'bare', 'llama.cpp with its own choice of kernels, which samples nothing'),
      aim: least(0.97),
      ...(engine.info().numericClass.includes('/exact-2/')
        ? {
            why: 'float weights run a single row twice, because its own kernel matches no pass of several rows. The library takes about three times as long for two rows as for one',
            next: 'the class exact-single, whose rows stand under Single rows of float weights',
          }
        : {
            why: `sampling, capture, commitment and events add to each token, less in larger models; the rest of the gap is the choice of kernels`,
            next: 'sketches of several steps in one product, and text of several tokens in one event',
          }),
    },
    {
      id: `decode-same-kernels-${name}`,
      what: `${name}: the same against bare llama.cpp with the same kernels`,
      ...compare('decode', 'sameKernels', 'the cost of sampling, capture, commitment and events'),
    },
    {
      id: `prefill-${name}`,
      what: `${name}: prompt of ${promptTokens} tokens and first token / bare llama.cpp`,
      ...compare('prefill', 'bare'),
      aim: least(0.95),
      why: 'prompts run the slower reference kernels, so that verifiers can reproduce a reply bit for bit; against the same kernels see the next row',
      next: 'the class with tiled prompts by default, whose rows stand under Tiled prompts',
    },
    {
      id: `prefill-same-kernels-${name}`,
      what: `${name}: the same against bare llama.cpp with the reference kernels`,
      ...compare('prefill', 'sameKernels'),
    },
    {
      id: `commitment-${name}`,
      what: `${name}: decode with commitment / without`,
      ...compare('decode', 'uncommitted', 'the same tokens in both; without: no sketch, no windows'),
      aim: least(0.99),
      why: 'sketches and windows are computed, encoded and sent; the machine was shared while it was measured',
    },
    {
      id: `exact-decode-${name}`,
      what: `${name}: decode in the exact, portable class / with what llama.cpp would choose on this machine`,
      ...compare('decode', 'fastest'),
    },
    {
      id: `exact-prefill-${name}`,
      what: `${name}: prompt, the same comparison`,
      ...compare('prefill', 'fastest'),
    },
  ];
}

/**
 * rho: the time to check a reply over the time to make it. The time for the prompt is measured with replies of one token and
 * subtracted from both.
 */
async function measureScore(
  bench: EngineBench,
  { engine, numbers }: { engine: LlamaEngine; numbers: readonly number[] },
): Promise<Row> {
  const { name, rounds, promptTokens, outputTokens } = bench;
  const run = async (maxTokens: number): Promise<{ madeMs: number; scoredMs: number }> => {
    const make = (number: number): Promise<MadeReply> =>
      makeReply(engine, { ...createRequest(engine, bench, number), maxTokens });
    const made = await measureBusy(engine.pid(), () => Promise.all(numbers.map(make)));
    const scored = await measureBusy(engine.pid(), () =>
      Promise.all(made.result.map((reply) => scoreReply(engine, reply))),
    );
    return { madeMs: made.ms, scoredMs: scored.ms };
  };
  const measures = { first: () => run(1), full: () => run(outputTokens) };
  await measureInTurn(1, measures);
  const { first, full } = await measureInTurn(Math.ceil(rounds / 2), measures);
  const whole = full.map(({ madeMs, scoredMs }) => scoredMs / madeMs);
  const rho = full.map(({ madeMs, scoredMs }, i) => {
    const without = first[i] as (typeof first)[0];
    return (scoredMs - without.scoredMs) / (madeMs - without.madeMs);
  });
  const sequences = numbers.length === 1 ? '1 reply' : `${numbers.length} replies made together`;
  return {
    id: `rho-${numbers.length}-${name}`,
    what: `${name}: rho, time to score / to generate, ${sequences}, prompts left out of both`,
    value: median(rho),
    unit: 'x',
    ...(numbers.length === 1 && {
      aim: { at: 'most', value: 0.25 } as const,
      why: 'a score computes logits and candidates of every position, as the reply did. It saves reading the weights once for each token, which matters less in a smaller model',
      next: 'candidates of a position in vector instructions',
    }),
    note: `${median(whole).toFixed(2)} with prompts of ${promptTokens} and replies of ${outputTokens} tokens; a score is one pass of the reference kernels per reply`,
  };
}

/** Compares an audit with a prompt of the same tokens, and with a bare pass that computes the logits of every output token. */
async function measureAudit(
  bench: EngineBench,
  { engine, exact, number }: { readonly engine: LlamaEngine; readonly exact: LlamaModel; readonly number: number },
): Promise<Row[]> {
  const { name, rounds, promptTokens, outputTokens } = bench;
  const request = createRequest(engine, bench, number);
  const made = await makeReply(engine, request);
  const { tokens } = request.prompt as { tokens: Uint32Array };
  const whole = { kind: 'tokens' as const, tokens: Uint32Array.from([...tokens, ...made.output]) };
  const context = exact.createContext({ contextSize: CONTEXT, sequences: 1, threads: THREADS, batchSize: CONTEXT });
  context.useReference(true);
  const measures = {
    score: async () => (await measureBusy(engine.pid(), () => scoreReply(engine, made))).ms,
    prompt: async () =>
      (await measureBusy(engine.pid(), () => makeReply(engine, { ...request, prompt: whole, maxTokens: 1 }))).ms,
    bare: async () => (await measureBusy(undefined, () => runForced(context, tokens, made.output))).ms,
  };
  await measureInTurn(1, measures);
  const { score, prompt, bare } = await measureInTurn(rounds, measures);
  context.free();
  return [
    {
      id: `audit-${name}`,
      what: `${name}: time to audit a reply of ${outputTokens} tokens to ${promptTokens} / to run it as a prompt`,
      value: pairedRatio(score, prompt),
      unit: 'x',
      aim: { at: 'most', value: 1 },
      note: `${median(score).toFixed(0)} against ${median(prompt).toFixed(0)} ms`,
      why: 'an audit runs the output layer at every position of the reply, a prompt only at the last one. It weighs the less the larger the model, whose output layer is a smaller part of it',
      next: 'the output layer for drawn windows alone, where a sample of them is audited',
    },
    {
      id: `audit-logits-${name}`,
      what: `${name}: the same / bare llama.cpp with the reference kernels, the logits of every position of the reply wanted`,
      value: pairedRatio(score, bare),
      unit: 'x',
      note: `${median(score).toFixed(0)} against ${median(bare).toFixed(0)} ms; the difference is lists, sketches and windows`,
    },
  ];
}
