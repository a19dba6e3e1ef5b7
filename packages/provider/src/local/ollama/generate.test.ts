import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from '../local-fixture.ts';
import { writePrompt } from './written-prompt.ts';

const ASSISTANT = shelve('assistant', {
  reference: 'file:/fake',
  defaults: { from: 'fake', system: 'You are Mario.', parameters: { num_predict: 3, seed: 5 } },
});
let fixture: LocalFixture;
beforeEach(async () => {
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('coder'), ASSISTANT, shelve('embedder'), shelve('broken')],
    open: (reference) =>
      reference.includes('embedder')
        ? createFakeEmbeddingEngine()
        : createFakeEngine({ contextSize: 512, fills: reference.includes('coder') }),
  });
});
afterEach(() => fixture.close());

interface Answer {
  readonly response: string;
  readonly done_reason: string;
  readonly eval_count: number;
  readonly prompt_eval_count: number;
  readonly load_duration: number;
  readonly context?: readonly number[];
  readonly logprobs?: readonly { token: string; top_logprobs: readonly unknown[] }[];
}
const ask = async (path: string, body: object): Promise<Answer> => {
  const response = await fixture.post(path, { model: 'fake', stream: false, ...body });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
};
const running = async (): Promise<readonly string[]> => {
  const { models } = (await (await fetch(`${fixture.base}/api/ps`)).json()) as { models: { name: string }[] };
  return models.map(({ name }) => name.replace(/:latest$/, ''));
};

describe('a suffix', () => {
  it('is what the answer stands before, where the model fills in texts', async () => {
    const asked = { model: 'coder', prompt: 'One', options: { num_predict: 4, seed: 2 } };
    const plain = await ask('/api/generate', { ...asked, raw: true });
    const filled = await ask('/api/generate', { ...asked, suffix: 'three' });
    expect(filled.prompt_eval_count).toBe(plain.prompt_eval_count + 'three'.length + 3);
    expect(filled.response).not.toBe(plain.response);
  });

  it.each([
    ['the model cannot', { suffix: 'three' }],
    ['there is a system message', { model: 'coder', suffix: 'three', system: 'Be brief.' }],
  ])('is refused where %s', async (_, fields) => {
    const response = await fixture.post('/api/generate', { model: 'fake', prompt: 'One', ...fields });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('suffix')]);
  });
});

describe('a request without a prompt', () => {
  it.each([
    ['/api/generate', {}, { response: '' }],
    ['/api/generate', { prompt: '', stream: true }, { response: '' }],
    ['/api/chat', { messages: [] }, { message: { role: 'assistant', content: '' } }],
    ['/api/chat', {}, { message: { role: 'assistant', content: '' } }],
  ])('to %s with %j loads the model, and with keep_alive 0 unloads it', async (path, body, empty) => {
    expect(await running()).toEqual([]);
    expect(await ask(path, { model: 'fake:latest', ...body })).toEqual({
      ...empty,
      model: 'fake:latest',
      created_at: expect.any(String),
      done: true,
      done_reason: 'load',
    });
    expect(await running()).toEqual(['fake']);
    expect(await ask(path, { ...body, keep_alive: 0 })).toMatchObject({ ...empty, done: true, done_reason: 'unload' });
    expect(await running()).toEqual([]);
  });

  it('loads a model that embeds as well', async () => {
    expect(await ask('/api/generate', { model: 'embedder' })).toMatchObject({ done_reason: 'load' });
  });
});

describe('keep_alive', () => {
  it('of 0 unloads the model after its answer', async () => {
    await ask('/api/generate', { prompt: 'Once', keep_alive: '0s', options: { num_predict: 2 } });
    expect(await running()).toEqual([]);
  });

  it('is refused where it is no duration', async () => {
    for (const keep_alive of ['soon', '5x', '', {}, '1h 2m', '--1m'])
      expect((await fixture.post('/api/generate', { model: 'fake', keep_alive })).status).toBe(400);
  });
});

