import type { EmbeddedInput, EmbeddingEngine, EmbedRequest } from '@ogong/engine/interface/embedding';
import { MAX_INPUTS } from '@ogong/protocol/modality/embedding/request';
import { encodeVector, hasUnitNorm } from '@ogong/protocol/modality/embedding/vector';
import { afterEach, describe, expect, it } from 'vitest';

export interface EmbeddingSubject {
  readonly name: string;
  open(options: { readonly contextSize: number; readonly maxQueue: number }): Promise<EmbeddingEngine>;
  /** Another engine with the same weights in the same class, by another implementation if there is one. */
  openTwin(options: { readonly contextSize: number; readonly maxQueue: number }): Promise<EmbeddingEngine>;
  /** A text of `count` words. More words make more tokens. */
  readonly words: (count: number) => string;
  /** The query with which every input is read, if the model reranks. */
  readonly query?: string;
}

type Open = (twin?: 'twin') => Promise<EmbeddingEngine>;

export interface EmbeddingRule {
  readonly name: string;
  /** Throws if the engine breaks the rule. */
  readonly test: (open: Open, subject: EmbeddingSubject) => Promise<void>;
}

const CONTEXT = 64;
const QUEUE = 2;

const embed = async (engine: EmbeddingEngine, ...inputs: string[]): Promise<readonly EmbeddedInput[]> =>
  (await engine.embed({ inputs })).inputs;
const hexOf = (inputs: readonly EmbeddedInput[]): string[] =>
  inputs.map(({ vector }) => Buffer.from(encodeVector(vector)).toString('hex'));
const refuses = (engine: EmbeddingEngine, request: EmbedRequest, code: string) =>
  expect(engine.embed(request)).rejects.toMatchObject({ code });

