import { createServer } from 'node:http';
import { type AddressInfo, createServer as createConnectionServer } from 'node:net';
import { toBase64, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { createCheckedFetch, type FetchFile } from './checked-fetch.ts';
import { createPictureFetcher, type PictureFetcherOptions } from './picture-fetch.ts';

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4);
const PLACE = 'https://pictures.example/a.png';
const ROOM = 1_000;

const read = (...urls: readonly string[]) =>
  detachMedia(crypto, utf8Encode(JSON.stringify({ images: urls.map((url) => ({ image_url: url })) })), {
    keepsAddresses: true,
  });
const fill = (options: PictureFetcherOptions, ...urls: readonly string[]) =>
  createPictureFetcher(options).fill(read(...urls), { maxBytes: ROOM, signal: new AbortController().signal });

/** Answers by address; any other address is refused as unreachable. */
function answer(answers: Readonly<Record<string, () => Response>>) {
  const calls: string[] = [];
  const fetch: FetchFile = async (address) => {
    calls.push(address);
    const found = answers[address];
    if (found === undefined) throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED 10.0.0.7:22') });
    return found();
  };
  return { calls, fetch };
}
const serve = (bytes: Uint8Array, headers = {}) => new Response(new Uint8Array(bytes), { headers });
const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

