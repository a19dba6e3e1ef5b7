import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { measureBusy } from './busy-time.ts';
import { createRequest, findFullReplies, makeReply, scoreReply, timeBare } from './engine-timing.ts';
import { chat } from './prefix-rows.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

interface TiledBench {
  readonly path: string;
  readonly name: string;
  /** Lengths of the prompts. */
  readonly prompts: readonly number[];
  readonly outputTokens: number;
  readonly rounds: number;
}

const CONTEXT = 1024;

/** Measures long prompts in the class with tiles, without tiles and in the bare library, and the cost of an audit there. */
export async function measureTiled(bench: TiledBench): Promise<Row[]> {
  // The same reply is scored again and again: none of these scores may begin where another ended.
  const settings = { modelPath: bench.path, threads: 1, contextSize: CONTEXT, sequences: 1, prefixCache: false };
  const tiled = await createLlamaEngine({ ...settings, kernels: 'tiled' });
  const exact = await createLlamaEngine({ ...settings, kernels: 'exact' });
  try {
    const rows: Row[] = [];
    for (const promptTokens of bench.prompts) {
      rows.push(...(await measurePrompt(bench, promptTokens, { tiled, exact })));
      rows.push(...(await measureAudit(bench, promptTokens, { tiled, exact })));
    }
    return [...rows, await measureChat(bench)];
  } finally {
    await Promise.all([tiled.close(), exact.close()]);
  }
}

const CHAT_REPLY_TOKENS = 96;

/** The rows of a reply ran untiled, so that a tiled prompt computes them again, which the class without tiles finds in its cache. */
async function measureChat({ path, name, rounds }: TiledBench): Promise<Row> {
  const settings = { modelPath: path, threads: 1, contextSize: CONTEXT, sequences: 1 };
  const tiled = await createLlamaEngine({ ...settings, kernels: 'tiled' });
  const exact = await createLlamaEngine({ ...settings, kernels: 'exact' });
  try {
    const time = (engine: LlamaEngine) => async (round: number) => {
      const { result, ms } = await measureBusy(engine.pid(), () => chat(engine, 1000 * round, CHAT_REPLY_TOKENS));
      // Both answer alike only where every bit is alike, which no two classes are: compare what one token of an answer cost.
      return ms / result.reduce((sum, { output }) => sum + output.length, 0);
    };
    const measures = { tiled: time(tiled), exact: time(exact) };
    await measureInTurn(1, measures);
    const times = await measureInTurn(rounds, measures);
    return {
      id: `tiled-chat-${name}`,
      what: `${name}: a chat of four turns with the cache of prefixes, time for each token of the answers, tiled class / class without tiles`,
      value: pairedRatio(times.tiled, times.exact),
      unit: 'x',
      note: `${median(times.tiled).toFixed(2)} against ${median(times.exact).toFixed(2)} ms; a prompt of 400 tokens, answers of up to ${CHAT_REPLY_TOKENS}, questions of 24; prompts included`,
    };
  } finally {
    await Promise.all([tiled.close(), exact.close()]);
  }
}

interface Engines {
  readonly tiled: LlamaEngine;
  readonly exact: LlamaEngine;
}

async function measurePrompt({ path, name, rounds }: TiledBench, promptTokens: number, engines: Engines) {
  const shape = { promptTokens, outputTokens: 1 };
  const model = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), path);
  const bare = model.createContext({ contextSize: CONTEXT, sequences: 1, threads: 1, batchSize: CONTEXT });
  const time = (engine: LlamaEngine) => async (round: number) =>
    promptTokens /
    (await measureBusy(engine.pid(), () => makeReply(engine, createRequest(engine, shape, 1000 + round)))).ms;
  const measures = {
    tiled: time(engines.tiled),
    exact: time(engines.exact),
    bare: async () => (await timeBare(bare, model.vocabulary.size, shape)).prefill / 1000,
  };
  try {
    await measureInTurn(1, measures);
    const { tiled, exact, bare } = await measureInTurn(rounds, measures);
    const speeds = (other: readonly number[]) =>
      `${(1000 * median(tiled)).toFixed(0)} against ${(1000 * median(other)).toFixed(0)} tokens/s`;
    const what = `${name}: prompt of ${promptTokens} tokens and first token, tiled class /`;
    return [
      {
        ...{ id: `tiled-exact-${promptTokens}-${name}`, what: `${what} class without tiles` },
        ...{ value: pairedRatio(tiled, exact), unit: 'x', note: speeds(exact) },
      },
      {
        ...{ id: `tiled-bare-${promptTokens}-${name}`, what: `${what} bare llama.cpp` },
        ...{ value: pairedRatio(tiled, bare), unit: 'x', aim: { at: 'least', value: 0.95 } as const },
        note: `${speeds(bare)}; its own choice of kernels, weights as they lie in the file, one pass`,
        why: 'in the engine the prompt crosses from the process that asked for it, runs in pieces, and its first token is drawn and committed',
        next: 'longer pieces where no other reply waits',
      },
    ];
  } finally {
    bare.free();
    model.free();
  }
}

/** Prompt and reply scored, against both run as one prompt, and against the class without tiles. */
async function measureAudit(
  { name, rounds, outputTokens }: TiledBench,
  promptTokens: number,
  { tiled, exact }: Engines,
): Promise<Row[]> {
  const shape = { promptTokens, outputTokens };
  const [number = 0] = await findFullReplies(tiled, shape, 1);
  const made = await makeReply(tiled, createRequest(tiled, shape, number));
  const { tokens } = made.request.prompt as { tokens: Uint32Array };
  const whole = { kind: 'tokens' as const, tokens: Uint32Array.of(...tokens, ...made.output) };
  const time = (engine: LlamaEngine, work: () => Promise<unknown>) => async () =>
    (await measureBusy(engine.pid(), work)).ms;
  const measures = {
    tiled: time(tiled, () => scoreReply(tiled, made)),
    exact: time(exact, () => scoreReply(exact, made)),
    prompt: time(tiled, () => makeReply(tiled, { ...made.request, prompt: whole, maxTokens: 1 })),
    made: time(tiled, () => makeReply(tiled, made.request)),
  };
  await measureInTurn(1, measures);
  const times = await measureInTurn(rounds, measures);
  const spent = (other: readonly number[]) =>
    `${median(times.tiled).toFixed(0)} against ${median(other).toFixed(0)} ms`;
  const what = `${name}: time to audit a reply of ${outputTokens} tokens to ${promptTokens}, tiled class /`;
  return [
    {
      id: `rho-tiled-${promptTokens}-${name}`,
      what: `${name}: time to audit a reply of ${outputTokens} tokens to ${promptTokens} / to make it, tiled class`,
      ...{ value: pairedRatio(times.tiled, times.made), unit: 'x', note: `${spent(times.made)}; prompt included` },
    },
    {
      ...{ id: `tiled-audit-exact-${promptTokens}-${name}`, what: `${what} class without tiles` },
      ...{ value: pairedRatio(times.tiled, times.exact), unit: 'x', note: spent(times.exact) },
    },
    {
      ...{ id: `tiled-audit-prompt-${promptTokens}-${name}`, what: `${what} to run all of it as a prompt there` },
      ...{ value: pairedRatio(times.tiled, times.prompt), unit: 'x', note: spent(times.prompt) },
      aim: { at: 'most', value: 1 },
      why: "an audit runs the reply's rows on the reference kernels and wants the logits of each; a prompt wants those of its last row",
      next: 'listing and sketch of a row in one pass over its logits; passes of fewer than 64 rows on the default kernels gained nothing (docs/adr/exact-classes.md)',
    },
  ];
}
