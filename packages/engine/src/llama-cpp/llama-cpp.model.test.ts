import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ResolvedModel } from '@ogong/models/resolve';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { describeEngine } from '@ogong/testing/engine/compliance';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
  readRows,
} from '@ogong/testing/engine/compliance-requests';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import type { SupervisorEvent } from '../process/supervisor.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const PROMPTS = [
  'Once upon a time',
  'The little dog was very',
  'One day, a girl named Lily found a needle in her room. She knew it was difficult to play with it because it was sharp. Lily wanted to share the needle with her mom, so she could sew a button on her shirt. Lily went to her mom and said',
  'Tom and',
];
const LONG_PROMPT = PROMPTS[2] as string;

let storeDir: string;
let model: ResolvedModel;
/** An engine of the model for all tests that neither end it nor replace its file. */
let honest: LlamaEngine;
beforeAll(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'ogong-engine-'));
  model = await resolveModel('stories15M', { storeDir });
  honest = await openPath(model.path, { contextSize: 512 });
});
afterAll(async () => {
  await honest?.close();
  await rm(storeDir, { recursive: true, force: true });
});

const openPath = (modelPath: string, options: Partial<LlamaEngineOptions> = {}) =>
  createLlamaEngine({ modelPath, ...options });

describeEngine({
  name: 'llama.cpp on stories15M q8_0',
  open: (options) => openPath(model.path, options),
  prompts: PROMPTS,
});

const replies = (engine: LlamaEngine, requests: readonly TextGenerationRequest[]) =>
  Promise.all(requests.map((request) => collectReply(engine.generate(request))));

const requestsOf = (count: number, overrides: Partial<TextGenerationRequest> = {}) =>
  Array.from({ length: count }, (_, i) =>
    createRequest(PROMPTS[i % PROMPTS.length] as string, { drawKey: keyOf(500 + i), maxTokens: 90, ...overrides }),
  );

async function expectExact(
  engine: LlamaEngine,
  verifier: LlamaEngine,
  requests: readonly TextGenerationRequest[],
): Promise<void> {
  for (const [i, reply] of (await replies(engine, requests)).entries()) {
    const scored = await verifier.score(createScoreRequest(engine, requests[i] as TextGenerationRequest, reply));
    expect(scored.exact).toBe(true);
    expect(scored.windows).toEqual(reply.windows);
  }
}

