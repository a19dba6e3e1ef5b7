import { CALL_ARGUMENTS, startRecordedServer } from '@ogong/testing/upstream/recorded-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import { openUpstreamModels } from './open-upstream.ts';

interface StreamedChunk {
  readonly choices: readonly {
    readonly delta: {
      readonly tool_calls?: { readonly function: { readonly name?: string; readonly arguments?: string } }[];
    };
    readonly finish_reason: string | null;
  }[];
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  options: { readonly model?: readonly string[]; readonly key?: string } = {},
): Promise<LocalFixture> {
  const server = await startRecordedServer({ kind: 'openai', model: 'm', ...(options.key && { key: options.key }) });
  closing.push(() => server.close());
  const settings = { upstream: server.address, nCtx: 512, model: options.model ?? [], modelsDir: '/nonexistent' };
  const { shelf, loaded, library, names } = await openUpstreamModels('ogong-provider local', settings);
  expect(names).toEqual(['m']);
  const fixture = await createLocalFixture({ shelf, loaded, library });
  closing.push(() => fixture.close());
  return fixture;
}

const messages = [{ role: 'user', content: 'hello' }];

describe('local mode in front of another server', () => {
  it.each<[string, object]>([
    ['/v1/chat/completions', { messages, max_tokens: 8 }],
    ['/v1/chat/completions', { messages, max_tokens: 8, stream: true }],
    ['/v1/messages', { messages, max_tokens: 8 }],
    ['/v1/responses', { input: 'hello' }],
    ['/api/chat', { messages, stream: false }],
    ['/api/chat', { messages }],
  ])('answers %s %j without a receipt', async (path, body) => {
    const { post } = await open();
    const response = await post(path, { model: 'm', ...body });
    expect(response.status).toBe(200);
    // The words of the recorded server.
    expect(await response.text()).toMatch(/ (?:oak|fir|elm|sea|sun|two|six|ten|fox|owl|hay|ivy|dew|sky)/);
    expect(response.headers.has('x-ogong-receipt')).toBe(false);
  });

  const tools = [{ type: 'function', function: { name: 'find', parameters: { type: 'object' } } }];
  it('passes on tools and calls', async () => {
    const { post } = await open();
    const response = await post('/v1/chat/completions', { model: 'm', messages, tools });
    const { choices } = (await response.json()) as { choices: [{ message: { tool_calls: [{ id: string }] } }] };
    const called = { type: 'function', function: { name: 'find', arguments: CALL_ARGUMENTS } };
    expect(choices).toMatchObject([
      { message: { content: 'I look.', tool_calls: [called] }, finish_reason: 'tool_calls' },
    ]);
    const [{ message }] = choices;
    const answered = [
      ...[...messages, { ...message, role: 'assistant', content: null }],
      { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'There.' },
    ];
    const last = await post('/v1/chat/completions', { model: 'm', messages: answered, tools, max_tokens: 8 });
    expect(await last.json()).toMatchObject({ choices: [{ message: { content: expect.stringMatching(/^ \w/) } }] });
  });

  it('streams calls', async () => {
    const { post } = await open();
    const response = await post('/v1/chat/completions', { model: 'm', messages, tools, stream: true });
    const events = (await response.text()).split('\n\n').flatMap((event) => {
      const json = event.replace(/^data: /, '');
      return json.startsWith('{') ? [JSON.parse(json) as StreamedChunk] : [];
    });
    const deltas = events.flatMap(({ choices: [choice] }) => choice?.delta.tool_calls ?? []);
    expect(deltas.map((delta) => delta.function.name ?? '').join('')).toBe('find');
    expect(deltas.map((delta) => delta.function.arguments ?? '').join('')).toBe(CALL_ARGUMENTS);
    expect(events.flatMap(({ choices: [choice] }) => choice?.finish_reason ?? [])).toEqual(['tool_calls']);
  });

  it('lists and shows the model', async () => {
    const { base, post } = await open({ model: ['m'] });
    const listed = (await (await fetch(`${base}/v1/models`)).json()) as object;
    expect(listed).toMatchObject({ data: [{ id: 'm' }] });
    expect(await (await fetch(`${base}/api/tags`)).json()).toMatchObject({ models: [{ name: 'm:latest' }] });
    const shown = await post('/api/show', { model: 'm' });
    expect(await shown.json()).toMatchObject({ modelfile: expect.stringMatching(/^FROM http/) });
  });

  it('refuses a filter that the server lacks, if the request names it', async () => {
    const { post } = await open();
    const response = await post('/api/chat', { model: 'm', messages, options: { top_k: 5 } });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('does not take top_k');
  });

  const digest = `sha256:${'ab'.repeat(32)}`;
  it.each<[string, string, object]>([
    ['POST', '/api/create', { model: 'mario', from: 'm', system: 'You are Mario.' }],
    ['POST', '/api/create', { model: 'mario', from: 'm', stream: false }],
    ['POST', '/api/create', { model: 'mario', files: { 'm.gguf': digest } }],
    ['POST', '/api/copy', { source: 'm', destination: 'n' }],
    ['DELETE', '/api/delete', { model: 'm' }],
    ['POST', '/api/pull', { model: 'stories260K' }],
    ['POST', '/api/pull', { model: 'stories260K', stream: false }],
  ])('refuses %s %s %j with the reason', async (method, path, body) => {
    const { base } = await open();
    const response = await fetch(`${base}${path}`, { method, body: JSON.stringify(body) });
    const error = expect.stringMatching(/^this server only passes on the models of http:.*; do it there$/);
    expect([response.status, await response.json()]).toEqual([400, { error }]);
  });

  it('does not start without the model, or without the key of the server', async () => {
    await expect(open({ model: ['other'] })).rejects.toThrow('other');
    await expect(open({ key: 'sk-1' })).rejects.toThrow(/key/);
  });
});
