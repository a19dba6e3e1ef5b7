import { createLogger } from '@ogong/host/log/logger';
import { expect, it } from 'vitest';
import { createCallRunner, toResult } from './tool-calls.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const { signal } = new AbortController();

it('answers a call in time whose work never ends, and keeps its place until then', async () => {
  const work = Promise.withResolvers<ReturnType<typeof toResult>>();
  const run = createCallRunner({ concurrency: 1, timeoutMs: 20 }, log);
  const late = await run('ask', signal, () => work.promise);
  expect(late).toMatchObject({ isError: true, content: [{ text: 'the call took longer than 20 ms' }] });
  const next = () => run('ask', signal, async () => toResult({ done: true }));
  expect(await next()).toMatchObject({
    isError: true,
    content: [{ text: expect.stringMatching(/^1 calls run already/) }],
  });
  work.resolve(toResult({}));
  await work.promise;
  expect(await next()).toEqual(toResult({ done: true }));
});