/** The rules of every embedding engine. */
export const EMBEDDING_RULES: readonly EmbeddingRule[] = [
  {
    name: 'describes itself',
    async test(open) {
      const engine = await open();
      const info = engine.info();
      expect(engine.specificationVersion).toBe('embedding-v1');
      expect([info.modelRoot.length, info.vocabularyHash.length]).toEqual([32, 32]);
      expect([info.exact, info.contextSize]).toEqual([true, CONTEXT]);
    },
  },
  {
    name: 'yields one vector of length one, or one score, for each input, in order, with all of its tokens',
    async test(open, { words }) {
      const engine = await open();
      const texts = [words(3), words(9), words(1)];
      const inputs = await embed(engine, ...texts);
      for (const [i, { tokens, vector }] of inputs.entries()) {
        expect(tokens).toEqual(await engine.tokenize(texts[i] as string));
        expect(vector).toHaveLength(engine.info().embeddingSize);
        expect(engine.info().pooling === 'rank' ? vector.every(Number.isFinite) : hasUnitNorm(vector)).toBe(true);
      }
      expect(new Set(hexOf(inputs)).size).toBe(3);
    },
  },
  {
    name: 'computes the same bits alone, among neighbours, again, and beside other requests',
    async test(open, { words }) {
      const engine = await open();
      const text = words(12);
      const [alone] = hexOf(await embed(engine, text));
      expect(hexOf(await embed(engine, words(40), text, words(2), text))).toMatchObject({ 1: alone, 3: alone });
      const beside = await Promise.all([embed(engine, words(30)), embed(engine, text)]);
      expect(hexOf(beside[1] as EmbeddedInput[])).toEqual([alone]);
    },
  },
  {
    name: 'computes what another engine of its model and class computes',
    async test(open, { words }) {
      const [engine, twin] = [await open(), await open('twin')];
      expect(twin.info()).toEqual(engine.info());
      const texts = [words(1), words(7), words(50)];
      expect(hexOf(await embed(engine, ...texts))).toEqual(hexOf(await embed(twin, ...texts)));
    },
  },
  {
    name: 'reads an input to its end',
    async test(open, { words }) {
      const engine = await open();
      const whole = words(40);
      const [cut] = await embed(engine, words(39));
      const [full] = await embed(engine, whole);
      expect((full as EmbeddedInput).tokens.length).toBeGreaterThan((cut as EmbeddedInput).tokens.length);
      expect(hexOf([full as EmbeddedInput])).not.toEqual(hexOf([cut as EmbeddedInput]));
    },
  },
  {
    name: 'refuses an input that does not fit, and embeds nothing of the request',
    async test(open, { words }) {
      const engine = await open();
      await refuses(engine, { inputs: [words(3), words(CONTEXT + 1)] }, 'prompt-too-long');
      expect(await embed(engine, words(3))).toHaveLength(1);
    },
  },
  {
    name: 'reads a query where it reranks, and nowhere else',
    async test(open, { words, query }) {
      const engine = await open();
      const inputs = [words(3)];
      await refuses(engine, { inputs, query: query === undefined ? words(1) : undefined }, 'invalid-request');
      if (query === undefined) return;
      const [own, other] = [await engine.embed({ inputs }), await engine.embed({ inputs, query: words(5) })];
      expect(hexOf(own.inputs)).not.toEqual(hexOf(other.inputs));
    },
  },
  {
    name: 'refuses no inputs, too many, and empty ones',
    async test(open) {
      const engine = await open();
      await refuses(engine, { inputs: [] }, 'invalid-request');
      await refuses(engine, { inputs: Array(MAX_INPUTS + 1).fill('a') }, 'invalid-request');
      await refuses(engine, { inputs: ['a', ''] }, 'invalid-request');
    },
  },
  {
    name: 'says that it is exact for its own class alone',
    async test(open, { words }) {
      const engine = await open();
      const inputs = [words(2)];
      const { numericClass } = engine.info();
      expect((await engine.embed({ inputs, numericClass })).exact).toBe(true);
      const foreign = await engine.embed({ inputs, numericClass: `${numericClass}-2` });
      expect(foreign).toMatchObject({ exact: false, numericClass });
    },
  },
  {
    name: 'refuses more than its queue holds, retryably',
    async test(open, { words }) {
      const engine = await open();
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => embed(engine, words(20))));
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(8);
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryable: true });
    },
  },
  {
    name: 'stops when it is told to, and serves the next',
    async test(open, { words }) {
      const engine = await open();
      const controller = new AbortController();
      const inputs = Array<string>(MAX_INPUTS).fill(words(40));
      const running = engine.embed({ inputs }, { signal: controller.signal });
      controller.abort();
      await expect(running).rejects.toMatchObject({ code: 'cancelled' });
      expect(await embed(engine, words(1))).toHaveLength(1);
    },
  },
  {
    name: 'fails what runs when it is closed, and everything after',
    async test(open, { words }) {
      const engine = await open();
      const running = engine.embed({ inputs: Array<string>(MAX_INPUTS).fill(words(40)) });
      running.catch(() => undefined);
      await engine.close();
      await expect(running).rejects.toMatchObject({ code: 'engine-closed' });
      await refuses(engine, { inputs: [words(1)] }, 'engine-closed');
    },
  },
];

/** A reranker whose requests use this query unless they name one. */
const askWith = (engine: EmbeddingEngine, query: string): EmbeddingEngine => ({
  ...engine,
  embed: (request, options) => engine.embed({ query, ...request }, options),
  tokenize: (input) => engine.tokenize(input, query),
});

export function describeEmbeddingEngine(subject: EmbeddingSubject): void {
  describe(subject.name, () => {
    const opened: EmbeddingEngine[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((engine) => engine.close()));
    });
    const open: Open = async (twin) => {
      const options = { contextSize: CONTEXT, maxQueue: QUEUE };
      const engine = await (twin === undefined ? subject.open(options) : subject.openTwin(options));
      opened.push(engine);
      return subject.query === undefined ? engine : askWith(engine, subject.query);
    };
    it.each(EMBEDDING_RULES)('$name', ({ test }) => test(open, subject));
  });
}
