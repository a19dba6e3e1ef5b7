import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { allowOrigins } from './access.ts';

const app = new Hono();
app.use(allowOrigins(['http://page.test']));
app.on(['GET', 'POST'], '/', (context) => context.json({}));

const ask = async (method: string, headers: Record<string, string> = {}) => {
  const answer = await app.request('/', { method, headers });
  return ['access-control-allow-origin', 'access-control-expose-headers'].map((name) => answer.headers.get(name));
};

it('shows an answer to the pages of named origins, and to no others', async () => {
  for (const method of ['GET', 'POST']) {
    expect(await ask(method, { origin: 'http://page.test' })).toEqual([
      'http://page.test',
      expect.stringContaining('x-request-id'),
    ]);
    expect((await ask(method, { origin: 'http://evil.test' }))[0]).toBeNull();
  }
});

it('adds no headers for pages to the answer of a POST without an origin', async () => {
  expect(await ask('POST')).toEqual([null, null]);
  expect((await ask('GET'))[1]).toContain('x-request-id');
});
