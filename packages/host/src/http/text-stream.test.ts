import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApiApp } from './api-app.ts';
import { streamText, type TextStreamOptions, type WriteText } from './text-stream.ts';

const OPTIONS: TextStreamOptions = {
  headers: { 'content-type': 'text/event-stream' },
  formatFailure: (error) => `failed: ${(error as Error).message}`,
};

interface Bench {
  readonly options?: Partial<TextStreamOptions>;
  readonly signal?: AbortSignal;
  readonly stopping?: AbortSignal;
}

/** Asks an app that streams the texts of `produce`. */
function ask(produce: (write: WriteText) => Promise<void>, { options, signal, stopping }: Bench = {}) {
  const app = createApiApp();
  const work: Promise<unknown>[] = [];
  app.get('/', (context) => streamText(context, produce, { ...OPTIONS, ...options }));
  const request = new Request('http://localhost/', signal ? { signal } : {});
  const bindings = { waitUntil: (one: Promise<unknown>) => void work.push(one), ...(stopping ? { stopping } : {}) };
  return { response: Promise.resolve(app.request(request, undefined, bindings)), work };
}

const silence = (): Promise<never> => new Promise(() => {});

afterEach(() => void vi.useRealTimers());

describe('a streamed text', () => {
  it('comes with its headers, as it was written', async () => {
    const { response, work } = ask(async (write) => {
      await write('one ');
      await write('two');
    });
    const answer = await response;
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(await answer.text()).toBe('one two');
    expect(work).toHaveLength(1);
    await work[0];
  });

  it('that fails before its first text has the status of the failure', async () => {
    const { response } = ask(() => Promise.reject(new Error('no engine')));
    const answer = await response;
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error: { code: 'internal_error' } });
  });

  it('that fails later ends with the failure', async () => {
    const { response } = ask(async (write) => {
      await write('one ');
      throw new Error('engine lost');
    });
    const answer = await response;
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('one failed: engine lost');
  });

  it('waits for its reader', async () => {
    let written = 0;
    // Long enough that no text waits for another.
    const text = 'x'.repeat(16 * 1024);
    const { response } = ask(async (write) => {
      for (; written < 100; written++) await write(text);
    });
    const reader = (await response).body!.getReader();
    await reader.read();
    await reader.read();
    // The pipes on the way hold a few chunks.
    expect(written).toBeLessThan(10);
    for (let isDone = false; !isDone; ) isDone = (await reader.read()).done;
    expect(written).toBe(100);
  });

  it('sends texts that come close together as one, but the first ones at once', async () => {
    // All of them in one moment.
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    const { response } = ask(async (write) => {
      for (let i = 0; i < 200; i++) await write(`${i} `);
    });
    const chunks: string[] = [];
    for await (const chunk of (await response).body!.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
    expect(chunks.join('')).toBe(Array.from({ length: 200 }, (_, i) => `${i} `).join(''));
    expect(chunks.slice(0, 4)).toEqual(['0 ', '1 ', '2 ', '3 ']);
    expect(chunks).toHaveLength(5);
  });

  it('sends texts of one turn as one after a pause', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    const { response } = ask(async (write) => {
      for (let i = 0; i < 4; i++) await write(`${i} `);
      vi.advanceTimersByTime(1_000);
      for (let i = 4; i < 8; i++) await write(`${i} `);
      await new Promise((resolve) => setImmediate(resolve));
    });
    const chunks: string[] = [];
    for await (const chunk of (await response).body!.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
    expect(chunks.slice(4)).toEqual(['4 5 6 7 ']);
  });

  it.each([
    ['14 ms after the one before, once the pause is over', 14, ['4 5 ']],
    ['15 ms after the one before, at once', 15, ['4 ', '5 ']],
  ])('sends a text that comes %s', async (_, pauseMs, expected) => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    const { response } = ask(async (write) => {
      for (let i = 0; i < 4; i++) await write(`${i} `);
      for (let i = 4; i < 6; i++) {
        vi.advanceTimersByTime(i === 4 ? pauseMs : 1);
        await write(`${i} `);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const chunks: string[] = [];
    for await (const chunk of (await response).body!.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
    expect(chunks.slice(4)).toEqual(expected);
  });

  it('sends the last text of a stream that goes on in silence', async () => {
    const rest = Promise.withResolvers<void>();
    const { response } = ask(async (write) => {
      for (let i = 0; i < 9; i++) await write(`${i}`);
      await rest.promise;
    });
    let told = '';
    for await (const chunk of (await response).body!.pipeThrough(new TextDecoderStream())) {
      told += chunk;
      if (told === '012345678') rest.resolve();
    }
    expect(told).toBe('012345678');
  });

  it('that fails sends waiting texts first', async () => {
    const { response } = ask(async (write) => {
      for (let i = 0; i < 9; i++) await write(`${i}`);
      throw new Error('engine lost');
    });
    expect(await (await response).text()).toBe('012345678failed: engine lost');
  });

  it.each(['client', 'server'] as const)('stops its producer when the %s ends', async (who) => {
    const ending = new AbortController();
    let failure: unknown;
    const { response, work } = ask(
      async (write) => {
        // Nobody reads, so a write soon waits for its reader.
        try {
          for (;;) await write('x');
        } catch (error) {
          failure = error;
          throw error;
        }
      },
      who === 'client' ? { signal: ending.signal } : { stopping: ending.signal },
    );
    await response;
    ending.abort(new Error('over'));
    await work[0];
    expect(failure).toEqual(new Error('over'));
  });

  it('does not start for a client that is gone', async () => {
    const { response } = ask(async (write) => await write('one'), { stopping: AbortSignal.abort(new Error('over')) });
    expect((await response).status).toBe(500);
  });

  it('has heartbeats while it is silent and its reader takes them, and none after its end', async () => {
    const heart = Promise.withResolvers<void>();
    const { response, work } = ask(
      async (write) => {
        await heart.promise;
        await write('end');
      },
      { options: { heartbeat: { text: 'beat ', intervalMs: 1 } } },
    );
    const reader = (await response).body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('beat ');
    expect((await reader.read()).value).toBe('beat ');
    heart.resolve();
    const rest: string[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) rest.push(read.value);
    expect(rest.join('')).toMatch(/^(beat )*end$/);
    await work[0];
  });

  it('without a heartbeat sends nothing while it is silent', async () => {
    const client = new AbortController();
    const { response } = ask(silence, { signal: client.signal });
    expect(await Promise.race([response, new Promise((resolve) => setImmediate(() => resolve('silent')))])).toBe(
      'silent',
    );
    client.abort();
  });
});
