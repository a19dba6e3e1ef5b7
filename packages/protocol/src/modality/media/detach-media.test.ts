import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { MAX_MEDIA_BYTES, MAX_MEDIA_PARTS } from '../../exchange/limits.ts';
import { RequestError } from '../shared/request-error.ts';
import { attachMedia, detachMedia, fillMedia, listMediaReferences, toReference } from './detach-media.ts';
import { mediaBytes } from './media.ts';

const A = Uint8Array.of(1, 2, 3, 4);
const B = Uint8Array.of(250, 251);
const refer = (bytes: Uint8Array): string => toReference(crypto, bytes);
const url = (bytes: Uint8Array, type = 'image/png'): string => `data:${type};base64,${toBase64(bytes)}`;
const encode = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));
const chat = (...urls: unknown[]) => ({
  model: 'm',
  messages: [{ role: 'user', content: urls.map((each) => ({ type: 'image_url', image_url: { url: each } })) }],
});
const detach = (value: unknown) => detachMedia(crypto, encode(value));
const read = (body: Uint8Array): unknown => JSON.parse(utf8Decode(body));
const refusalOf = (work: () => unknown): Partial<RequestError> => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    const { message, param, code } = error as RequestError;
    return { message, param, code };
  }
  throw new Error('not refused');
};

