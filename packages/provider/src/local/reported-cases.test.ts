import { AGENT_BODIES, missingReportedCases, readReportedCase } from '@ogong/testing/clients/reported-case';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('large')],
    open: (reference) => createFakeEngine({ contextSize: reference.endsWith('large') ? 131_072 : 512 }),
  });
});
afterAll(() => fixture.close());

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
type Body = any;

describe.skipIf(missingReportedCases !== undefined)('a request that failed once, with local mode', () => {
  async function send(name: string): Promise<{ status: number; ignored: string | null; body: Body }> {
    const { path, init } = readReportedCase(name, 'fake');
    const response = await fetch(`${fixture.base}${path}`, init);
    return { status: response.status, ignored: response.headers.get('x-ogong-ignored'), body: await response.json() };
  }

  it('has no citations in its answer (Anthropic)', async () => {
    const { status, body } = await send('anthropic-citations-null');
    expect([status, body.content[0].type, 'citations' in body.content[0]]).toEqual([200, 'text', false]);
  });

  it.each([
    ['anthropic-thread', 'thread'],
    ['ollama-unknown-top-level', 'temperature, max_output_tokens'],
    ['ollama-repeat-penalty', 'options.repeat_penalty'],
    ['responses-built-in-and-custom-tools', 'tools[1], tools[2]'],
  ])('is answered, and what is left out is named: %s', async (name, ignored) => {
    expect(await send(name)).toMatchObject({ status: 200, ignored });
  });

  it('has a prompt that is too long', async () => {
    const { status, body } = await send('openai-prompt-too-long');
    expect([status, body.error.code]).toEqual([400, 'context_length_exceeded']);
  });
});

describe('the first request of a coding agent', () => {
  it.each(Object.keys(AGENT_BODIES))('is answered at %s by a model whose context holds it', async (path) => {
    const body = { model: 'large', seed: 1, temperature: 0, stream: true, ...AGENT_BODIES[path] };
    // Only the begin of the answer is awaited.
    const call = new AbortController();
    const response = await fetch(`${fixture.base}${path}`, {
      ...{ method: 'POST', body: JSON.stringify(body), signal: call.signal },
    });
    call.abort();
    expect(response.status).toBe(200);
  });

  it.each(Object.keys(AGENT_BODIES))('has the error of the context at %s by a smaller one', async (path) => {
    const response = await fixture.post(path, { model: 'fake', ...AGENT_BODIES[path] });
    const { error } = (await response.json()) as { error: { message: string } };
    expect([response.status, error.message]).toEqual([
      400,
      expect.stringMatching(/maximum context length is 512 tokens|prompt is too long: \d+ tokens > 511 maximum/),
    ]);
  });
});