describe('exact class', () => {
  it.each(['q8_0', 'f16'])('holds for %s where a prompt begins in the cache', async (quant) => {
    const { path } = await resolveModel('stories15M', { storeDir, quant });
    const engine = await openPath(path);
    try {
      const ask = async (text: string, number: number) => {
        const request = createRequest(text, { cacheScope: 'one', drawKey: keyOf(number), maxTokens: 40 });
        const reply = await collectReply(engine.generate(request));
        const scored = await engine.score(createScoreRequest(engine, request, reply));
        expect(scored.windows).toEqual(reply.windows);
        const end = reply.events.at(-1);
        return { text: `${text}${reply.text}`, cached: end?.kind === 'end' ? end.cachedTokens : -1 };
      };
      const first = await ask(LONG_PROMPT, 900);
      const second = await ask(`${first.text} Then Lily`, 901);
      expect([first.cached > 0, second.cached > 50]).toEqual([false, true]);
      expect((await ask(`${second.text} and`, 902)).cached).toBeGreaterThan(second.cached);
    } finally {
      await engine.close();
    }
  });

  it.each(['q4_0', 'q5_0', 'f16'])('holds for %s', async (quant) => {
    const { path } = await resolveModel('stories15M', { storeDir, quant });
    const engine = await openPath(path);
    try {
      expect(engine.info().exact).toBe(true);
      await expectExact(engine, engine, requestsOf(3, { maxTokens: 40 }));
      await expectExact(engine, engine, requestsOf(1, { maxTokens: 40 }));
    } finally {
      await engine.close();
    }
  });

  it.each(['q4_k_m', 'q2_k'])('holds for %s of a wider model', async (quant) => {
    const plain = join(storeDir, 'random-f16.gguf');
    const path = join(storeDir, `random-${quant}.gguf`);
    const shape = { embedding: 256, layers: 2, heads: 4, kvHeads: 2, feedForward: 768, context: 256 };
    writeRandomModel(plain, { vocabularyFrom: model.path, shape });
    const script = fileURLToPath(new URL('./quantize-child.ts', import.meta.url));
    await promisify(execFile)(process.execPath, [script, plain, path, quant]);
    const engine = await openPath(path);
    try {
      expect(engine.info()).toMatchObject({ exact: true, weightType: quant });
      await expectExact(engine, engine, requestsOf(3, { maxTokens: 24, bias: NO_END }));
    } finally {
      await engine.close();
    }
  });

  it('holds for as many words as large models have, which change no prompt', async () => {
    const path = join(storeDir, 'random-words.gguf');
    const shape = {
      embedding: 64,
      layers: 2,
      heads: 2,
      kvHeads: 1,
      feedForward: 128,
      context: 256,
      vocabulary: 128_256,
    };
    writeRandomModel(path, { vocabularyFrom: model.path, shape });
    const engine = await openPath(path);
    try {
      expect(engine.info()).toMatchObject({ exact: true, vocabularySize: 128_256 });
      const prompt = { kind: 'text', text: LONG_PROMPT } as const;
      expect(await engine.tokenizePrompt(prompt)).toEqual(await honest.tokenizePrompt(prompt));
      await expectExact(engine, engine, requestsOf(2, { maxTokens: 20, bias: NO_END }));
    } finally {
      await engine.close();
    }
  });

  it('holds past position 256 and on another number of threads', async () => {
    const provider = await openPath(model.path, { contextSize: 512, threads: 2, sequences: 2 });
    try {
      // The first tokens of each reply lie before that position, the last ones behind it.
      const requests = [248, 252].map((length, i) => {
        const tokens = Uint32Array.from({ length }, (_, at) => 300 + ((7 * at + i) % 500));
        const prompt = { kind: 'tokens', tokens } as const;
        return createRequest('', { prompt, drawKey: keyOf(500 + i), maxTokens: 12, bias: NO_END });
      });
      await expectExact(provider, honest, requests);
    } finally {
      await provider.close();
    }
  });

  it('reproduces another instruction set through its own library', async () => {
    const provider = await openPath(model.path, { isa: 'sse42' });
    try {
      expect(provider.info().numericClass).not.toBe(honest.info().numericClass);
      await expectExact(provider, honest, requestsOf(2, { maxTokens: 20 }));
    } finally {
      await provider.close();
    }
  });

  it.each(['q4_0', 'q5_0', 'f16'])('catches %s sold as q8_0 within a few tokens', async (quant) => {
    const { path } = await resolveModel('stories15M', { storeDir, quant });
    const cheat = await openPath(path);
    try {
      const { vocabularySize, numericClass } = honest.info();
      // The first three tokens decide.
      const requests = requestsOf(3, { maxTokens: 8 });
      for (const [i, reply] of (await replies(cheat, requests)).entries()) {
        const score = createScoreRequest(cheat, requests[i] as TextGenerationRequest, reply);
        const scored = await honest.score({ ...score, numericClass });
        const claimed = readRows(reply.windows, vocabularySize);
        const seen = readRows(scored.windows, vocabularySize);
        const first = claimed.findIndex((row, position) => String(row.q) !== String(seen[position]?.q));
        expect(first).toBeGreaterThanOrEqual(0);
        expect(first).toBeLessThan(3);
      }
    } finally {
      await cheat.close();
    }
  });

  it('is not claimed for fast kernels', async () => {
    const engine = await openPath(model.path, { kernels: 'fast' });
    try {
      expect(engine.info().exact).toBe(false);
      const [request] = requestsOf(1, { maxTokens: 10 }) as [TextGenerationRequest];
      const [reply] = await replies(engine, [request]);
      const scored = await engine.score(createScoreRequest(engine, request, reply as never));
      expect(scored.exact).toBe(false);
    } finally {
      await engine.close();
    }
  });
});

describe('offline model', () => {
  it.skipIf(process.arch !== 'x64')('has the same bytes everywhere', () => {
    expect(Buffer.from(model.modelRoot).toString('hex')).toBe(
      '0cc9f35b838d6984adbabd94096af8580b4cc57427628ee29d51986d5c7ff2fb',
    );
  });
});

describe('text', () => {
  it('reads control tokens in no message', async () => {
    const ask = (content: string) => honest.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content }] });
    const [plain, named] = [await ask('a story'), await ask('a</s><s><unk> story</s')];
    // The first token alone is one: 0 to 2 are <unk>, <s> and </s>.
    for (const tokens of [plain, named]) expect([...tokens].filter((token) => token < 3)).toEqual([1]);
    expect(new TextDecoder().decode(await honest.detokenize(named))).toContain('a</s><s><unk> story</s');
  });

  it('tells a story and ends it by itself', async () => {
    const chat = { kind: 'chat' as const, messages: [{ role: 'user', content: 'Once upon a time' }] };
    const request = createRequest('', {
      prompt: chat,
      sampler: { ...PLAIN_SAMPLER, temperatureQ16: 0 },
      maxTokens: 20,
    });
    const greedy = await collectReply(honest.generate(request));
    expect(greedy.promptTokens[0]).toBe(1);
    expect(greedy.text).toMatch(/^, there was a little girl named Lily/);
    const told = await replies(honest, requestsOf(6, { maxTokens: 250, prompt: chat }));
    const ended = told.filter(({ stopReason }) => stopReason === 'stop-token');
    expect(ended.length).toBeGreaterThan(0);
    for (const { outputTokens, text } of ended) {
      expect([1, 2]).toContain(outputTokens.at(-1));
      expect(text).not.toMatch(/<\/?s>/);
    }
  });
});

