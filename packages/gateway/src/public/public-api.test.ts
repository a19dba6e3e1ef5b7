import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { readDefaultTable } from '@ogong/host/drift-table/default-table';
import type { TableFile } from '@ogong/host/drift-table/table-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const REPLY = 'ab'.repeat(16);

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture({ modalities: ['text'] });
});
afterAll(() => fixture.close());
const tell = () =>
  fixture.network.statuses.set(REPLY, { state: 'recorded', verdict: '', detail: '{}', recordHash: new Uint8Array(32) });

async function read(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${fixture.url}${path}`, { headers, redirect: 'manual' });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('{') ? JSON.parse(text) : undefined,
  };
}

describe('public routes of a gateway', () => {
  it('names the network and its validators, to pages of any origin', async () => {
    const { status, headers, body } = await read('/public/network', { origin: 'https://elsewhere.example' });
    expect({ status, origin: headers.get('access-control-allow-origin') }).toEqual({ status: 200, origin: '*' });
    expect(body).toMatchObject({ chain_id: '31337', rpc_url: null, epoch: '0' });
    expect(body.validators).toHaveLength(2);
  });

  it('relays the router’s models', async () => {
    expect((await read('/public/models')).body.models).toMatchObject([{ id: FAKE_MODEL, min_price_per_1k: '2000000' }]);
  });

  it('relays the offers of a model one by one', async () => {
    const { body } = await read(`/public/offers?model=${encodeURIComponent(FAKE_MODEL)}`);
    expect(body).toMatchObject({ has_more: false });
    expect(body.offers[0]).toMatchObject({ price_per_1k: '2000000', reputation_ppm: 1_000_000, latency_ms: null });
    const unknown = await read('/public/offers?model=ogong%2Fverified%2Fno%2Fbody');
    expect([unknown.status, unknown.body]).toEqual([200, { offers: [], has_more: false }]);
  });

  it('finds a reply at the validator that knows it, and shows no more than that one does', async () => {
    tell();
    const { status, body } = await read(`/public/replies/${REPLY}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'recorded', intake: null, record_hash: `0x${'00'.repeat(32)}` });
    const { body: network } = await read('/public/network');
    expect(network.validators.map(({ address }: { address: string }) => address)).toContain(body.validator);
  });

  it('still finds it while another validator is down, and says who is down where nobody knows it', async () => {
    tell();
    fixture.network.deadValidators.add(1);
    expect((await read(`/public/replies/${REPLY}`)).status).toBe(200);
    expect((await read(`/public/replies/${'cd'.repeat(16)}`)).status).toBe(503);
    fixture.network.deadValidators.clear();
  });

  it.each([
    ['/public/replies/hello', 400],
    [`/public/replies/${'ef'.repeat(16)}`, 404],
    [`/public/replies/${REPLY}?validator=0x${'00'.repeat(20)}`, 404],
    ['/public/validators/0x12/verdicts', 404],
    ['/public/beacon/minus', 400],
    ['/public/beacon/99999999999999999999', 400],
    ['/public/offers', 400],
    ['/public/offers?model=hello', 400],
    ['/public/nothing', 404],
  ])('answers %s with %d, and an error in words', async (path, expected) => {
    const { status, body } = await read(path);
    expect(status).toBe(expected);
    expect(body.error.message).toMatch(/^[A-Z]/);
  });

  it('refuses a page of more entries than an answer may have', async () => {
    const { body } = await read('/public/network');
    const path = `/public/validators/${body.validators[0].address}/verdicts`;
    expect((await read(`${path}?limit=251`)).status).toBe(400);
  });

  it('takes no writes', async () => {
    const response = await fetch(`${fixture.url}/public/network`, { method: 'POST' });
    expect(response.status).toBe(405);
  });
});

describe('the drift table', () => {
  it('comes as the bytes that its hash names, packed where the reader can unpack them, and once for who has it', async () => {
    const response = await fetch(`${fixture.url}/public/drift-table`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const table = readDefaultTable(nodeCrypto) as TableFile;
    expect(toHex(hashDriftTable(nodeCrypto, bytes))).toBe(toHex(table.hash));
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const tag = response.headers.get('etag') as string;
    expect(tag).toBe(`"${toHex(table.hash)}"`);
    const again = { 'if-none-match': tag };
    expect((await read('/public/drift-table', again)).status).toBe(304);
  });

  it('is not there where the gateway has none, and is given to one caller a few times in a row', async () => {
    const other = await createGatewayFixture({ driftTable: () => undefined });
    const statuses: number[] = [];
    for (let asked = 0; asked < 6; asked++) statuses.push((await fetch(`${other.url}/public/drift-table`)).status);
    await other.close();
    expect(statuses).toEqual([404, 404, 404, 404, 404, 429]);
  });
});

it('a gateway stops one caller who reads without end', async () => {
  const flooded = await createGatewayFixture();
  const statuses = new Set<number>();
  for (let asked = 0; asked < 20 && !statuses.has(429); asked++) {
    const some = await Promise.all(Array.from({ length: 50 }, () => fetch(`${flooded.url}/public/network`)));
    for (const { status } of some) statuses.add(status);
  }
  await flooded.close();
  expect([...statuses].sort()).toEqual([200, 429]);
});
