import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine } from '@ogong/testing/engine/compliance';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  hexOf,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nativeHash } from '../../decode/native-hash.ts';
import { createUpstreamRows } from '../../decode/segment-chain.ts';
import type { SegmentEngine, UpstreamRows } from '../../interface/segment.ts';
import type { TextGenerationRequest } from '../../interface/text.ts';
import { createLlamaEngine, type LlamaEngine } from '../engine.ts';
import { resolveModel } from '../llama-quantizer.ts';
import { type ChainedTextOptions, type ChainShape, openChainedTextEngine, segmentOptionsOf } from './chained-engine.ts';
import { openSegmentEngine } from './segment-engine.ts';
import type { ExpectedSlab } from './segment-file.ts';
import { openSegmentModel } from './segment-model.ts';

const PROMPTS = [
  'Once upon a time',
  'The little dog was very',
  'One day, a girl named Lily found a needle in her room. She knew it was difficult to play with it because it was sharp',
  'Tom and',
];

let folder: string;
let path: string;
let modelRoot: Uint8Array;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-chained-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  // Slabs are written beside the model, which is a file of the repository.
  path = join(folder, 'stories260K.gguf');
  copyFileSync(model.path, path);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const segments: SegmentEngine[] = [];
afterAll(async () => {
  for (const segment of segments) await segment.close();
});

const digestOf = (file: string) => {
  const bytes = readFileSync(file);
  return { sizeBytes: bytes.length, sha256: nativeHash.sha256(bytes) };
};

/** Opens a chain of slabs, the last in a child process and the others in this one. */
async function openChain(
  edges: readonly number[],
  {
    wrap = (rows: UpstreamRows) => rows,
    ...options
  }: Partial<ChainedTextOptions> & { wrap?: (rows: UpstreamRows) => UpstreamRows } = {},
): Promise<LlamaEngine> {
  const slabs = writeSlabs(path, edges);
  const last = slabs.at(-1) as string;
  const shape: ChainShape = { contextSize: 256, sequences: 8, ...options };
  const opened = slabs.slice(0, -1).map((slab) => openSegmentModel(slab, segmentOptionsOf(shape)));
  segments.push(...opened);
  const before = wrap(createUpstreamRows(opened));
  return openChainedTextEngine({
    ...{ last, expected: digestOf(last), modelRoot, before, threads: 1 },
    ...shape,
    ...options,
  });
}

describe.each([[[2]], [[1, 3]]])('a chain cut at %s', (edges) => {
  describeEngine({
    name: 'keeps the rules of an engine',
    open: (options) => openChain(edges, options),
    prompts: PROMPTS,
    lacks: ['trace', 'edges'],
  });
});

