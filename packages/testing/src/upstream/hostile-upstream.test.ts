import type { ServerResponse } from 'node:http';
import { createUpstreamEngine, type UpstreamEngine, type UpstreamOptions } from '@ogong/engine/upstream/engine';
import { afterEach, describe, expect, it } from 'vitest';
import { collectReply, createRequest } from '../engine/compliance-requests.ts';
import { type RecordedOptions, type RecordedServer, startRecordedServer } from './recorded-server.ts';

const KEY = 'sk-never-printed-0123456789';
const servers: RecordedServer[] = [];
const engines: UpstreamEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: Partial<RecordedOptions> = {}): Promise<RecordedServer> {
  const server = await startRecordedServer({ kind: 'vllm', ...options });
  servers.push(server);
  return server;
}

async function open(server: RecordedServer, options: Partial<UpstreamOptions> = {}): Promise<UpstreamEngine> {
  const engine = await createUpstreamEngine({ address: server.address, modelRoot: new Uint8Array(32), ...options });
  engines.push(engine);
  return engine;
}

/** A server that is honest while it is probed, and then gives this answer. */
async function turn(
  answer: (response: ServerResponse) => void,
  options: Partial<UpstreamOptions> = {},
): Promise<{ readonly engine: UpstreamEngine; readonly server: RecordedServer }> {
  let isTurned = false;
  const server = await start({
    answer: (_request, response) => {
      if (isTurned) answer(response);
      return isTurned;
    },
  });
  const engine = await open(server, options);
  isTurned = true;
  return { engine, server };
}

const ask = (engine: UpstreamEngine, overrides = {}) => collectReply(engine.generate(createRequest('a', overrides)));
const event = (fields: object): string => `data: ${JSON.stringify({ id: 'x', model: 'toy', ...fields })}\n\n`;
const choice = (fields: object): object => ({ choices: [{ index: 0, text: ' one', finish_reason: null, ...fields }] });
const END = event(choice({ text: '', finish_reason: 'stop' }));
const say = (body: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
};

describe('a hostile answer', () => {
  it.each<[what: string, body: string, words: RegExp]>([
    ['it is cut before its end', event(choice({})), /broke off its answer/],
    ['it ends without saying why', `${event(choice({}))}data: [DONE]\n\n`, /broke off its answer/],
    ['it is of another model', event({ model: 'gpt-2', ...choice({}) }) + END, /another model than toy/],
    ['it ends in a way that nobody asked for', event(choice({ finish_reason: 'tool_calls' })), /nobody asked for/],
    ['it calls a tool', event({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] }), /calls tools/],
    ['its calls are no list', event({ choices: [{ index: 0, delta: { tool_calls: {} } }] }), /tool_calls is no list/],
    [
      'a call is numbered beyond all',
      event({ choices: [{ delta: { tool_calls: [{ index: 128 }] } }] }),
      /index of a call/,
    ],
    ['it is no JSON', 'data: {"choices": NaN}\n\n', /no JSON/],
    ['it nests too deep', `data: ${'['.repeat(100)}\n\n`, /no JSON|nests deeper/],
    ['it is a list', 'data: []\n\n', /no object/],
    ['its text is a number', event(choice({ text: 7 })), /content is no text/],
    ['its usage is negative', event({ choices: [], usage: { completion_tokens: -1 } }), /completion_tokens/],
    ['its usage is a fraction', event({ choices: [], usage: { prompt_tokens: 0.5 } }), /prompt_tokens/],
    ['its usage is a text', event({ choices: [], usage: { prompt_tokens: '9' } }), /prompt_tokens/],
    ['a token id is beyond every vocabulary', event(choice({ token_ids: [2 ** 24] })), /token id/],
    ['it says that it failed', event({ error: { message: `boom\u001b[2J` } }), /failed: boom/],
  ])('%s', async (_what, body, words) => {
    const { engine } = await turn(say(body));
    await expect(ask(engine)).rejects.toMatchObject({ code: 'engine-crashed', message: expect.stringMatching(words) });
  });

  it.each([
    ['null', null],
    ['a text', 'NaN'],
    ['above one', 0.5],
    ['endless', 'infinity'],
  ])('its log-probability is %s', async (_what, logprob) => {
    const shown = {
      tokens: ['a'],
      token_logprobs: [logprob === null ? undefined : logprob],
      top_logprobs: [{ b: logprob }],
    };
    const { engine } = await turn(say(event(choice({ logprobs: shown })) + END));
    await expect(ask(engine, { topLogprobs: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/log-probability/),
    });
  });

  it('that exceeds the limit is aborted at once', async () => {
    let sent = 0;
    const { engine } = await turn(
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const part = Buffer.alloc(64 * 1024, 'x');
        const flood = (): void => {
          while (!response.destroyed && sent < 2 ** 31) {
            sent += part.length;
            if (!response.write(part)) {
              response.once('drain', flood);
              return;
            }
          }
        };
        flood();
      },
      { limits: { maxEventBytes: 128 * 1024 } },
    );
    await expect(ask(engine)).rejects.toMatchObject({ message: expect.stringMatching(/more than 131072 bytes/) });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ['a stream', { maxStreamBytes: 65_536 }, /more than 65536 bytes, which/],
    ['a text', { maxTextBytes: 64 }, /more than 64 bytes of text/],
  ])('bounds %s', async (_what, limits, words) => {
    const { engine } = await turn(say(event(choice({})).repeat(2000) + END), { limits });
    await expect(ask(engine)).rejects.toMatchObject({ message: expect.stringMatching(words) });
  });

  it('is not followed to another host', async () => {
    const other = await start();
    const { engine } = await turn((response) => {
      response.writeHead(307, { location: `${other.address}/v1/completions` }).end();
    });
    await expect(ask(engine)).rejects.toMatchObject({ message: expect.stringMatching(/is not followed/) });
    expect(other.asked).toEqual([]);
  });

  it('times out if the server sends nothing', async () => {
    const { engine } = await turn((response) => void response.writeHead(200).flushHeaders(), {
      limits: { silenceMs: 50 },
    });
    await expect(ask(engine)).rejects.toMatchObject({
      retryable: true,
      message: expect.stringMatching(/said nothing/),
    });
    const late = await turn(() => {}, { limits: { firstByteMs: 2_000 } });
    await expect(ask(late.engine)).rejects.toMatchObject({ message: expect.stringMatching(/does not answer in time/) });
  });

  it('counts at most as many tokens as bytes, and none above the limit', async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 100_000 };
    const { engine } = await turn(say(`${event(choice({}))}${END}${event({ choices: [], usage })}data: [DONE]\n\n`));
    expect((await ask(engine)).counted).toEqual({ promptTokens: 9, outputTokens: ' one'.length + 1 });
    expect((await ask(engine, { maxTokens: 3 })).counted).toEqual({ promptTokens: 9, outputTokens: 3 });
  });
});

