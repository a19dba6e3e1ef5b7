import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '@ogong/host/crypto/secret';
import { expect, it } from 'vitest';
import { createWebhookSender } from './webhooks.ts';

const KEY = Buffer.alloc(24, 7);
const secret = new Secret(`whsec_${KEY.toString('base64')}`);
const event = { type: 'memories.added', data: { memories: ['01'.repeat(16)] } } as const;

it('signs an event, and tries again under the same id', async () => {
  const calls: { readonly headers: Readonly<Record<string, string>>; readonly body: string }[] = [];
  const answers = [new Response('', { status: 500 }), new Error('closed'), new Response(null, { status: 204 })];
  const sender = createWebhookSender({
    pausesMs: [0, 0, 0],
    async post(_, { headers = {}, body = '' }) {
      const answer = answers[calls.push({ headers, body }) - 1];
      if (answer instanceof Response) return answer;
      throw answer;
    },
  });
  await sender.send({ url: 'https://example.com/hook', secret }, event, undefined);
  expect(calls).toHaveLength(3);
  expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  const [{ headers, body }] = calls as [(typeof calls)[number]];
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`);
  expect(JSON.parse(body)).toMatchObject(event);
});

it('gives up after the last try', async () => {
  let tries = 0;
  const post = async () => {
    tries++;
    return new Response('', { status: 302 });
  };
  await createWebhookSender({ pausesMs: [0], post }).send({ url: 'https://example.com', secret }, event, undefined);
  expect(tries).toBe(2);
});

it('calls no machine of the local network', async () => {
  let calls = 0;
  const server = createServer((_, response) => {
    calls++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])
    await createWebhookSender({ pausesMs: [] }).send({ url: `http://${host}:${port}/`, secret }, event, undefined);
  server.close();
  expect(calls).toBe(0);
});