describe('a chain', () => {
  const opened: LlamaEngine[] = [];
  afterEach(async () => {
    for (const engine of opened.splice(0)) await engine.close();
  });
  const use = async (opening: Promise<LlamaEngine>): Promise<LlamaEngine> => {
    const engine = await opening;
    opened.push(engine);
    return engine;
  };
  const ask = (engine: LlamaEngine, requests: readonly TextGenerationRequest[]) =>
    Promise.all(requests.map((request) => collectReply(engine.generate(request))));
  const asked = (count: number, overrides: Partial<TextGenerationRequest> = {}) =>
    Array.from({ length: count }, (_, i) =>
      createRequest(PROMPTS[i % PROMPTS.length] as string, { drawKey: keyOf(700 + i), maxTokens: 60, ...overrides }),
    );

  /** Reads a reply, and kills a process after its first token. */
  const killOnce = async (engine: LlamaEngine, pid: () => number | undefined): Promise<void> => {
    let isKilled = false;
    for await (const { kind } of engine.generate(createRequest(PROMPTS.join(' '), { maxTokens: 150, bias: NO_END }))) {
      if (kind === 'token' && !isKilled) process.kill(pid() as number, 'SIGKILL');
      isKilled ||= kind === 'token';
    }
  };

  it.each<[string, Partial<ChainedTextOptions>, readonly number[]]>([
    ['alone', {}, [1, 3]],
    ['with guesses', { drafts: 4 }, [2]],
    ['in groups, with small pieces of prompts', { drafts: 2, groups: 2, promptChunk: 16 }, [1, 3]],
    ['with tiled prompts', { kernels: 'tiled' }, [2]],
    ['of five segments', {}, [1, 2, 3, 4]],
  ])('gives the bits of the whole model %s', async (_how, options, edges) => {
    const { groups: _groups, ...wholeOptions } = options;
    const whole = await use(createLlamaEngine({ modelPath: path, sequences: 4, contextSize: 256, ...wholeOptions }));
    const chain = await use(openChain(edges, { sequences: 4, ...options }));
    const { capabilities, layers: _, ...info } = whole.info();
    expect(chain.info()).toEqual({ ...info, capabilities: { ...capabilities, trace: false } });
    const long = PROMPTS.join(' ').repeat(2);
    const requests = [
      ...asked(3, { bias: NO_END }),
      ...asked(2, { grammar: 'root ::= ("The " | "the " | "cat " | "dog ")+' }),
      ...asked(2, { prompt: { kind: 'text', text: long }, cacheScope: 'one', maxTokens: 20 }),
    ];
    const [expected, replies] = [await ask(whole, requests), await ask(chain, requests)];
    expect(replies.map(({ windows }) => hexOf(windows))).toEqual(expected.map(({ windows }) => hexOf(windows)));
    const [again] = await ask(chain, [requests.at(-1) as TextGenerationRequest]);
    expect(again?.events.at(-1)).toMatchObject({ cachedTokens: expect.toSatisfy((rows) => rows > 16) });
    expect(hexOf(again?.windows ?? [])).toEqual(hexOf(expected.at(-1)?.windows ?? []));
    for (const [i, reply] of replies.entries()) {
      const score = createScoreRequest(chain, requests[i] as TextGenerationRequest, reply);
      for (const engine of [whole, chain])
        expect(await engine.score(score)).toMatchObject({ exact: true, windows: reply.windows });
    }
  });

  it('ends replies with a retryable error if the segments before fail, and then goes on', async () => {
    let failure: 'run' | 'drop' | 'short' | 'not finite' | undefined;
    /** Passes that run before the failure. */
    let passes = 0;
    const refuse = (): never => {
      throw new Error('the line is cut');
    };
    const wrap = ({ run, drop }: UpstreamRows): UpstreamRows => ({
      async run(pass) {
        const rows = await run(pass);
        if (failure === undefined || passes-- > 0) return rows;
        if (failure === 'run') return refuse();
        if (failure === 'short') return rows.slice(1);
        return rows.fill(Number.NaN);
      },
      drop: async (...given) => (failure === 'drop' ? refuse() : drop(...given)),
    });
    const chain = await use(openChain([2], { sequences: 2, wrap }));
    const requests = asked(2, { bias: NO_END, cacheScope: 'one' });
    const expected = (await ask(chain, requests)).map(({ windows }) => hexOf(windows));
    for (const [kind, message] of [
      ['run', 'the line is cut'],
      ['drop', 'the line is cut'],
      ['short', 'values'],
      ['not finite', 'not finite'],
    ] as const) {
      [failure, passes] = [kind, 6];
      const attempts = await Promise.allSettled(requests.map((request) => collectReply(chain.generate(request))));
      const reason = { code: 'engine-crashed', retryable: true, message: expect.stringContaining(message) };
      for (const attempt of attempts) expect(attempt, kind).toMatchObject({ status: 'rejected', reason });
      failure = undefined;
      expect(
        (await ask(chain, requests)).map(({ windows }) => hexOf(windows)),
        kind,
      ).toEqual(expected);
    }
  });

  it('is led by another process after the first one was killed', async () => {
    const chain = await use(openChain([1, 3], { sequences: 2 }));
    const requests = asked(2);
    const expected = (await ask(chain, requests)).map(({ windows }) => hexOf(windows));
    await expect(killOnce(chain, () => chain.pid())).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
    expect((await ask(chain, requests)).map(({ windows }) => hexOf(windows))).toEqual(expected);
  });

  it('goes on after the process of a segment before it was killed', async () => {
    const [first, middle, last] = writeSlabs(path, [1, 3]) as [string, string, string];
    const shape = { contextSize: 256, sequences: 2 };
    const children = await Promise.all(
      [first, middle].map((slab) => openSegmentEngine(slab, { ...segmentOptionsOf(shape), expected: digestOf(slab) })),
    );
    segments.push(...children);
    const chain = await use(
      openChainedTextEngine({
        ...{ last, expected: digestOf(last), modelRoot, threads: 1 },
        ...{ ...shape, before: createUpstreamRows(children) },
      }),
    );
    const requests = asked(2, { cacheScope: 'one' });
    const expected = (await ask(chain, requests)).map(({ windows }) => hexOf(windows));
    // A reply whose passes all come after the restart would be whole.
    const attempt = killOnce(chain, () => children[1]?.pid());
    await expect(attempt).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
    expect((await ask(chain, requests)).map(({ windows }) => hexOf(windows))).toEqual(expected);
  });

  it('refuses another slab than the expected one, and slabs that lead nothing', async () => {
    const [first, last] = writeSlabs(path, [2]) as [string, string];
    const before: UpstreamRows = { run: async () => new Float32Array(0), drop: async () => undefined };
    const open = (slab: string, expected: ExpectedSlab = digestOf(slab)) =>
      openChainedTextEngine({
        ...{ last: slab, expected, modelRoot, before, threads: 1 },
        contextSize: 64,
        sequences: 1,
      });
    const own = digestOf(last);
    await expect(open(last, { ...own, sizeBytes: own.sizeBytes + 1 })).rejects.toMatchObject({ code: 'model-corrupt' });
    await expect(open(last, { ...own, sha256: new Uint8Array(32) })).rejects.toMatchObject({ code: 'model-corrupt' });
    await expect(open(first)).rejects.toThrow('is the first slab of a model');
    await expect(open(path)).rejects.toMatchObject({ code: 'unsupported-model' });
    await expect(open(join(folder, 'none'), own)).rejects.toMatchObject({ code: 'model-not-found' });
    const engine = await use(open(last));
    await expect(engine.encodePicture(new Uint8Array(4))).rejects.toMatchObject({ code: 'unsupported-model' });
  });
});