describe('detaching', () => {
  it.each([
    ['a chat', chat(url(A)), chat(refer(A))],
    [
      'a chat without the object',
      { messages: [{ content: [{ image_url: url(A) }] }] },
      { messages: [{ content: [{ image_url: refer(A) }] }] },
    ],
    [
      'a response',
      { input: [{ content: [{ type: 'input_image', image_url: url(A) }] }, { output: [{ image_url: url(B) }] }] },
      { input: [{ content: [{ type: 'input_image', image_url: refer(A) }] }, { output: [{ image_url: refer(B) }] }] },
    ],
    [
      "Anthropic's messages",
      {
        messages: [
          { content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: toBase64(A) } }] },
          { content: [{ content: [{ source: { data: toBase64(B), type: 'base64' } }] }] },
        ],
      },
      {
        messages: [
          { content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: refer(A) } }] },
          { content: [{ content: [{ source: { data: refer(B), type: 'base64' } }] }] },
        ],
      },
    ],
    [
      "Ollama's bodies",
      { images: [toBase64(A)], messages: [{ images: [url(B), toBase64(A)] }] },
      { images: [refer(A)], messages: [{ images: [refer(B), refer(A)] }] },
    ],
    ['edits', { image: url(A), mask: url(B) }, { image: refer(A), mask: refer(B) }],
    ['links', { first_step: 1, latent: url(A) }, { first_step: 1, latent: refer(A) }],
    [
      'edits of several pictures',
      { image: [url(A), url(B)], images: [{ image_url: url(A) }], mask: { image_url: url(B) } },
      { image: [refer(A), refer(B)], images: [{ image_url: refer(A) }], mask: { image_url: refer(B) } },
    ],
  ])('takes the data URLs out of %s', (_name, written, expected) => {
    const { body, media } = detach(written);
    expect(read(body)).toEqual(expected);
    for (const [reference, bytes] of media) expect(refer(bytes)).toBe(reference);
    expect(listMediaReferences(body)).toEqual([...media.keys()]);
    expect(detachMedia(crypto, encode({ model: 'm' })).media.size).toBe(0);
  });

  it('keeps every other byte', () => {
    const text = `{ "messages" :[{"content":[ {"image_url":\t{"url": "${url(A).replaceAll('/', '\\/')}" , "a":1e3}} ]}],"x":"data:,\\"","n":1.0}\n`;
    const { body } = detachMedia(crypto, utf8Encode(text));
    expect(utf8Decode(body)).toBe(text.replace(/"data:image[^"]*"/, `"${refer(A)}"`));
  });

  it('returns a body without media as it is, also one that is no JSON', () => {
    for (const text of [
      '{"model":"m"}',
      '{"image":',
      '{"image" "data:',
      '["image"',
      '{"image":}',
      '\ufeff{"image":1}',
    ]) {
      const written = utf8Encode(text);
      expect(detachMedia(crypto, written).body).toBe(written);
    }
    const noText = Uint8Array.of(0x7b, 0xff);
    expect(detachMedia(crypto, noText).body).toBe(noText);
  });

  it('leaves strings that only look like media', () => {
    const example = { image_url: 'https://example.org/a.png', source: { type: 'base64', data: '?' }, image: url(A) };
    const written = {
      messages: [
        { role: 'user', content: url(A) },
        { content: [{ type: 'document', source: { type: 'text', data: 'plain text' } }] },
      ],
      tools: [{ function: { parameters: { examples: [example], properties: { image: example } } } }],
    };
    expect(read(detach(written).body)).toEqual(written);
  });

  it('keeps equal parts once', () => {
    const { body, media } = detach(chat(url(A), url(B), url(A, 'image/jpeg')));
    expect([...media.keys()]).toEqual([refer(A), refer(B)]);
    expect(read(body)).toEqual(chat(refer(A), refer(B), refer(A)));
    expect(detach(chat(...Array.from({ length: 40 }, () => url(A)))).media.size).toBe(1);
  });

  it.each(['\n', '\r\n', '\r'])('reads base64 in lines that end with %j, as one part with the unbroken form', (end) => {
    const lines = `data:image/png;base64,${end}AQ${end}ID${end}BA==${end}`;
    const { body, media } = detach(chat(lines, url(A)));
    expect(read(body)).toEqual(chat(refer(A), refer(A)));
    expect([...media.values()]).toEqual([A]);
    expect(read(detach({ images: [`AQID${end}BA==${end}`] }).body)).toEqual({ images: [refer(A)] });
  });

  it.each([
    ['an address', chat('https://example.org/a.png'), 'no address is fetched', 'unsupported_media_url'],
    ['a text', chat('a picture'), 'must be a data URL', 'invalid_media'],
    ['a data URL without base64', chat('data:image/png,abcd'), 'must be a data URL', 'invalid_media'],
    ['wrong base64', chat('data:image/png;base64,AA*='), 'not in base64', 'invalid_media'],
    ['base64 without padding', chat('data:image/png;base64,AAE'), 'not in base64', 'invalid_media'],
    ['base64 with spaces', chat('data:image/png;base64,AAAA AAA'), 'not in base64', 'invalid_media'],
    ['no bytes', chat('data:image/png;base64,'), 'has no bytes', 'invalid_media'],
    ['line ends alone', chat('data:image/png;base64,\r\n\r\n'), 'has no bytes', 'invalid_media'],
  ])('refuses %s, with its place', (_name, written, message, code) => {
    const param = 'messages[0].content[0].image_url.url';
    expect(refusalOf(() => detach(written))).toEqual({ message: expect.stringContaining(message), param, code });
    expect(refusalOf(() => detach(written)).message).toContain(param);
  });

  it('refuses a reference without bytes', () => {
    const refusal = refusalOf(() => detach(chat(url(A), refer(B))));
    expect(refusal).toMatchObject({ code: 'missing_media', message: expect.stringContaining(refer(B)) });
    expect(detach(chat(url(A), refer(A))).media.size).toBe(1);
  });

  it('bounds the number and the size of parts before it decodes one', () => {
    const many = Array.from({ length: MAX_MEDIA_PARTS + 1 }, (_, i) => url(Uint8Array.of(i)));
    expect(refusalOf(() => detach(chat(...many))).message).toContain('at most 100');
    expect(detach(chat(...many.slice(1))).media.size).toBe(MAX_MEDIA_PARTS);
    const half = toBase64(new Uint8Array(MAX_MEDIA_BYTES / 2));
    const stuffed = chat(`data:;base64,${half}`, `data:;base64,*${half.slice(1)}`, url(A));
    expect(refusalOf(() => detach(stuffed)).message).toContain(`at most ${MAX_MEDIA_BYTES} bytes`);
  });
});

describe('attaching', () => {
  const { body, media } = detach(chat(url(A), url(B)));

  it('gives the bytes back', () => {
    const attached = attachMedia(crypto, body, [A, B]);
    expect(attached).toEqual(media);
    expect(mediaBytes(refer(B), attached)).toBe(B);
  });

  it.each([
    ['missing', [A], refer(B)],
    ['superfluous', [A, B, A], 'part 2 of the media'],
    ['another', [A, A], `${refer(B)}: other bytes`],
    ['swapped', [B, A], `${refer(A)}: other bytes`],
    ['empty', [A, new Uint8Array()], `${refer(B)}: no bytes`],
    ['too large', [A, new Uint8Array(MAX_MEDIA_BYTES)], 'at most'],
  ])('refuses a part that is %s', (_name, parts, message) => {
    expect(refusalOf(() => attachMedia(crypto, body, parts)).message).toContain(message);
  });

  it('refuses a body that still has bytes, an address, or too many references', () => {
    for (const other of [url(A), 'https://example.org/a.png', 'x'])
      expect(() => listMediaReferences(encode(chat(other)))).toThrow(RequestError);
    const many = Array.from({ length: MAX_MEDIA_PARTS + 1 }, (_, i) => refer(Uint8Array.of(i)));
    expect(() => listMediaReferences(encode(chat(...many)))).toThrow('at most 100');
  });
});

