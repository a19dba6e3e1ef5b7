import { toBase64, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import { encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { createTestSeal, EXCHANGE } from '../protocol/exchange-fixture.ts';

const A = Uint8Array.of(1, 2, 3, 4);
const B = Uint8Array.of(250, 251);
const url = (bytes: Uint8Array, type = 'image/png'): string => `data:${type};base64,${toBase64(bytes)}`;

/** Bodies as users write them. */
const WRITTEN = [
  `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"${url(A)}"}}]}],"model":"m"}`,
  `{ "messages": [{"content": [{"image_url": "${url(A).replaceAll('/', '\\/')}"}, {"image_url": "${url(A, 'image/jpeg')}"}]}], "n": 1.0 }\n`,
  `{"input":[{"content":[{"type":"input_image","image_url":"${url(B)}"}]},{"output":[{"image_url":"${url(A)}"}]}]}`,
  `{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"${toBase64(A)}"}}]}]}`,
  `{"messages":[{"content":[{"content":[{"source":{"data":"${toBase64(B)}","type":"base64"}}]}]}]}`,
  `{"messages":[{"content":[{"type":"document","source":{"type":"text","data":"plain"}}]}]}`,
  `{"images":["${toBase64(A)}"],"messages":[{"images":["${toBase64(B)}"]}]}`,
  `{"image":["${url(A)}","${url(B)}"],"mask":"${url(A)}"}`,
  `{"steps":2,"first_step":1,"latent":"${url(B)}"}`,
  `{"images":[{"image_url":"${url(A)}"}],"mask":{"image_url":"${url(B)}"}}`,
  `{"tools":[{"function":{"parameters":{"examples":[{"image_url":"https://example.org/a.png"}]}}}],"user":"${url(A)}"}`,
];

const part = (bytes: Uint8Array, type?: string) => ({ type: 'image_url', image_url: { url: url(bytes, type) } });
const chat = (...content: readonly object[]): string =>
  JSON.stringify({ model: 'ogong/verified/test/m', messages: [{ role: 'user', content }], max_tokens: 8 });

/** Chats with pictures as users write them. */
const CHATS = [
  chat({ type: 'text', text: 'What is this?' }, part(A)),
  chat(part(A), { type: 'text', text: 'Compare: ' }, part(B, 'image/jpeg'), part(A, 'image/webp')),
  JSON.stringify({
    model: 'ogong/verified/test/m',
    messages: [
      { role: 'user', content: 'Look.' },
      { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: 'Seen:' }, part(A), part(B)] },
      { role: 'tool', tool_call_id: 'd', content: [{ type: 'text', text: 'Nothing.' }] },
    ],
  }),
];

/** Bodies that are refused. */
const REFUSED = [
  '{"image":"https://example.org/a.png"}',
  '{"image":"data:image/png,abcd"}',
  '{"image":"data:image/png;base64,AAE"}',
  '{"image":"data:image/png;base64,AB=="}',
  '{"image":"data:image/png;base64,"}',
  '{"image":"a picture"}',
  `{"image":"ogong:media/${'0'.repeat(64)}"}`,
  JSON.stringify({ image: Array.from({ length: 101 }, (_, i) => url(Uint8Array.of(i))) }),
];

/** `vectors/media.json`. */
export function createMediaVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const encoded = encodeMedia(detachMedia(crypto, utf8Encode(WRITTEN[7] as string)).media);
  const seal = createTestSeal();
  const secret = seal.random(32);
  const replyKey = seal.openKemKey(seal.random(32)).publicKey;
  const to = { hash: new Uint8Array(32).fill(6), key: seal.openKemKey(secret).publicKey };
  const inner = { endpoint: 'chat', cacheScope: new Uint8Array(), replyKey, body: utf8Encode('{}') };
  const { envelope, media } = sealRequest({ crypto, seal }, { exchange: EXCHANGE, to, inner });
  return {
    detached: WRITTEN.map((written) => {
      const { body, media: parts } = detachMedia(crypto, utf8Encode(written));
      return { written, body: utf8Decode(body), media: [...parts.values()].map(toHex) };
    }),
    chats: CHATS.map((written) => {
      const { body } = detachMedia(crypto, utf8Encode(written));
      const summary = toHex(summarizeRequest(crypto, 'chat', body));
      return { written, body: utf8Decode(body), summary, hash: toHex(hashRequest(crypto, 'chat', body)) };
    }),
    refused: REFUSED.map((written) => ({ written, code: findCode(crypto, written) })),
    encoded: toHex(encoded),
    sealed: {
      ...{ secret: toHex(secret), sealKeyHash: toHex(to.hash), envelope: toHex(envelope) },
      pieces: media.seal(encoded).map(toHex),
    },
  };
}

function findCode(crypto: Crypto, written: string): string | null {
  try {
    detachMedia(crypto, utf8Encode(written));
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
  throw new Error(`not refused: ${written}`);
}
