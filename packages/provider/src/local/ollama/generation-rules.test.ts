import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { ANSWER_FIELDS } from '@ogong/protocol/modality/text/fields/answer-fields';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from '../local-fixture.ts';
import { ALSO_DOCUMENTED, DOCUMENTED, readDocumentedFields } from './documented-fields-fixture.ts';
import { CHAT_RULES, GENERATE_RULES, MESSAGE_RULES, OPTION_RULES } from './generation-rules.ts';

/** A template that reads nothing about thinking but the reasoning of earlier answers. */
const THINKING = {
  ...{ readsWanted: false, readsEffort: false, readsReasoning: true },
  formats: { yes: DEFAULT_FORMAT, no: DEFAULT_FORMAT },
};

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('painter')],
    open: (reference) =>
      reference.includes('painter')
        ? createFakeTrajectoryEngine()
        : createFakeEngine({ contextSize: 512, fills: true, readsPictures: true, thinking: THINKING }),
  });
});
afterAll(() => fixture.close());

/** A value that asks for something, for each field. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  ...{ model: 'fake', prompt: 'Once', system: 'Be brief.', stream: false, raw: true, keep_alive: '5m' },
  ...{
    options: { seed: 1 },
    logprobs: true,
    top_logprobs: 2,
    format: 'json',
    think: false,
    truncate: true,
    shift: true,
  },
  ...{ images: ['AQIDBA=='], suffix: 'end', template: '{{ .Prompt }}', context: [1, 2], width: 8, height: 8, steps: 2 },
  ...{ messages: [{ role: 'user', content: 'Once' }], tools: [{ type: 'function', function: { name: 'f' } }] },
  ...{ role: 'user', content: 'Once', thinking: 'hm', tool_calls: [{ function: { name: 'f', arguments: {} } }] },
  ...{ tool_name: 'f', tool_call_id: '1' },
  ...{ seed: 3, temperature: 0.5, top_k: 5, top_p: 0.5, min_p: 0.1, stop: ['x'], num_ctx: 256, num_predict: 4 },
  ...{ presence_penalty: 0.5, frequency_penalty: 0.5, repeat_penalty: 1.1, typical_p: 0.5, tfs_z: 0.5, mirostat: 1 },
  ...{ vocab_only: true },
};
/** Other fields that the field needs to make sense. */
const COMPANIONS: Readonly<Record<string, object>> = {
  top_logprobs: { logprobs: true },
  raw: { prompt: 'Once' },
  ...{ width: { model: 'painter', height: 8 }, height: { model: 'painter', width: 8 }, steps: { model: 'painter' } },
  ...{
    thinking: { role: 'assistant' },
    tool_calls: { role: 'assistant' },
    tool_name: { role: 'tool' },
    tool_call_id: { role: 'tool' },
  },
};
const sampleOf = (field: string): unknown => SAMPLES[field] ?? 1;

const base = { model: 'fake', stream: false, options: { num_predict: 2 } };
const messages = [{ role: 'user', content: 'Once' }];
const WAYS: readonly [name: string, rules: FieldRules, send: (field: string, value: unknown) => Promise<Response>][] = [
  [
    'generate',
    GENERATE_RULES,
    (field, value) => fixture.post('/api/generate', { ...base, prompt: 'Once', ...COMPANIONS[field], [field]: value }),
  ],
  [
    'chat',
    CHAT_RULES,
    (field, value) => fixture.post('/api/chat', { ...base, messages, ...COMPANIONS[field], [field]: value }),
  ],
  [
    'message',
    MESSAGE_RULES,
    (field, value) =>
      fixture.post('/api/chat', { ...base, messages: [{ ...messages[0], ...COMPANIONS[field], [field]: value }] }),
  ],
  [
    'options',
    OPTION_RULES,
    (field, value) =>
      fixture.post('/api/generate', { ...base, prompt: 'Once', options: { num_predict: 2, [field]: value } }),
  ],
];

describe.each(WAYS)('the fields of %s', (where, rules, send) => {
  it.each(Object.entries(rules))('%s: behaves as the table says', async (field, rule) => {
    const response = await send(field, sampleOf(field));
    const body = (await response.json()) as { error?: string; done?: boolean };
    const ignored = response.headers.get('x-ogong-ignored') ?? '';
    if (typeof rule === 'object' && 'refused' in rule) {
      expect([response.status, body]).toEqual([400, { error: expect.stringContaining(rule.refused) }]);
      expect(Object.keys(body)).toEqual(['error']);
    } else {
      expect([response.status, body.done]).toEqual([200, true]);
      expect(ignored.split(', ').some((path) => path.endsWith(field))).toBe(
        rule === 'dropped' || typeof rule === 'object',
      );
    }
    if (where === 'chat' || where === 'generate') expect((await send(field, null)).status).not.toBe(500);
  });

  it('are no others: an unknown one is left out and named', async () => {
    const response = await send('made_up', true);
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([
      200,
      expect.stringMatching(/(^|\.)made_up$/),
    ]);
  });
});

const OF_SCHEMA = {
  GenerateRequest: GENERATE_RULES,
  ChatRequest: CHAT_RULES,
  ChatMessage: MESSAGE_RULES,
  ModelOptions: OPTION_RULES,
} as const;

it('are all that Ollama documents', () => {
  for (const [schema, rules] of Object.entries(OF_SCHEMA)) {
    const documented = DOCUMENTED[schema as keyof typeof OF_SCHEMA];
    const also = ALSO_DOCUMENTED[schema as keyof typeof ALSO_DOCUMENTED] ?? [];
    for (const field of [...documented, ...also]) expect(rules, schema).toHaveProperty(field);
  }
});

const document = readDocumentedFields();
const whyUnread = document ? '' : ' (skipped: the description is absent)';
it.skipIf(document === undefined)(`stand in Ollama's own description as they are copied here${whyUnread}`, () => {
  for (const [schema, fields] of Object.entries(DOCUMENTED)) expect(document?.[schema], schema).toEqual(fields);
});

it('names unknown fields of calls and tools, and those of a server that tools run on', async () => {
  const call = { function: { name: 'f', arguments: {}, x: 1 }, y: 1 };
  const asked = [...messages, { role: 'assistant', content: '', tool_calls: [call] }, { role: 'tool', content: 'z' }];
  const tools = [{ type: 'function', function: { name: 'f', w: 1 } }, { type: 'web_search' }];
  const response = await fixture.post('/api/chat', { ...base, messages: asked, tools });
  expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([
    200,
    'messages[1].tool_calls[0].y, messages[1].tool_calls[0].function.x, tools[0].function.w, tools[1]',
  ]);
});

describe('a value that asks for nothing', () => {
  it.each([
    { format: '' },
    { images: [] },
    { suffix: '' },
    { think: false },
    { template: null },
    { options: { repeat_penalty: 1, mirostat: 0, typical_p: 1 } },
    { tools: null },
  ])('is taken: %j', async (fields) => {
    const path = 'tools' in fields ? '/api/chat' : '/api/generate';
    const asked = 'tools' in fields ? { messages } : { prompt: 'Once' };
    expect((await fixture.post(path, { ...base, ...asked, ...fields })).status).toBe(200);
  });
});

it.each([
  ['generate', GENERATE_RULES],
  ['chat', CHAT_RULES],
  ['options', OPTION_RULES],
] as const)('no field of %s that changes the answer is left out', (_, rules: FieldRules) => {
  const left = Object.entries(rules).filter(
    ([name, rule]) => ANSWER_FIELDS.has(name) && rule !== 'works' && (typeof rule === 'string' || 'dropped' in rule),
  );
  expect(left).toEqual([]);
});
