import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { type BodyLimits, readBody, readJsonBody } from './body.ts';

const LIMITS: BodyLimits = { maxBytes: 8, timeoutMs: 60_000 };

/** Reads one request's body. @returns the bytes as text. @throws what the reader throws. */
async function read(init: RequestInit, { reader = readBody, limits = LIMITS } = {}): Promise<string> {
  const app = new Hono();
  let failure: unknown;
  app.onError((error, context) => {
    failure = error;
    return context.body(null, 500);
  });
  app.post('/', async (context) => context.body(new Uint8Array(await reader(context, limits))));
  const response = await app.request(new Request('http://localhost/', { method: 'POST', ...init }));
  if (failure !== undefined) throw failure;
  return response.text();
}

/** A body that arrives in chunks, and then waits if `isOpen`. @param onPull counts the chunks that were asked for. */
function streamOf(chunks: readonly string[], { isOpen = false, onPull = () => {} } = {}): RequestInit {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        onPull();
        const chunk = chunks[next++];
        if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
        else if (!isOpen) controller.close();
        else return new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return { body, duplex: 'half' } as RequestInit;
}

describe('a body', () => {
  it('is read to the last byte, in one piece or several', async () => {
    expect(await read({ body: '12345678' })).toBe('12345678');
    expect(await read(streamOf(['123', '45678']))).toBe('12345678');
    expect(await read({})).toBe('');
  });

  it('is refused if its stated length is over the limit, without reading it', async () => {
    let pulls = 0;
    const init = streamOf(['1'], { onPull: () => pulls++ });
    const headers = { 'content-length': '9' };
    await expect(read({ ...init, headers })).rejects.toMatchObject({ code: 'body_too_large', status: 413 });
    expect(pulls).toBe(0);
  });

  it('is refused once more bytes come than the limit, and the rest stays unread', async () => {
    let pulls = 0;
    const endless = streamOf(Array<string>(1_000).fill('1234'), { onPull: () => pulls++ });
    await expect(read(endless)).rejects.toMatchObject({ code: 'body_too_large' });
    expect(pulls).toBe(3);
  });

  it('is refused if it does not end in time', async () => {
    const limits = { ...LIMITS, timeoutMs: 1 };
    const late = read(streamOf(['1'], { isOpen: true }), { limits });
    await expect(late).rejects.toMatchObject({ code: 'request_timeout', status: 408 });
  });

  it('is refused if its connection breaks', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('connection reset')) });
    const broken = read({ body, duplex: 'half' } as RequestInit);
    await expect(broken).rejects.toMatchObject({ code: 'request_timeout', cause: new Error('connection reset') });
  });

  it('is refused if it is compressed', async () => {
    const headers = { 'content-encoding': 'gzip' };
    await expect(read({ body: '1', headers })).rejects.toMatchObject({ code: 'unsupported_media_type' });
    expect(await read({ body: '1', headers: { 'content-encoding': 'identity' } })).toBe('1');
  });
});

describe('a JSON body', () => {
  const send = (type: string) =>
    read({ body: '{}', headers: { 'content-type': type } }, { reader: readJsonBody, limits: LIMITS });

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset=UTF-8'])(
    'is taken as %s',
    async (type) => expect(await send(type)).toBe('{}'),
  );

  // A web page can send the first two without a preflight request.
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'application/jsonp'])(
    'is refused as %s',
    async (type) => {
      await expect(send(type)).rejects.toMatchObject({ code: 'unsupported_media_type', status: 415 });
    },
  );
});