describe('a server that fails', () => {
  it.each([
    [429, 'overloaded', true],
    [503, 'overloaded', true],
    [500, 'engine-crashed', true],
    [400, 'invalid-request', false],
    [404, 'model-not-found', false],
    [401, 'engine-crashed', false],
  ])('with status %i is an error of its kind', async (status, code, retryable) => {
    const { engine } = await turn((response) => {
      response.writeHead(status).end(JSON.stringify({ error: { message: 'no' } }));
    });
    await expect(ask(engine)).rejects.toMatchObject({ code, retryable });
  });

  it('is retried, then left alone, and used again once it is back', async () => {
    let failures = 1;
    const server = await start({
      answer: (_request, response) => {
        if (failures-- > 0) response.destroy();
        return failures >= 0;
      },
    });
    failures = 0;
    const engine = await open(server, { limits: { retryMs: [1], restMs: 60_000 } });
    failures = 1;
    expect((await ask(engine)).text.length).toBeGreaterThan(0);
    failures = 1000;
    await expect(ask(engine)).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
    const asked = server.asked.length;
    await expect(ask(engine)).rejects.toMatchObject({
      code: 'overloaded',
      message: expect.stringMatching(/tried again soon/),
    });
    expect(server.asked.length).toBe(asked);
  });
});

describe('a key', () => {
  it('is sent, and occurs in no error, even if the server returns it', async () => {
    const server = await start({ kind: 'openai', key: KEY });
    await open(server, { readKey: () => KEY, contextSize: 128 });
    expect(server.asked.every(({ headers }) => headers.authorization === `Bearer ${KEY}`)).toBe(true);
    const wrong = await open(server, { readKey: () => `${KEY}-wrong`, contextSize: 128 }).catch(
      (error: unknown) => error,
    );
    expect(wrong).toMatchObject({ code: 'engine-crashed', message: expect.stringMatching(/does not take the key/) });
    expect(JSON.stringify(wrong) + String((wrong as Error).stack)).not.toContain(KEY);
    const echo = await turn((response) => response.writeHead(500).end(`{"error":"${KEY}"}`), { readKey: () => KEY });
    await expect(ask(echo.engine)).rejects.toMatchObject({ message: expect.not.stringContaining(KEY) });
  });

  it('is sent only over https or to this machine', async () => {
    const options = { address: 'http://192.0.2.1', modelRoot: new Uint8Array(32), readKey: () => KEY };
    await expect(createUpstreamEngine(options)).rejects.toMatchObject({ message: expect.stringMatching(/over https/) });
  });
});

describe('a context', () => {
  it('has to be configured if the server does not report its size', async () => {
    await expect(open(await start({ kind: 'openai' }))).rejects.toMatchObject({
      message: expect.stringMatching(/--n-ctx/),
    });
  });

  it('is never larger than the server reports', async () => {
    await expect(open(await start(), { contextSize: 512 })).rejects.toMatchObject({
      message: expect.stringMatching(/holds 256 tokens/),
    });
  });
});
