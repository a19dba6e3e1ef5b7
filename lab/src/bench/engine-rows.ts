import { createHash } from 'node:crypto';
import type { Engine, GenerateRequest } from '@ogong/engine/engine';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { type LlamaContext, openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/platform';
import { parseRequest } from '@ogong/protocol/request';
import { decodeDraws } from '@ogong/protocol/window';
import { median, pairedRatio, type Row } from './row.ts';

const OUTPUT = 96;
const PROMPT = 128;
const ROUNDS = 5;
const threads = 1;

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const { sampler } = parseRequest(
  new TextEncoder().encode(JSON.stringify({ model: 'm', prompt: 'x', temperature: 0.8, top_p: 0.95 })),
  'completion',
);

interface Timed {
  readonly tokensPerSecond: number;
  readonly decodeMs: number;
  readonly request: GenerateRequest;
  readonly listSizes: Uint8Array;
  readonly output: Uint32Array;
}

function createRequest(vocabularySize: number, number: number, commit: boolean): GenerateRequest {
  return {
    prompt: {
      kind: 'tokens',
      tokens: Uint32Array.from({ length: PROMPT }, (_, i) => 300 + ((i * 7919 + number) % (vocabularySize - 300))),
    },
    sampler,
    bias: [],
    drawKey: sha256(`key ${number}`),
    maxTokens: OUTPUT,
    stop: [],
    sketch: { bankSeed: sha256('bank'), directions: 16 },
    topLogprobs: 0,
    commit,
  };
}

async function timeReply(engine: Engine, number: number, commit: boolean): Promise<Timed> {
  const { vocabularySize } = engine.info();
  const request = createRequest(vocabularySize, number, commit);
  const sizes: number[] = [];
  for await (const event of engine.generate(request)) {
    if (event.kind === 'window')
      for (const row of decodeDraws(event.window.draws, { vocabularySize }).rows) sizes.push(row.ids.length);
    if (event.kind === 'end') {
      const { decodeMs } = event.timings;
      // The first token falls into the prompt's time.
      const tokensPerSecond = ((event.outputTokens.length - 1) / decodeMs) * 1000;
      return { tokensPerSecond, decodeMs, request, listSizes: Uint8Array.from(sizes), output: event.outputTokens };
    }
  }
  throw new Error('the engine ended without an end event');
}

/** The same library driven bare: no sampling, no capture, only decode calls. */
function bareDecode(context: LlamaContext, vocabularySize: number): number {
  context.clear();
  for (let i = 0; i < PROMPT; i++) context.add(300 + ((i * 7919) % (vocabularySize - 300)), i, 0);
  context.decode(false);
  const start = performance.now();
  for (let i = 0; i < OUTPUT; i++) {
    context.add(300 + ((i * 104_729) % (vocabularySize - 300)), PROMPT + i, 0);
    context.decode(true);
  }
  return (OUTPUT / (performance.now() - start)) * 1000;
}

function barePrefill(context: LlamaContext, vocabularySize: number): number {
  context.clear();
  const start = performance.now();
  for (let i = 0; i < PROMPT; i++) context.add(300 + ((i * 7919) % (vocabularySize - 300)), i, 0);
  context.decode(false);
  return (PROMPT / (performance.now() - start)) * 1000;
}

async function timePrefill(engine: Engine, number: number): Promise<number> {
  const request = { ...createRequest(engine.info().vocabularySize, number, true), maxTokens: 1 };
  for await (const event of engine.generate(request)) {
    if (event.kind === 'end') return (PROMPT / event.timings.promptMs) * 1000;
  }
  throw new Error('the engine ended without an end event');
}

/** Speed of the engine against the bare library and against itself without commitment; cost of a check. */
export async function measureEngine(path: string, name: string): Promise<Row[]> {
  const engine = await createLlamaEngine({ modelPath: path, threads, sequences: 8, contextSize: 256 });
  const library = loadLlama(findLlamaBuild(), 'auto');
  const model = openLlamaModel(library, path);
  const context = model.createContext({ contextSize: 256, sequences: 1, threads, batchSize: 256 });
  const { vocabularySize } = engine.info();
  try {
    let number = 0;
    await timeReply(engine, number++, true);
    bareDecode(context, vocabularySize);
    const decode = await pairedRatio(
      ROUNDS,
      async () => (await timeReply(engine, number++, true)).tokensPerSecond,
      () => bareDecode(context, vocabularySize),
    );
    const prefill = await pairedRatio(
      ROUNDS,
      () => timePrefill(engine, number++),
      () => barePrefill(context, vocabularySize),
    );
    const commitment = await pairedRatio(
      ROUNDS,
      async () => (await timeReply(engine, number++, true)).tokensPerSecond,
      async () => (await timeReply(engine, number++, false)).tokensPerSecond,
    );
    return [
      {
        id: `decode-${name}`,
        what: `decode with commitment / bare llama.cpp decode, ${name}, ${threads} thread`,
        value: decode.ratio,
        unit: 'x',
        aim: { at: 'least', value: 0.9 },
        note: `${decode.a.toFixed(0)} against ${decode.b.toFixed(0)} tokens/s`,
      },
      {
        id: `prefill-${name}`,
        what: `prompt processing / bare llama.cpp prefill, ${name}`,
        value: prefill.ratio,
        unit: 'x',
        aim: { at: 'least', value: 0.9 },
        note: `${prefill.a.toFixed(0)} against ${prefill.b.toFixed(0)} tokens/s; ours runs the exact kernels`,
      },
      {
        id: `commitment-${name}`,
        what: `commitment on / off, ${name}`,
        value: commitment.ratio,
        unit: 'x',
        aim: { at: 'least', value: 0.97 },
        note: 'sampling and draws run in both; what differs is sketch, encoding and transport of windows',
      },
      ...(await measureScore(engine, name, number)),
    ];
  } finally {
    context.free();
    model.free();
    await engine.close();
  }
}

/** rho: time to score a reply over the time that its decoding took, prompts left out of the latter. */
async function measureScore(engine: Engine, name: string, first: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const together of [1, 8]) {
    const ratios: number[] = [];
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      const replies = await Promise.all(
        Array.from({ length: together }, (_, i) => timeReply(engine, first + 1000 * together + 10 * round + i, true)),
      );
      const generated = performance.now() - start;
      const scored = performance.now();
      for (const { request, output, listSizes } of replies) {
        const { exact } = await engine.score({
          promptTokens: (request.prompt as { tokens: Uint32Array }).tokens,
          outputTokens: output,
          sampler,
          bias: [],
          sketch: request.sketch,
          listSizes,
          numericClass: engine.info().numericClass,
        });
        if (!exact) throw new Error('the score is not exact in its own class');
      }
      ratios.push((performance.now() - scored) / generated);
    }
    rows.push({
      id: `rho-${together}-${name}`,
      what: `rho: score / generate, ${together} ${together === 1 ? 'sequence' : 'sequences'}, prompt ${PROMPT} + output ${OUTPUT}, ${name}`,
      value: median(ratios.slice(1)),
      unit: 'x',
      note: 'both include the prompt; scores run the reference kernels, one after the other',
    });
  }
  return rows;
}
