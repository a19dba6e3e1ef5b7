import { expect, it } from 'vitest';
import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationEvent } from '../interface/text.ts';
import { createRequestPort } from './request-port.ts';

const WINDOW: TextGenerationEvent = { kind: 'window', window: new Uint8Array() as never };
const END = { kind: 'end', text: 'done' } as TextGenerationEvent;
const CRASH = { code: 'engine-crashed', message: 'it ended', retryable: true } as const;

/** Opens one reply, and logs the messages to the host. */
function openReply(signal?: AbortSignal) {
  const port = createRequestPort();
  const log: string[] = [];
  const events = port.stream(
    async () => ({ post: (id) => log.push(`post ${id}`), cancel: (id) => log.push(`cancel ${id}`) }),
    signal,
  );
  const receive = (...given: TextGenerationEvent[]) =>
    port.receive({ kind: 'events', events: given.map((event) => [1, event] as const) });
  return { port, log, events, receive };
}

it('hands events over in order, to readers that wait and to later ones', async () => {
  const { signal } = new AbortController();
  const { log, events, receive } = openReply(signal);
  expect(log).toEqual([]);
  const first = events.next();
  await expect.poll(() => log).toEqual(['post 1']);
  receive(WINDOW, WINDOW, END);
  expect(await first).toEqual({ done: false, value: WINDOW });
  const rest: unknown[] = [];
  for await (const event of events) rest.push(event);
  expect(rest).toEqual([WINDOW, END]);
  signal.dispatchEvent(new Event('abort'));
  await events.return?.();
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(log).toEqual(['post 1']);
});

it('throws a failure once, after the events before it', async () => {
  const { port, log, events, receive } = openReply();
  const first = events.next();
  await expect.poll(() => log).toEqual(['post 1']);
  receive(WINDOW, WINDOW);
  port.receive({ kind: 'error', id: 1, error: CRASH });
  await first;
  expect(await events.next()).toEqual({ done: false, value: WINDOW });
  await expect(events.next()).rejects.toThrow('it ended');
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(log).toEqual(['post 1']);
});

it('cancels a reply once, whether its reader aborts or leaves', async () => {
  const aborting = new AbortController();
  const aborted = openReply(aborting.signal);
  const waiting = aborted.events.next();
  await expect.poll(() => aborted.log).toEqual(['post 1']);
  aborting.abort();
  expect(aborted.log).toEqual(['post 1', 'cancel 1']);
  aborted.port.failAll(new EngineError('cancelled', 'it was cancelled'));
  await expect(waiting).rejects.toThrow('it was cancelled');

  const left = openReply();
  const unread = left.events.next();
  await expect.poll(() => left.log).toEqual(['post 1']);
  await left.events.return?.();
  await left.events.return?.();
  left.receive(WINDOW);
  expect(await unread).toEqual({ done: true, value: undefined });
  expect(left.log).toEqual(['post 1', 'cancel 1']);
});

it('posts nothing for a reader that has left or aborted before the host is open', async () => {
  const { log, events } = openReply();
  const unread = events.next();
  await events.return?.();
  expect(await unread).toEqual({ done: true, value: undefined });
  const aborted = openReply(AbortSignal.abort());
  await expect(aborted.events.next()).rejects.toThrow('cancelled before it began');
  expect([...log, ...aborted.log]).toEqual([]);
});

it('fails if the request cannot be posted, and waits for it no longer', async () => {
  const port = createRequestPort();
  const log: string[] = [];
  const post = (): void => {
    throw new Error('it cannot be cloned');
  };
  const events = port.stream(() => ({ post, cancel: (id) => log.push(`cancel ${id}`) }), undefined);
  await expect(events.next()).rejects.toThrow('it cannot be cloned');
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(log).toEqual(['cancel 1']);
});
