import { toBinary } from '@bufbuild/protobuf';
import type { Engine } from '@ogong/engine/open-engine';
import { createLogger } from '@ogong/host/log/logger';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { AdmitRequestSchema, PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ENDPOINTS } from '@ogong/protocol/modality/endpoints';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createFakeTensorEngine, type FakeTensorOptions } from '@ogong/testing/engine/fake-tensor';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { afterEach, describe, expect, it } from 'vitest';
import { listSealedObjects, type SealedObject } from './sealed-fields.ts';
import { holdsText } from './search-files.ts';

const MARK = 'quixambrevan';
const NUMBER = 271_828_182_845;
const MARKS = [MARK, `${NUMBER}`];
const VALUES: readonly (readonly [string, unknown])[] = [
  ['a text, which some fields may have', MARK],
  ['an object, which few may have', { [MARK]: [MARK, NUMBER] }],
  ['a number out of most ranges', NUMBER],
];
/** An address may bring so many orders that nobody admits. */
const ORDERS_OF_A_START = 40;

const BODIES = {
  chat: { max_tokens: 4 },
  completion: { messages: undefined, prompt: 'Once', max_tokens: 4 },
  embedding: {},
  rerank: { input: undefined, query: 'Once', documents: ['upon', 'a time'] },
  image: { steps: 2 },
  'image-edit': { steps: 2 },
  'image-variation': { prompt: undefined, steps: 2 },
  infer: {},
} as const satisfies Record<(typeof ENDPOINTS)[number], object>;

const ENGINES: readonly (readonly [string, () => Engine, readonly string[]])[] = [
  ['texts', () => createFakeEngine({ contextSize: 512 }), ['chat', 'completion']],
  ['vectors', () => createFakeEmbeddingEngine(), ['embedding']],
  ['scores', () => createFakeEmbeddingEngine({ reranks: true }), ['rerank']],
  ['pictures', () => createFakeTrajectoryEngine(), ['image', 'image-edit', 'image-variation']],
  ['tensors', () => createFakeTensorEngine(), ['infer']],
];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(realEngine: Engine) {
  const lines: string[] = [];
  const log = createLogger({
    name: 'provider',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  const network = await createNetwork({ realEngine, log });
  closing.push(network.close);
  const calls = await openRelayedCalls(network, { policy: 'required' });
  closing.push(calls.close);
  let read = 0;
  let orders = 0;
  const isMarked = (bytes: Uint8Array): boolean => MARKS.some((mark) => holdsText(bytes, mark));
  return {
    /** Sends one sealed request. @returns the words of its refusal, undefined if it was served. */
    async ask({ endpoint, place }: Pick<SealedObject, 'endpoint' | 'place'>, own: object): Promise<string | undefined> {
      if (orders++ % ORDERS_OF_A_START === ORDERS_OF_A_START - 1) await network.restart();
      const body = { ...BODIES[endpoint], ...place(own as Readonly<Record<string, unknown>>) };
      return calls.call({ endpoint, body, nonce: orders }).then(
        () => undefined,
        (error: Error) => error.message,
      );
    },
    /** Whether a carrier saw a mark since the last look. */
    hasPassed(): boolean {
      const fresh = calls.seen.slice(read);
      read = calls.seen.length;
      return fresh.some(isMarked);
    },
    countLines: (text: string): number => lines.filter((line) => line.includes(text)).length,
    /** Names the other places with a mark. */
    async findMarks(): Promise<string[]> {
      const { admitted, pushed } = network.validator;
      const steps = network.steps.newest().flatMap((id) => network.steps.find(id));
      const places = {
        log: lines.map((line) => utf8Encode(line)),
        metrics: [utf8Encode(await network.readMetrics())],
        traces: [utf8Encode(JSON.stringify(steps))],
        validator: [
          ...admitted.map((one) => toBinary(AdmitRequestSchema, one)),
          ...pushed.map((one) => toBinary(PushRecordRequestSchema, one)),
        ],
      };
      return Object.entries(places).flatMap(([name, all]) => (all.some(isMarked) ? [name] : []));
    },
  };
}

it('has an engine for every endpoint', () => {
  expect(ENGINES.flatMap(([, , endpoints]) => endpoints).sort()).toEqual([...ENDPOINTS].sort());
});

it('a fault of the engine shows nothing of a sealed request either', async () => {
  const bend: FakeTensorOptions['bend'] = (model) => ({
    ...model,
    run: () => Promise.reject(new TypeError(`${MARK} cannot be multiplied`, { cause: new Error(MARK) })),
  });
  const { ask, hasPassed, findMarks, countLines } = await open(createFakeTensorEngine({ bend }));
  expect(await ask({ endpoint: 'infer', place: (own) => own }, {})).toBeDefined();
  expect(countLines('a reply failed')).toBe(1);
  expect(hasPassed()).toBe(false);
  expect(await findMarks()).toEqual([]);
});

describe.each(ENGINES)('sealed requests for %s', (_what, createEngine, endpoints) => {
  const objects = listSealedObjects().filter(({ endpoint }) => endpoints.includes(endpoint));

  it.each(VALUES)('show no field with %s, whether they are served or refused', async (_kind, value) => {
    const { ask, hasPassed, findMarks } = await open(createEngine());
    const shown: string[] = [];
    let told = 0;
    for (const object of objects) {
      for (const field of [...object.fields, MARK]) {
        const words = await ask(object, { [field]: value });
        if (words !== undefined && !words.includes('under the seal')) told++;
        expect(words ?? '', 'an order was not read').not.toMatch(/takes no more orders|not admitted/);
        if (hasPassed()) shown.push(`${object.endpoint}, ${object.title}: ${field}: ${words}`);
      }
    }
    expect(shown).toEqual([]);
    expect(await findMarks()).toEqual([]);
    // The sender reads the words that nobody else does.
    expect(told).toBeGreaterThan(0);
  });
});