describe('an answer', () => {
  it('loads the model when it is asked for, once', async () => {
    const first = await ask('/api/generate', { prompt: 'Once', options: { num_predict: 2 } });
    await ask('/api/chat', { messages: [{ role: 'user', content: 'Once' }], options: { num_predict: 2 } });
    expect(fixture.loads).toEqual(['file:/fake']);
    expect(first.load_duration).toBeGreaterThanOrEqual(0);
  });

  it('to a raw prompt has no template around it', async () => {
    const options = { num_predict: 2 };
    const raw = await ask('/api/generate', { prompt: 'Once', raw: true, options });
    const told = await ask('/api/generate', { prompt: 'Once', options });
    // One token for each byte, and one for the beginning.
    expect(raw.prompt_eval_count).toBe(5);
    expect(told.prompt_eval_count).toBeGreaterThan(raw.prompt_eval_count);
    const both = await fixture.post('/api/generate', { model: 'fake', prompt: 'Once', raw: true, system: 'x' });
    expect(both.status).toBe(400);
  });

  it('to a raw prompt waits for the engine once', async () => {
    const both = Promise.withResolvers<void>();
    let asked = 0;
    const tokenizePrompt = async (): Promise<Uint32Array> => {
      if (++asked === 2) both.resolve();
      await both.promise;
      return Uint32Array.of(1);
    };
    const engine = { ...createFakeEngine(), tokenizePrompt };
    expect(await writePrompt(engine, { prompt: 'Once' }, { context: [], day: 0 })).toEqual({ prompt: 'Once' });
  });

  it('to a prompt with its own template is the one to that text, raw', async () => {
    const options = { num_predict: 4, seed: 3 };
    const template = '{{ if .System }}{{ .System }}: {{ end }}{{ .Prompt }}!{{ .Response }} end';
    const own = await ask('/api/generate', { prompt: 'Once', system: 'Be brief', template, options });
    const raw = await ask('/api/generate', { prompt: 'Be brief: Once!', raw: true, options });
    expect([own.response, own.prompt_eval_count]).toEqual([raw.response, raw.prompt_eval_count]);
    const other = { model: 'fake', prompt: 'Once', template: '{{ range .Messages }}{{ end }}' };
    const refused = await fixture.post('/api/generate', other);
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: expect.stringContaining('range .Messages }} is not known') },
    ]);
  });

  it('goes on after the tokens of an earlier one, in a conversation by context', async () => {
    const options = { num_predict: 3, seed: 3 };
    const first = await ask('/api/generate', { prompt: 'Once', options });
    expect(first.context).toHaveLength(first.prompt_eval_count + first.eval_count);
    const second = await ask('/api/generate', { prompt: 'Once', context: first.context, options });
    // The beginning of a text stands once.
    expect(second.prompt_eval_count).toBe((first.context?.length ?? 0) + first.prompt_eval_count - 1);
    expect(second.context?.slice(0, first.context?.length)).toEqual(first.context);
    expect(await ask('/api/generate', { prompt: 'Once', context: [], options })).toMatchObject({
      prompt_eval_count: first.prompt_eval_count,
    });
    for (const context of [[-1], ['a'], 'a']) {
      const refused = await fixture.post('/api/generate', { model: 'fake', prompt: 'Once', context });
      expect([refused.status, await refused.json()]).toEqual([400, { error: expect.stringContaining('context') }]);
    }
  });

  it('ends where the context ends that was asked for', async () => {
    const { eval_count, done_reason } = await ask('/api/generate', {
      prompt: 'Once',
      raw: true,
      options: { num_ctx: 9 },
    });
    expect([eval_count, done_reason]).toEqual([4, 'length']);
    const long = await fixture.post('/api/generate', {
      model: 'fake',
      prompt: 'Once upon',
      raw: true,
      options: { num_ctx: 9 },
    });
    expect([long.status, await long.json()]).toEqual([400, { error: 'the input length exceeds the context length' }]);
  });

  it('says which limits were lowered to what the model has', async () => {
    const options = { num_ctx: 4096, num_predict: 9999, stop: ['a'] };
    const response = await fixture.post('/api/generate', { model: 'fake', prompt: 'Once', stream: false, options });
    expect(response.headers.get('x-ogong-clamped')).toBe('options.num_predict=512, options.num_ctx=512');
  });

  it('shows log-probabilities to who asks, whole and streamed', async () => {
    const body = { prompt: 'Once', logprobs: true, top_logprobs: 2, options: { num_predict: 3, seed: 1 } };
    const { logprobs = [] } = await ask('/api/generate', body);
    expect(logprobs.map(({ top_logprobs }) => top_logprobs.length)).toEqual([2, 2, 2]);
    const lines = (await (await fixture.post('/api/generate', { model: 'fake', ...body })).text()).trim().split('\n');
    expect(lines.flatMap((line) => (JSON.parse(line) as Answer).logprobs ?? [])).toEqual(logprobs);
  });

  it('of a model that was made from another begins with what it was given', async () => {
    const made = await ask('/api/generate', { model: 'assistant', prompt: 'Hi' });
    const spelt = await ask('/api/generate', {
      prompt: 'Hi',
      system: 'You are Mario.',
      options: { num_predict: 3, seed: 5 },
    });
    expect([made.response, made.eval_count]).toEqual([spelt.response, 3]);
    const chat = { messages: [{ role: 'user', content: 'Hi' }] };
    expect(await ask('/api/chat', { model: 'assistant', ...chat })).toMatchObject({
      prompt_eval_count: made.prompt_eval_count,
      message: { content: made.response },
    });
    expect(fixture.loads).toEqual(['file:/fake']);
  });
});

it.each([
  ['an unknown model', { model: 'other', prompt: 'Hi' }, 404, 'try pulling it first'],
  ['no model', { prompt: 'Hi' }, 400, 'model is required'],
  ['a model that only embeds', { model: 'embedder', prompt: 'Hi' }, 400, 'does not support generate'],
  ['a file that is broken', { model: 'broken', prompt: 'Hi' }, 503, 'the file is broken'],
  ['options that are no object', { model: 'fake', prompt: 'Hi', options: [1] }, 400, 'options must be a JSON object'],
  ['a length of 0', { model: 'fake', prompt: 'Hi', options: { num_predict: 0 } }, 400, 'num_predict'],
])("refuses %s in Ollama's form", async (_name, body, status, words) => {
  const response = await fixture.post('/api/generate', body);
  expect([response.status, await response.json()]).toEqual([status, { error: expect.stringContaining(words) }]);
});