it('agrees with a parser about every body', () => {
  const part = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const noise = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown);
  const content = fc.oneof(
    part.map((bytes) => ({ type: 'image_url', image_url: { url: url(bytes) } })),
    fc.record({ type: fc.constant('text'), text: fc.string() }),
    noise,
  );
  const written = fc.record({
    messages: fc.array(fc.record({ content: fc.array(content, { maxLength: 4 }) }), { maxLength: 4 }),
    other: noise,
  });
  fc.assert(
    fc.property(written, fc.nat(3), (value, indent) => {
      const { body, media } = detachMedia(crypto, utf8Encode(JSON.stringify(value, null, indent)));
      const restored = JSON.stringify(read(body), (_, each) =>
        typeof each === 'string' && media.has(each) ? url(mediaBytes(each, media)) : each,
      );
      expect(JSON.parse(restored)).toEqual(value);
      expect(attachMedia(crypto, body, [...media.values()])).toEqual(media);
    }),
    { seed: 20261128, numRuns: 300 },
  );
});

it('throws a RequestError or returns a body that has no data URL left, for any change of a byte', () => {
  const valid = encode({ ...chat(url(A), url(B)), image: url(A), images: [toBase64(B)] });
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(4), (at, xor, cut) => {
      const changed = valid.slice(0, valid.length - cut);
      if (at < changed.length) changed[at] = (changed[at] as number) ^ xor;
      try {
        const { body, media } = detachMedia(crypto, changed);
        if (media.size > 0) expect(listMediaReferences(body)).toEqual([...media.keys()]);
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError);
      }
    }),
    { seed: 20261128, numRuns: 2000 },
  );
});

describe('addresses of pictures', () => {
  const [ONE, TWO] = ['https://example.org/a.png', 'HTTP://example.org/b.png'];
  const keep = (value: unknown) => detachMedia(crypto, encode(value), { keepsAddresses: true });

  it('have stand-ins as long as references, until their pictures are there', () => {
    const detached = keep(chat(ONE, url(A), TWO, ONE));
    expect(detached.addresses.map(({ address, param }) => [address, param])).toEqual([
      [ONE, 'messages[0].content[0].image_url.url'],
      [TWO, 'messages[0].content[2].image_url.url'],
    ]);
    const pictures = new Map([
      [ONE, B],
      [TWO, A],
    ]);
    const { media, fill } = fillMedia(crypto, detached, pictures);
    const expected = detach(chat(url(B), url(A), url(A), url(B)));
    expect(detached.body).toHaveLength(expected.body.length);
    expect(read(fill(detached.body))).toEqual(read(expected.body));
    expect([...media]).toEqual([...expected.media]);
  });

  it('are replaced in their places alone', () => {
    const [standIn] = keep(chat(ONE)).addresses.map((one) => one.standIn);
    const asked = { ...chat(ONE), user: standIn };
    const detached = keep(asked);
    const { fill } = fillMedia(crypto, detached, new Map([[ONE, B]]));
    expect(read(fill(detached.body))).toEqual({ ...chat(refer(B)), user: standIn });
  });

  it('are refused if they are too many, where bare base64 stands, or without their pictures', () => {
    const many = Array.from({ length: 17 }, (_, i) => `https://example.org/${i}`);
    expect(refusalOf(() => keep(chat(...many))).message).toContain('at most 16 addresses');
    expect(keep(chat(...many.slice(1))).addresses).toHaveLength(16);
    expect(refusalOf(() => keep({ images: [ONE] })).code).toBe('unsupported_media_url');
    expect(refusalOf(() => fillMedia(crypto, keep(chat(ONE)), new Map())).code).toBe('missing_media');
    const half = new Uint8Array(MAX_MEDIA_BYTES / 2 + 1);
    const pictures = new Map([
      [ONE, half],
      [TWO, half.map((_, i) => i & 1)],
    ]);
    expect(refusalOf(() => fillMedia(crypto, keep(chat(ONE, TWO)), pictures)).code).toBe('invalid_media');
  });
});