describe('pictures at addresses', () => {
  it('are those of the same request with data URLs', async () => {
    const { fetch } = answer({ [PLACE]: () => serve(PNG) });
    const { media, fill: put } = await fill({ fetch }, PLACE, PLACE);
    const inData = `data:image/png;base64,${toBase64(PNG)}`;
    const expected = read(inData, inData);
    expect(utf8Decode(put(read(PLACE, PLACE).body))).toBe(utf8Decode(expected.body));
    expect([...media]).toEqual([...expected.media]);
  });

  it('are behind at most three redirects, each of which is called anew', async () => {
    const chain = (last: number) =>
      answer(
        Object.fromEntries(
          Array.from({ length: last + 1 }, (_, i) => [
            `https://pictures.example/${i}`,
            () => (i === last ? serve(PNG) : redirect(`/${i + 1}`)),
          ]),
        ),
      );
    const short = chain(3);
    await fill({ fetch: short.fetch }, 'https://pictures.example/0');
    expect(short.calls).toHaveLength(4);
    await expect(fill({ fetch: chain(4).fetch }, 'https://pictures.example/0')).rejects.toThrow('redirects too often');
  });

  it.each<[string, () => Response, string, string]>([
    [
      'no picture',
      () => serve(utf8Encode('<html></html>'), { 'content-type': 'image/png' }),
      'invalid_media',
      'no PNG',
    ],
    ['nothing', () => serve(new Uint8Array(0)), 'invalid_media', 'no PNG'],
    ['a large length', () => serve(PNG, { 'content-length': '1001' }), 'invalid_media', '1000 are left'],
    ['another status', () => new Response('x', { status: 404 }), 'unreachable_media_url', 'status 404'],
    ['a redirect without a place', () => new Response(null, { status: 302 }), 'unreachable_media_url', 'status 302'],
    ['a redirect to http', () => redirect('http://pictures.example/'), 'unreachable_media_url', 'to http'],
    ['a redirect to a file', () => redirect('file:///etc/passwd'), 'unsupported_media_url', 'http or https'],
  ])('are refused if the server answers with %s', async (_what, response, code, message) => {
    const { fetch } = answer({ [PLACE]: response });
    const refused = fill({ fetch }, PLACE);
    await expect(refused).rejects.toMatchObject({ name: 'RequestError', code, param: 'images[0].image_url' });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow('send the file itself as data:');
  });

  it.each([
    ['a password', 'https://me:secret@pictures.example/'],
    ['the port of another service', 'http://pictures.example:25/'],
    ['no host', 'https://'],
  ])('are refused at an address with %s, and nobody is called', async (_what, address) => {
    const { fetch, calls } = answer({});
    await expect(fill({ fetch }, address)).rejects.toMatchObject({ code: 'unsupported_media_url' });
    expect(calls).toEqual([]);
  });

  it('end as soon as their bytes are no picture, or too many', async () => {
    const send = (first: Uint8Array) => {
      let pieces = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            controller.enqueue(pieces === 0 ? new Uint8Array(first) : new Uint8Array(100));
            pieces++;
          },
        },
        { highWaterMark: 0 },
      );
      return { count: () => pieces, response: () => new Response(body) };
    };
    const text = send(utf8Encode('<!doctype html>'));
    await expect(fill(answer({ [PLACE]: text.response }), PLACE)).rejects.toThrow('no PNG');
    expect(text.count()).toBe(1);
    const endless = send(PNG);
    await expect(fill(answer({ [PLACE]: endless.response }), PLACE)).rejects.toThrow('too many bytes');
    expect(endless.count()).toBe(11);
  });

  it('may come byte by byte, from a buffer that is used again', async () => {
    const scratch = new Uint8Array(1);
    let at = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (at === PNG.length) return controller.close();
          scratch[0] = PNG[at++] as number;
          controller.enqueue(scratch);
        },
      },
      { highWaterMark: 0 },
    );
    const { media } = await fill(answer({ [PLACE]: () => new Response(body) }), PLACE);
    expect([...media.values()]).toEqual([PNG]);
  });

  it('share the room of one request with the pictures that came with it', async () => {
    const large = Uint8Array.from({ length: 600 }, (_, i) => PNG[i] ?? 0);
    const [one, two] = [`${PLACE}?1`, `${PLACE}?2`];
    const { fetch } = answer({ [one]: () => serve(large), [two]: () => serve(large) });
    await expect(fill({ fetch }, one, two)).rejects.toThrow('400 are left');
    await expect(fill({ fetch }, one, `data:image/png;base64,${toBase64(large)}`)).rejects.toThrow('400 are left');
  });

  it('are refused in one sentence for every address that nobody answers at', async () => {
    const dead = fill({ fetch: answer({}).fetch }, PLACE);
    await expect(dead).rejects.toThrow('no server of the public internet answered in time');
    await expect(dead).rejects.not.toThrow('10.0.0.7');
    const silent: FetchFile = (_address, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    await expect(fill({ fetch: silent, patienceMs: 1 }, PLACE)).rejects.toThrow('answered in time');
  });

  it('are not read from this machine', async () => {
    let calls = 0;
    const server = createServer((_request, response) => {
      calls++;
      response.end(PNG);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const host of ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'])
        await expect(fill({}, `http://${host}:${port}/`)).rejects.toMatchObject({ code: 'unreachable_media_url' });
      const { fetch } = answer({ [PLACE]: () => redirect(`https://127.0.0.1:${port}/`) });
      await expect(fill({ fetch }, PLACE)).rejects.toMatchObject({ code: 'unreachable_media_url' });
      expect(calls).toBe(0);
    } finally {
      server.close();
    }
  });

  it('are refused if their server changes the protocol of the connection', async () => {
    const server = createConnectionServer((socket) => {
      socket.on('error', () => undefined);
      const answer = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n';
      socket.once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const fetch = createCheckedFetch({ isAllowed: () => true });
      const refused = fill({ fetch }, `http://127.0.0.1:${port}/`);
      await expect(refused).rejects.toMatchObject({ code: 'unreachable_media_url' });
    } finally {
      server.close();
    }
  });

  it('are fetched for so many requests at once, and a refused one gives its place back', async () => {
    const waiting: (() => void)[] = [];
    const fetch: FetchFile = () => new Promise((resolve) => waiting.push(() => resolve(serve(PNG))));
    const fetcher = createPictureFetcher({ fetch, maxRequests: 1 });
    const bounds = { maxBytes: ROOM, signal: new AbortController().signal };
    const first = fetcher.fill(read(PLACE), bounds);
    await expect(fetcher.fill(read(PLACE), bounds)).rejects.toMatchObject({ code: 'too_many_requests' });
    await fetcher.fill(read(), bounds);
    waiting[0]?.();
    await first;
    const next = fetcher.fill(read(PLACE), bounds);
    waiting[1]?.();
    await next;
  });
});
