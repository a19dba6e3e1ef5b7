import { createPlainMemoryStore } from '@ogong/testing/memory/plain-memory-store';
import { signChat } from '@ogong/testing/memory/scripted-chat';
import { goodExtractor } from '@ogong/testing/memory/scripted-extractors';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedMemory, Memory, StoredEvidence } from '../memory.ts';
import { createMemoryService } from '../memory-service.ts';
import { toEvidence } from '../models/ask-fields.ts';
import type { PromptTurn } from '../models/memory-models.ts';
import { type ChatRequest, readAnswerText, readChatRequest } from '../models/read-evidence.ts';
import { markRecalled } from '../pipeline/recalled.ts';
import { type MemoryCalls, type MemoryVerifyOptions, verifyMemory } from './verify-memory.ts';

const { signal } = new AbortController();
const MESSAGE = 'Hello! I live in Porto now. I visited Rome last week.';
const { trust, nowMs } = signChat({ messages: [{ role: 'user', content: 'a' }], schema: {}, maxTokens: 100 }, '{}');
/** Vectors have receipts of local mode. */
const allow = ['network'];

interface Stored {
  readonly embedded: EmbeddedMemory;
  readonly calls: MemoryCalls;
}

let moved: Stored;
let visited: Stored;
let recalled: Stored;

beforeAll(async () => {
  const clock = { nowMs: () => nowMs };
  const store = createPlainMemoryStore(clock);
  let count = 0;
  const service = createMemoryService({
    ...{ store, clock, models: createScriptedModels(goodExtractor, { isSigned: true }) },
    random: (length) => new Uint8Array(length).fill(++count),
  });
  const add = async (content: string): Promise<readonly Stored[]> => {
    const messages = [{ role: 'user', content }];
    const { memories } = await service.add('ana', { messages, agentId: '', threadId: '', source: '' }, signal);
    return Promise.all(memories.map(read));
  };
  async function read({ id, evidence }: Memory): Promise<Stored> {
    const find = async (name: string | undefined) => (name === undefined ? undefined : store.readEvidence('ana', name));
    return {
      embedded: (await store.get('ana', id)) as EmbeddedMemory,
      calls: {
        extraction: await find(evidence?.extraction),
        embedding: await find(evidence?.embedding),
        update: await find(evidence?.update),
      },
    };
  }
  await add('I live in Lisbon.');
  [moved, visited] = (await add(MESSAGE)) as [Stored, Stored];
  [recalled] = (await add(`${markRecalled('x', '0'.repeat(32))} I play tennis.`)) as [Stored];
});

async function verify({ embedded, calls }: Stored, more: Partial<MemoryVerifyOptions> = {}) {
  const verdict = await verifyMemory(embedded, { calls, trust, allow, nowMs, ...more });
  const list = (wanted: string) => verdict.checks.filter(({ status }) => status === wanted).map(({ id }) => id);
  return {
    ok: verdict.ok,
    missing: verdict.missing,
    passed: list('pass'),
    failed: list('fail'),
    skipped: list('skip'),
  };
}

const withMemory = ({ embedded, calls }: Stored, change: Partial<Memory>): Stored => ({
  calls,
  embedded: { ...embedded, memory: { ...embedded.memory, ...change } },
});

const ALL = [
  ...['extraction-call', 'extraction-receipt', 'quote', 'message-hash', 'candidate'],
  ...['vector-call', 'vector-receipt', 'vector'],
];

describe('a memory with all of its calls', () => {
  it('passes each check, the replaced head and the resolved date included', async () => {
    expect(moved.embedded.memory.supersedes).toBeDefined();
    const update = ['update-call', 'update-receipt', 'update'];
    const passed = { ok: true, missing: [], passed: [...ALL, ...update], failed: [], skipped: [] };
    expect(await verify(moved, { message: MESSAGE })).toEqual(passed);
    expect(visited.embedded.memory.text).toMatch(/ \(\d{4}-\d{2}-\d{2} to \d{4}-\d{2}-\d{2}\)$/);
    expect(await verify(visited)).toMatchObject({ ok: true, failed: [] });
  });

  it('needs the message for its hash if a recalled text was removed from it', async () => {
    expect(await verify(recalled)).toMatchObject({ ok: false, missing: ['message-hash'], failed: [] });
    const message = `${markRecalled('x', '0'.repeat(32))} I play tennis.`;
    expect(await verify(recalled, { message })).toMatchObject({ ok: true });
  });

  it('is not good while its receipts lack trust or permission', async () => {
    expect(await verify(moved, { trust: {} })).toMatchObject({ ok: false, failed: [] });
    const { ok, missing } = await verify(moved, { allow: [] });
    expect([ok, missing]).toEqual([false, ['vector-receipt']]);
  });
});

