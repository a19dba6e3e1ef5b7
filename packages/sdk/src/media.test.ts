import { toBase64, utf8Decode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from './index.ts';

let gateway: GatewayFixture;
afterEach(() => gateway.close());

const LARGE = Uint8Array.from({ length: 1_500_000 }, (_, i) => (i * 31 + (i >>> 8)) & 255);
const SMALL = Uint8Array.of(1, 2, 3);
const url = (bytes: Uint8Array): string => `data:image/png;base64,${toBase64(bytes)}`;
/** A field that texts leave out names the pictures, so that this test needs no model that sees. */
const params = {
  model: FAKE_MODEL,
  messages: [{ role: 'user', content: 'What is this?' }],
  image: [url(LARGE), url(SMALL), url(LARGE)],
} as { model: string; messages: { role: 'user'; content: string }[] };
/** The fixture's parties are in no list. */
const ALLOW = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

describe.each([
  ['in plain', false],
  ['sealed', true],
])('pictures of a request that goes out %s', (_how, isSealed) => {
  async function open() {
    gateway = await createGatewayFixture({ providers: [{ seals: isSealed }] });
    const { ledger, network } = gateway.network.chain;
    const trust = { ledger, settlement: network.settlement };
    return createClient({ baseUrl: gateway.url, trust, allow: ALLOW, isSealed });
  }

  it('reach the provider beside the body, which the receipt is about', async () => {
    const client = await open();
    const { replies } = await client.chat.completions.create(params);
    expect(gateway.network.media).toEqual([[LARGE, SMALL]]);
    const { image } = JSON.parse(utf8Decode(replies[0]!.request));
    const references = [LARGE, SMALL, LARGE].map((bytes) => toReference(crypto, bytes));
    expect(image).toEqual(references);
    expect(gateway.network.requests.map((body) => JSON.parse(utf8Decode(body)).image)).toEqual([references]);
  });

  it('are refused before anything is sent, if an address stands in their place', async () => {
    const client = await open();
    const asked = { ...params, image: 'https://example.org/a.png' };
    await expect(client.chat.completions.create(asked)).rejects.toThrow('no address is fetched');
    expect(gateway.network.orders).toEqual([]);
  });
});

describe('a gateway', () => {
  const post = (body: object): Promise<Response> =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it.each([
    ['an address', { image: 'https://example.org/a.png' }, 'unsupported_media_url'],
    ['a reference without bytes', { image: toReference(crypto, SMALL) }, 'missing_media'],
    ['no base64', { image: 'data:image/png;base64,?' }, 'invalid_media'],
  ])('refuses %s in a request, and orders nothing', async (_what, change, code) => {
    gateway = await createGatewayFixture();
    const response = await post({ ...params, ...change });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe(code);
    expect(gateway.network.orders).toEqual([]);
  });
});
