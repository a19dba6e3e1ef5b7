import { Readable } from 'node:stream';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeFramed, FRAMED_TYPE } from '@ogong/protocol/http/framed-body';
import { type Context, Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BodyLimits, isFramed, readBody, readFramedBody, readJsonBody } from './body.ts';

const LIMITS: BodyLimits = { maxBytes: 8, timeoutMs: 60_000 };

/** Reads one request's body. @returns the bytes as text. @throws errors of the reader. */
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

/** A body that arrives in chunks, and then waits if `isOpen`. @param onPull counts the requested chunks. */
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

  it('is copied as it comes, so that only the bytes of many small pieces stay', async () => {
    const piece = new Uint8Array(1);
    let at = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (at === 5_000) return controller.close();
          piece[0] = 0x61 + (at++ % 26);
          controller.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
    const expected = Array.from({ length: 5_000 }, (_, i) => String.fromCharCode(0x61 + (i % 26))).join('');
    const limits = { ...LIMITS, maxBytes: 5_000 };
    expect(await read({ body, duplex: 'half' } as RequestInit, { limits })).toBe(expected);
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

describe('a body from a server of Node', () => {
  /** Reads a message without a web stream: the request's own body is another. */
  async function receive(incoming: Readable, limits = LIMITS): Promise<string> {
    const app = new Hono();
    const result = Promise.withResolvers<Uint8Array>();
    app.post('/', async (context) => {
      await readBody(context, limits).then(result.resolve, result.reject);
      return context.body(null);
    });
    void app.request('/', { method: 'POST', body: 'web' }, { incoming });
    return Buffer.from(await result.promise).toString();
  }
  const open = (text = ''): Readable => {
    const incoming = new Readable({ read: () => {} });
    if (text !== '') incoming.push(text);
    return incoming;
  };

  it('is read to the last byte, in one piece or several', async () => {
    expect(await receive(Readable.from([Buffer.from('123'), Buffer.from('45678')]))).toBe('12345678');
    expect(await receive(Readable.from([]))).toBe('');
  });

  it('is read as a web stream once a part of it is gone', async () => {
    const incoming = open('1');
    incoming.read();
    expect(await receive(incoming)).toBe('web');
  });

  it('is refused once more bytes come than the limit, and the rest waits', async () => {
    const incoming = open('123456789');
    await expect(receive(incoming)).rejects.toMatchObject({ code: 'body_too_large', status: 413 });
    expect([incoming.isPaused(), incoming.listenerCount('data')]).toEqual([true, 0]);
  });

  it('is refused if it does not end in time', async () => {
    const late = receive(open('1'), { ...LIMITS, timeoutMs: 1 });
    await expect(late).rejects.toMatchObject({ code: 'request_timeout', status: 408 });
  });

  it('is refused if its connection breaks', async () => {
    const incoming = open('1');
    setImmediate(() => incoming.destroy());
    await expect(receive(incoming)).rejects.toMatchObject({ code: 'request_timeout' });
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

describe('a message with bytes behind it', () => {
  const schema = z.strictObject({ a: z.int() });
  const limits = { maxBytes: 64, timeoutMs: 60_000, maxJsonLength: 7 };
  const send = (body: Uint8Array, type = FRAMED_TYPE) =>
    read(
      { body: body as Uint8Array<ArrayBuffer>, headers: { 'content-type': type } },
      {
        reader: async (context) => {
          const { message, bytes } = await readFramedBody(context, limits, schema);
          return utf8Encode(`${message.a}:${bytes.join()}`);
        },
      },
    );

  it('is read as its form says, and the bytes as they are', async () => {
    expect(await send(encodeFramed({ a: 1 }, Uint8Array.of(200, 201)))).toBe('1:200,201');
  });

  it('is refused under another type', async () => {
    const sent = send(encodeFramed({ a: 1 }, new Uint8Array()), 'application/json');
    await expect(sent).rejects.toMatchObject({ code: 'unsupported_media_type', status: 415 });
  });

  it.each([
    ['of another form', encodeFramed({ b: 1 }, new Uint8Array()), 400],
    ['that is longer than it may be', encodeFramed({ a: 10 }, new Uint8Array()), 400],
    ['without a length', utf8Encode('{}'), 400],
    ['with more bytes behind it than may come', encodeFramed({ a: 1 }, new Uint8Array(64)), 413],
  ])('%s is refused', async (_, body, status) => {
    await expect(send(body)).rejects.toMatchObject({ status });
  });

  it.each([
    [FRAMED_TYPE, true],
    ['application/json', false],
    // A request that a web page can send without a preflight.
    ['text/plain', false],
    [undefined, false],
  ])('is one under the type %s: %s', async (type, expected) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const reader = async (context: Context) => utf8Encode(String(isFramed(context)));
    expect(await read({ body: new Uint8Array(1), headers }, { reader })).toBe(String(expected));
  });
});
