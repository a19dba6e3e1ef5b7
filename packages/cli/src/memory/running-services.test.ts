import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assertServed, findService } from './running-services.ts';

const ANSWERS: Readonly<Record<string, object>> = {
  '/v1/memories?limit=1': { memories: [], has_more: false },
  '/v1/models': { data: [{ id: 'chat' }, { id: 'words' }] },
};
const services = [ANSWERS, {}].map((answers: Readonly<Record<string, object>>) =>
  createServer(({ url = '' }, response) => void response.end(JSON.stringify(answers[url] ?? { error: 'none' }))),
);
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(() =>
  Promise.all(services.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))),
);
afterAll(() => services.map((server) => server.close()));

it('finds a memory service, and no other one', async () => {
  const [own, other] = services.map(portOf) as [number, number];
  expect(await findService({ host: '127.0.0.1', port: own })).toBe(`http://127.0.0.1:${own}`);
  expect(await findService({ host: '127.0.0.1', port: other })).toBeUndefined();
  expect(await findService({ host: '127.0.0.1', port: 1 })).toBeUndefined();
  expect(await findService({ host: '127.0.0.1', port: 0 })).toBeUndefined();
});

it('accepts local mode with the names, and explains another one', async () => {
  const [own, other] = services.map((server) => `http://127.0.0.1:${portOf(server)}`) as [string, string];
  await assertServed(own, ['chat', 'words']);
  await expect(assertServed(own, ['chat', 'qwen'])).rejects.toThrow('local mode has no qwen; it has chat, words');
  await expect(assertServed(other, ['chat'])).rejects.toThrow(`no local mode answers at ${other}`);
});
