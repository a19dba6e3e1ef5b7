import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { ApiError } from './api-error.ts';
import { type FormFields, readFormBody } from './form-body.ts';

const FIELDS: FormFields = { numbers: ['n'], booleans: ['stream'], json: ['ogong'] };

/** Reads one request's body. @throws errors of the reader. */
async function read(body: FormData | string, headers: Record<string, string> = {}, maxBytes = 4_096): Promise<unknown> {
  const app = new Hono();
  let found: unknown;
  let failure: unknown;
  app.onError((error, context) => {
    failure = error;
    return context.body(null, 500);
  });
  app.post('/', async (context) => {
    found = JSON.parse(new TextDecoder().decode(await readFormBody(context, { maxBytes, timeoutMs: 60_000 }, FIELDS)));
    return context.body(null);
  });
  await app.request(new Request('http://localhost/', { method: 'POST', body, headers }));
  if (found === undefined) throw failure;
  return found;
}

function formOf(...fields: readonly (readonly [name: string, value: string | Blob])[]): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

describe('a form', () => {
  it('is read as JSON, with files as data URLs', async () => {
    const file = new Blob([Uint8Array.of(1, 2, 3)], { type: 'image/webp' });
    const plain = new Blob([Uint8Array.of(4)], { type: 'no type' });
    const found = await read(
      formOf(['prompt', '5'], ['n', '2'], ['stream', 'true'], ['ogong', '{"a":1}'], ['image[]', file], ['mask', plain]),
    );
    expect(found).toEqual({
      ...{ prompt: '5', n: 2, stream: true, ogong: { a: 1 } },
      image: ['data:image/webp;base64,AQID'],
      mask: 'data:application/octet-stream;base64,BA==',
    });
  });

  it('reads a list of very many values in a time that grows with their number', { timeout: 10_000 }, async () => {
    const count = 60_000;
    const part = '--x\r\ncontent-disposition: form-data; name="a[]"\r\n\r\n1\r\n';
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const found = (await read(`${part.repeat(count)}--x--\r\n`, headers, 4 << 20)) as { readonly a: string[] };
    expect(found.a).toHaveLength(count);
  });

  it('keeps a text that is no value of its kind', async () => {
    const given = formOf(['n', 'two'], ['stream', '1'], ['ogong', '{']);
    expect(await read(given)).toEqual({ n: 'two', stream: '1', ogong: '{' });
  });

  it('is JSON for a client that sends JSON', async () => {
    expect(await read('{"n":1}', { 'content-type': 'application/json' })).toEqual({ n: 1 });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['of a web page', () => read(formOf(['n', '1']), { origin: 'https://example.org' }), 'unsupported_media_type'],
    ['with a field twice', () => read(formOf(['n', '1'], ['n', '2'])), 'invalid_request'],
    ['with a field of every object', () => read(formOf(['__proto__', '1'])), 'invalid_request'],
    ['that is too large', () => read(formOf(['n', 'x'.repeat(5_000)])), 'body_too_large'],
    [
      'whose files are too large in base64',
      () => read(formOf(['image', new Blob(['x'.repeat(3_500)])])),
      'body_too_large',
    ],
    ['that is none', () => read('x', { 'content-type': 'multipart/form-data; boundary=a' }), 'invalid_request'],
  ])('%s is refused', async (_what, call, code) => {
    const error = await call().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).code).toBe(code);
  });
});
