import { toBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { type Context, Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { type MediaBody, type MediaBodyLimits, readMediaBody, readSplitBody } from './media-body.ts';

const LIMITS: MediaBodyLimits = { maxBytes: 120, mediaBytes: 300, timeoutMs: 60_000 };
const PICTURE = new Uint8Array(300).fill(7);
const written = (bytes: Uint8Array, more = {}): string =>
  JSON.stringify({ image: `data:image/png;base64,${toBase64(bytes)}`, ...more });

/** Reads one request's body. @throws errors of the reader. */
async function read<T = MediaBody>(
  body: string,
  limits: MediaBodyLimits = LIMITS,
  reader: (context: Context, limits: MediaBodyLimits) => Promise<T> = readMediaBody as never,
): Promise<T> {
  const app = new Hono();
  let found: T | undefined;
  let failure: unknown;
  app.onError((error, context) => {
    failure = error;
    return context.body(null, 500);
  });
  app.post('/', async (context) => {
    found = await reader(context, limits);
    return context.body(null);
  });
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
  await app.request(new Request('http://localhost/', { method: 'POST', body, headers }));
  if (found === undefined) throw failure;
  return found;
}

describe('a body with media', () => {
  it('is read with room for their base64, and without them', async () => {
    const { body, media } = await read(written(PICTURE));
    const reference = toReference(crypto, PICTURE);
    expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ image: reference });
    expect([...media]).toEqual([[reference, PICTURE]]);
  });

  it('is too large if the rest of it is, or if no media are taken', async () => {
    const tooLarge = expect.objectContaining({ code: 'body_too_large' });
    await expect(read(written(Uint8Array.of(1), { user: 'x'.repeat(200) }))).rejects.toEqual(tooLarge);
    await expect(read(written(new Uint8Array(900)))).rejects.toEqual(tooLarge);
    await expect(read(written(PICTURE), { ...LIMITS, mediaBytes: 0 })).rejects.toEqual(tooLarge);
  });

  it('needs memory that its reader may refuse, before it is read', async () => {
    const reserved: number[] = [];
    const reserve = (bytes: number): void => void reserved.push(bytes);
    await read('{}', { ...LIMITS, reserve });
    expect(reserved).toEqual([]);
    const large = written(PICTURE);
    await read(large, { ...LIMITS, reserve });
    expect(reserved).toEqual([large.length]);
    const refuse = (): never => {
      throw new Error('no room');
    };
    await expect(read(large, { ...LIMITS, reserve: refuse })).rejects.toThrow('no room');
  });

  it('needs memory for the JSON that is made of a form', async () => {
    const reserved: number[] = [];
    const app = new Hono();
    app.post('/', async (context) => {
      const limits = { ...LIMITS, reserve: (bytes: number) => void reserved.push(bytes) };
      await readMediaBody(context, limits, async () => utf8Encode('{}'));
      return context.body(null);
    });
    for (const bytes of [90, 93]) {
      const headers = { 'content-type': 'multipart/form-data; boundary=x', 'content-length': String(bytes) };
      await app.request(new Request('http://localhost/', { method: 'POST', body: new Uint8Array(bytes), headers }));
    }
    // 93 bytes are 124 in base64, and a body of 120 needs no permission.
    expect(reserved).toEqual([124]);
  });
});

describe('a body of several orders', () => {
  const readSplit = (body: string, limits: MediaBodyLimits, mostBytes: number) =>
    read(body, limits, (context, given) => readSplitBody(context, given, mostBytes));
  const large = `${' '.repeat(198)}{}`;

  it('has the room of media, up to its own bound, and needs memory that its reader may refuse', async () => {
    const reserved: number[] = [];
    const reserve = (bytes: number): void => void reserved.push(bytes);
    expect(await readSplit(large, { ...LIMITS, reserve }, 200)).toHaveLength(200);
    expect(await readSplit('{}', { ...LIMITS, reserve }, 200)).toHaveLength(2);
    expect(reserved).toEqual([200]);
  });

  it.each([
    ['its own bound', LIMITS, 199],
    ['one order, without room for media', { ...LIMITS, mediaBytes: 0 }, 200],
    ['one order, without a bound of its own', LIMITS, 0],
  ])('is too large beyond %s', async (_what, limits, mostBytes) => {
    const tooLarge = expect.objectContaining({ code: 'body_too_large' });
    await expect(readSplit(large, limits, mostBytes)).rejects.toEqual(tooLarge);
  });
});
