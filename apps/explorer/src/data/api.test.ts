import { expect, it } from 'vitest';
import { createPublicApi } from './api.ts';

it('reads a published receipt if the gateway demands a key for the other one', async () => {
  const asked: string[] = [];
  const answer = async (input: string | URL | Request): Promise<Response> => {
    const { pathname } = new URL(String(input));
    asked.push(pathname);
    return pathname === '/public/receipts/ab' ? new Response('{"format":"a"}') : Response.json({}, { status: 401 });
  };
  const api = createPublicApi('http://gateway.test', answer as typeof fetch);
  expect(await api.receipt('ab')).toBe('{"format":"a"}');
  expect(asked).toEqual(['/v1/receipts/ab', '/public/receipts/ab']);
  await expect(api.receipt('cd')).rejects.toMatchObject({ status: 401 });
});
