import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openEndpoint, openReferenceEndpoint } from './endpoint.ts';

const PROMPTS = { opening: 'Once', question: 'What?' };
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.closeAllConnections();
});

interface Asked {
  readonly path: string | undefined;
  readonly key: string | undefined;
  readonly body: { readonly prompt?: string; readonly max_tokens?: number };
}

/** A server that answers as a test says. */
async function serve(
  answer: (asked: Asked, response: ServerResponse) => void,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
    const call = { path: request.url, key: request.headers.authorization, body };
    asked.push(call);
    answer(call, response);
  };
  const server = createServer((request, response) => void handle(request, response));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const token = (text: string) => ({ token: text, logprob: -1, bytes: [...Buffer.from(text)] });
const CHAT = {
  choices: [{ logprobs: { content: [{ ...token('a'), top_logprobs: [token('a'), token('b'), token('c')] }] } }],
};
const COMPLETION = {
  choices: [
    {
      text: 'ab',
      logprobs: {
        tokens: ['a', 'b'],
        top_logprobs: [
          { a: -1, b: -2, c: -3 },
          { b: -1, a: -2, c: -3 },
        ],
      },
    },
  ],
};

describe('an endpoint', () => {
  it('is asked by chats from the first missing completion on', async () => {
    const { url, asked } = await serve(({ path }, response) =>
      path === '/v1/chat/completions' ? json(response, 200, CHAT) : json(response, 404, { error: { message: 'none' } }),
    );
    const endpoint = await openEndpoint({ url: `${url}/v1`, model: 'm', apiKey: 'k' });
    const reply = await endpoint.ask(PROMPTS);
    expect(reply).toMatchObject({ isChat: true, prompt: 'What?', tokens: ['61'] });
    expect(reply.listings[0]?.size).toBe(3);
    await endpoint.ask(PROMPTS);
    expect(asked.map(({ path }) => path)).toEqual(['/v1/completions', '/v1/chat/completions', '/v1/chat/completions']);
    expect(asked.every(({ key }) => key === 'Bearer k')).toBe(true);
  });

  it('that is a reference goes on from beginnings of the reply', async () => {
    const { url, asked } = await serve((_, response) =>
      json(response, 200, { choices: [{ logprobs: { tokens: ['c'], top_logprobs: [{ c: -1, d: -2, e: -3 }] } }] }),
    );
    const reference = await openReferenceEndpoint({ url, model: 'm' });
    const listings = Array.from({ length: 7 }, () => new Map([['61', -1]]));
    const listed = await reference.list({ isChat: false, prompt: 'P', tokens: Array(7).fill('61'), listings });
    expect(asked.map(({ body }) => [body.prompt, body.max_tokens])).toEqual([
      ['P', 1],
      ['Paaaaa', 1],
    ]);
    expect(listed.map((list) => list?.get('63'))).toEqual([-1, ...Array(4).fill(undefined), -1, undefined]);
  });

  it('with one model needs no name for it, with more it does', async () => {
    const list = (...ids: string[]) => serve((_, response) => json(response, 200, { data: ids.map((id) => ({ id })) }));
    expect((await openEndpoint({ url: (await list('only')).url })).name).toMatch(/^only at /);
    await expect(openEndpoint({ url: (await list('one', 'two')).url })).rejects.toMatchObject({
      code: 'no-model',
      message: expect.stringContaining('lists one, two'),
    });
  });

  it.each([
    ['refuses the key', 401, { error: { message: 'no such key' } }, 'refused', /401: no such key/],
    ['answers no choice', 200, { choices: [] }, 'malformed', /no choice/],
    ['shows no log-probabilities', 200, { choices: [{ text: 'a' }] }, 'no-logprobs', /nothing to compare/],
    ['answers too much', 200, { text: 'x'.repeat(5 * 1024 * 1024) }, 'malformed', /more than/],
  ])('that %s says so', async (_name, status, body, code, message) => {
    const { url } = await serve((_, response) => json(response, status, body));
    const asked = (await openEndpoint({ url, model: 'm' })).ask(PROMPTS);
    await expect(asked).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('that sends elsewhere, with the key, is not followed', async () => {
    const other = await serve((_, response) => json(response, 200, COMPLETION));
    const { url } = await serve((_, response) =>
      response.writeHead(307, { location: `${other.url}/v1/completions` }).end(),
    );
    await expect((await openEndpoint({ url, model: 'm', apiKey: 'k' })).ask(PROMPTS)).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(other.asked).toEqual([]);
  });
});