describe('bad days', () => {
  it('fails running replies when the child is killed, restarts, and serves again', async () => {
    const events: SupervisorEvent[] = [];
    const engine = await createLlamaEngine(
      { modelPath: model.path, sequences: 1, contextSize: 4096 },
      { onEvent: (event) => events.push(event) },
    );
    try {
      const before = await collectReply(engine.generate(createRequest('Tom and', { maxTokens: 5 })));
      const pid = engine.pid() as number;
      const attempt = (async () => {
        let tokens = 0;
        // Long: if this process sleeps for a while, the child has not said all of it meanwhile.
        const long = createRequest(LONG_PROMPT, { maxTokens: 3_900, bias: NO_END });
        for await (const event of engine.generate(long)) {
          if (event.kind === 'token' && ++tokens === 3) process.kill(pid, 'SIGKILL');
        }
      })();
      await expect(attempt).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
      const after = await collectReply(engine.generate(createRequest('Tom and', { maxTokens: 5 })));
      expect(after.windows).toEqual(before.windows);
      expect(engine.pid()).not.toBe(pid);
      expect(events.map(({ kind }) => kind)).toEqual(['ready', 'crashed', 'ready']);
    } finally {
      await engine.close();
    }
  });

  it('does not load a file that was replaced while it served, though its header still fits', async () => {
    const path = join(storeDir, 'replaced.gguf');
    await copyFile(model.path, path);
    const events: SupervisorEvent[] = [];
    const engine = await createLlamaEngine(
      { modelPath: path, sequences: 1 },
      { onEvent: (event) => events.push(event) },
    );
    try {
      await copyFile(model.path, `${path}.new`);
      await rename(`${path}.new`, path);
      process.kill(engine.pid() as number, 'SIGKILL');
      await expect.poll(() => events.length).toBe(3);
      const attempt = collectReply(engine.generate(createRequest('Tom and', { maxTokens: 5 })));
      await expect(attempt).rejects.toMatchObject({ code: 'model-corrupt' });
      expect(events.map(({ kind }) => kind)).toEqual(['ready', 'crashed', 'crashed']);
    } finally {
      await engine.close();
    }
  });

  it('names file and roots when one byte is flipped', async () => {
    const path = join(storeDir, 'flipped.gguf');
    await copyFile(model.path, path);
    const file = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, 9_000_000);
    byte[0] = (byte[0] as number) ^ 1;
    await file.write(byte, 0, 1, 9_000_000);
    await file.close();
    const attempt = createLlamaEngine({ modelPath: path, modelRoot: model.modelRoot });
    await expect(attempt).rejects.toMatchObject({ code: 'model-corrupt' });
    await expect(attempt).rejects.toThrow(
      new RegExp(`flipped\\.gguf.*expected ${Buffer.from(model.modelRoot).toString('hex')}`, 's'),
    );
  });

  it('says what would fit when memory is short', async () => {
    const attempt = createLlamaEngine({
      modelPath: model.path,
      contextSize: 4096,
      sequences: 8,
      availableMemory: 200 * 2 ** 20,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'not-enough-memory' });
    await expect(attempt).rejects.toThrow(/a context of \d+ positions per sequence would fit/);
  });

  it('reports a file that llama.cpp cannot load', async () => {
    const path = join(storeDir, 'cut.gguf');
    await copyFile(model.path, path);
    const file = await open(path, 'r+');
    await file.truncate(5_000_000);
    await file.close();
    await expect(createLlamaEngine({ modelPath: path })).rejects.toMatchObject({ name: 'EngineError' });
    await expect(createLlamaEngine({ modelPath: join(storeDir, 'none.gguf') })).rejects.toMatchObject({
      code: 'model-not-found',
    });
  });

  it('refuses a CPU library that is not there', async () => {
    await expect(createLlamaEngine({ modelPath: model.path, isa: 'quantum' })).rejects.toMatchObject({
      code: 'unsupported-model',
    });
  });
});
