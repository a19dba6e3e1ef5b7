import { expect, it } from 'vitest';
import { MemoryError } from '../memory-error.ts';
import type { MemoryService } from '../memory-service.ts';
import { createImports, type ImportOrder } from './imports.ts';

const conversations = [{ threadId: 't', messages: [{ role: 'user', content: 'I live in Porto.' }] }];
const options = { signal: new AbortController().signal, explain: (error: unknown) => (error as MemoryError).code };

const order = (add: MemoryService['add'], user = 'ana'): ImportOrder => ({
  ...{ user, source: 'claude', agentId: '', conversations },
  service: { add } as MemoryService,
});

it('tries a call again that failed for a while, and no other', async () => {
  const imports = createImports([0, 0]);
  let tries = 0;
  const failing = (code: 'conflict' | 'model', count: number) => async () => {
    if (++tries <= count) throw new MemoryError(code, 'no');
    return { memories: [], refused: [], duplicates: ['The user lives in Porto'], isRepeated: false };
  };
  const ended = await imports.start(order(failing('conflict', 2)), options).ended;
  expect([ended, tries]).toMatchObject([{ state: 'done', callsDone: 1, duplicates: 1 }, 3]);
  tries = 0;
  const failed = await imports.start(order(failing('model', 1)), options).ended;
  expect([failed, tries]).toMatchObject([{ state: 'failed', error: 'model', callsDone: 0 }, 1]);
  tries = 0;
  expect(await imports.start(order(failing('conflict', 9)), options).ended).toMatchObject({ state: 'failed' });
  expect(tries).toBe(3);
});

it('runs few imports of one user, and leaves room for others', () => {
  const imports = createImports();
  const wait = order(() => new Promise(() => undefined));
  for (let i = 0; i < 3; i++) imports.start(wait, options);
  expect(() => imports.start(wait, options)).toThrow('other imports run');
  const other = imports.start({ ...wait, user: 'bo' }, options).status;
  expect([imports.get('bo', other.id)?.state, imports.get('ana', other.id)]).toEqual(['queued', undefined]);
});

it('gives a conversation its own source', async () => {
  const requests: object[] = [];
  const add: MemoryService['add'] = async (_, { source, threadId }) => {
    requests.push({ source, threadId });
    return { memories: [], refused: [], duplicates: [], isRepeated: false };
  };
  const pages = conversations.map((one) => ({ ...one, source: 'file#page=1' }));
  await createImports().start({ ...order(add), conversations: [...pages, ...conversations] }, options).ended;
  expect(requests).toEqual([
    { source: 'file#page=1', threadId: 't' },
    { source: 'claude', threadId: 't' },
  ]);
});