describe('a memory that was changed', () => {
  const quote =
    (change: object) =>
    ({ embedded }: Stored) => ({
      quote: { ...(embedded.memory.quote as NonNullable<Memory['quote']>), ...change },
    });
  it.each<[string, (stored: Stored) => Partial<Memory>, readonly string[]]>([
    ['its text', () => ({ text: 'The user lives in Paris' }), ['candidate', 'vector', 'update']],
    ['its subject', () => ({ subject: 'Rui' }), ['candidate']],
    ['its quoted words', quote({ words: 'I live in Paris now.' }), ['quote', 'candidate']],
    ['the place of its quote', quote({ message: 1 }), ['quote', 'candidate']],
    ['the speaker of its quote', quote({ role: 'assistant' }), ['quote']],
    ['the replaced head', () => ({ supersedes: 'f'.repeat(32) }), ['update']],
  ])('fails in %s', async (_, change, failed) => {
    const bent = withMemory(moved, change(moved));
    expect((await verify(bent)).failed).toEqual(failed);
  });

  it('fails for another message, and for a head that no call replaced', async () => {
    expect((await verify(moved, { message: `${MESSAGE} ` })).failed).toEqual(['message-hash']);
    const evidence = { ...moved.embedded.memory.evidence, update: undefined } as Memory['evidence'];
    expect((await verify(withMemory(moved, { evidence }))).failed).toEqual(['update']);
  });

  it('fails for a vector that differs in one bit, and for one of another model', async () => {
    const vector = moved.embedded.vector.slice();
    vector[3] = (vector[3] as number) + 2 ** -20;
    expect((await verify({ ...moved, embedded: { ...moved.embedded, vector } })).failed).toEqual(['vector']);
    const embedded = { ...moved.embedded, embeddingModel: 'another' };
    expect((await verify({ ...moved, embedded })).failed).toEqual(['vector']);
  });
});

describe('a call that was changed', () => {
  const bend = (stored: Stored, name: keyof MemoryCalls, change: Partial<StoredEvidence>): Stored => {
    const call = { ...(stored.calls[name] as StoredEvidence), ...change };
    return { ...stored, calls: { ...stored.calls, [name]: call } };
  };

  it.each(['extraction', 'embedding', 'update'] as const)(
    'fails in the receipt of %s for other bytes',
    async (name) => {
      const { request, response } = moved.calls[name] as StoredEvidence;
      const other = new Uint8Array([...response.subarray(0, -1), (response.at(-1) as number) ^ 1]);
      expect((await verify(bend(moved, name, { response: other }))).failed).toEqual([
        `${name === 'embedding' ? 'vector' : name}-receipt`,
      ]);
      const asked = new Uint8Array([...request.subarray(0, -1), 32, 125]);
      expect((await verify(bend(moved, name, { request: asked }))).failed).toEqual([
        `${name === 'embedding' ? 'vector' : name}-receipt`,
      ]);
    },
  );

  it('fails for the receipt of another call, of another endpoint, and for bytes that are no receipt', async () => {
    const { extraction, update } = moved.calls;
    expect((await verify({ ...moved, calls: { ...moved.calls, extraction: update } })).failed).toEqual([
      'extraction-call',
    ]);
    const evidence = { ...(moved.embedded.memory.evidence as object), embedding: extraction?.id } as Memory['evidence'];
    const swapped = { ...withMemory(moved, { evidence }), calls: { ...moved.calls, embedding: extraction } };
    expect((await verify(swapped)).failed).toEqual(['vector-receipt']);
    const broken = toEvidence({ ...(extraction as StoredEvidence), receipt: new Uint8Array([123]) });
    const named = { ...(moved.embedded.memory.evidence as object), extraction: broken.id } as Memory['evidence'];
    const given = { ...withMemory(moved, { evidence: named }), calls: { ...moved.calls, extraction: broken } };
    expect((await verify(given)).failed).toEqual(['extraction-receipt']);
  });

  it('is skipped if it was erased, and says so', async () => {
    const calls = { extraction: undefined, embedding: undefined, update: undefined };
    const { ok, failed, skipped } = await verify({ ...moved, calls });
    expect([ok, failed]).toEqual([false, []]);
    expect(skipped).toEqual([
      ...['extraction-receipt', 'quote', 'message-hash', 'candidate', 'vector-receipt', 'vector'],
      ...['update-receipt', 'update'],
    ]);
    const message = 'I live in Lisbon.';
    expect((await verify({ ...moved, calls }, { message })).failed).toEqual(['quote', 'message-hash']);
  });
});

describe('a signed answer', () => {
  /** Another answer with a receipt whose checks pass, in place of the one that proposed the memory. */
  const sign = (change: { text?: string; prompt?: readonly PromptTurn[]; schema?: object; more?: object }): Stored => {
    const call = moved.calls.extraction as StoredEvidence;
    const asked = readChatRequest(call) as ChatRequest;
    const { text = readAnswerText(call), prompt = asked.messages, schema = asked.schema, more = {} } = change;
    const { receipt, request, response } = signChat({ messages: prompt, schema, maxTokens: 100 }, text, more);
    const signed = toEvidence({ endpoint: 'chat', model: 'm', receipt, request, response });
    const evidence = { ...(moved.embedded.memory.evidence as object), extraction: signed.id } as Memory['evidence'];
    return { ...withMemory(moved, { evidence }), calls: { ...moved.calls, extraction: signed } };
  };

  it('fails if it proposes something else, or to another prompt', async () => {
    expect(await verify(sign({}))).toMatchObject({ ok: true });
    expect((await verify(sign({ text: '{"memories":[]}' }))).failed).toEqual(['candidate']);
    const messages = readChatRequest(moved.calls.extraction as StoredEvidence)?.messages ?? [];
    const prompt = [{ role: 'system' as const, content: 'Say what I want.' }, ...messages.slice(1)];
    expect((await verify(sign({ prompt }))).failed).toEqual(['quote']);
  });

  it('fails if its request forces it, by a schema or another field', async () => {
    const answer = JSON.parse(readAnswerText(moved.calls.extraction as StoredEvidence)) as object;
    expect((await verify(sign({ schema: { const: answer } }))).failed).toEqual(['quote']);
    expect((await verify(sign({ more: { logit_bias: { 7: 100 } } }))).failed).toEqual(['quote']);
  });
});

it('has nothing to verify in a memory that a person wrote', async () => {
  const written = withMemory(moved, { quote: undefined, evidence: undefined });
  expect(await verify(written, { allow: ['person'] })).toMatchObject({ ok: false, skipped: ['person'] });
});
