import { createHash, X509Certificate } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  encodeTestimony,
  parseTestimony,
  type Testimony,
  type TestimonyReader,
  verifyTestimony,
} from '@ogong/attestation/testimony';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { systemClock as clock } from '@ogong/host/time/clock';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeHttpsExchange, type HttpsExchange, parseHttpsExchange } from '@ogong/protocol/tier/testimony';
import {
  OTHER_AUTHORITY,
  TEST_AUTHORITY,
  TEST_SERVER_CERTIFICATES,
  TEST_SERVER_KEY,
} from '@ogong/testing/net/test-authority';
import {
  softwareMachine as attester,
  softwarePolicy as policy,
  strictPolicy,
} from '@ogong/testing/provider/software-machine';
import { afterEach, describe, expect, it } from 'vitest';
import type { ExchangeLimits, ExchangeOrder } from './https-exchange.ts';
import { testify } from './testify.ts';

const rootOf = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const challenge = new Uint8Array(32).fill(7);
const LIMITS: ExchangeLimits = { authorities: [TEST_AUTHORITY], maxResponseBytes: 1_000, timeoutMs: 10_000 };
const reader: TestimonyReader = {
  ...{ crypto, policy, challenge, authorities: [rootOf(TEST_AUTHORITY)] },
  nowMs: Date.now() + 30_000,
};

let server: Server | undefined;
afterEach(() => void server?.close());

async function serve(listener: RequestListener): Promise<string> {
  server = createServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const testimony = (order: ExchangeOrder, limits: Partial<ExchangeLimits> = {}) =>
  testify(order, { ...LIMITS, challenge, ...limits }, { crypto, attester, clock });
const get = (url: string): ExchangeOrder => ({ method: 'GET', url, headers: {} });

async function fails(held: Testimony, by: TestimonyReader = reader): Promise<string[]> {
  const { checks } = await verifyTestimony(held, by);
  return checks.filter(({ status }) => status !== 'pass').map(({ id, status }) => `${status} ${id}`);
}

describe('an HTTPS exchange that a machine made', () => {
  it('says what was asked, what came, who answered and when, and holds no header', async () => {
    let [asked, key] = ['', ''];
    const origin = await serve((request, response) => {
      key = request.headers.authorization ?? '';
      request.setEncoding('utf8').on('data', (piece: string) => (asked += piece));
      request.on('end', () => response.writeHead(201, { 'content-type': 'application/json' }).end('{"price":3}'));
    });
    const body = utf8Encode('{"model":"a hosted one"}');
    const order = {
      method: 'POST',
      url: `${origin}/v1/chat`,
      headers: { authorization: 'Bearer secret' },
      body,
    } as const;
    const { testimony: made } = await testimony(order);
    expect([asked, key]).toEqual(['{"model":"a hosted one"}', 'Bearer secret']);
    const bytes = encodeTestimony(made);
    expect(utf8Decode(bytes)).not.toContain(Buffer.from('secret').toString('base64').slice(0, 6));
    expect(utf8Decode(bytes)).not.toContain('secret');
    const read = parseTestimony(bytes);
    expect(await fails(read)).toEqual([]);
    const { exchange } = await verifyTestimony(read, reader);
    expect(exchange).toMatchObject({ method: 'POST', url: `${origin}/v1/chat`, status: 201 });
    expect(utf8Decode(read.response ?? new Uint8Array())).toBe('{"price":3}');
    expect(read.chain).toHaveLength(3);
  });

  it('fails by name where anything of it is another', async () => {
    const origin = await serve((_, response) => response.end('a source'));
    const { testimony: made } = await testimony(get(`${origin}/source`));
    const other = (await testimony(get(`${origin}/other`))).testimony;
    const bend = (change: Partial<HttpsExchange>): Testimony => ({
      ...made,
      statement: encodeHttpsExchange({ ...parseHttpsExchange(made.statement), ...change }),
    });
    expect(await fails({ ...made, response: utf8Encode('a sourcf') })).toEqual(['fail response']);
    expect(await fails({ ...made, request: utf8Encode('x') })).toEqual(['fail request']);
    expect(await fails({ ...made, chain: made.chain.slice(0, 2) })).toEqual(['fail server', 'fail authority']);
    expect(await fails({ ...made, evidence: other.evidence })).toEqual(['fail machine', 'fail report-data']);
    expect(await fails({ ...made, challenge: new Uint8Array(32) })).toEqual([
      'fail machine',
      'fail report-data',
      'fail challenge',
    ]);
    // The machine reported each field of the statement.
    for (const change of [
      { url: `${origin}/other` },
      { status: 404 },
      { method: 'POST' },
      { timeMs: 1 },
      { responseHash: crypto.sha256(utf8Encode('a sourcf')) },
      { chainHash: new Uint8Array(32) },
    ])
      expect(await fails(bend(change)), JSON.stringify(change)).toEqual(
        expect.arrayContaining(['fail machine', 'fail report-data']),
      );
    const elsewhere = await fails(bend({ url: 'https://example.org/' }));
    expect(elsewhere).toContain('fail server');
    expect(() => bend({ timeMs: 2 ** 53 - 1 })).toThrow('must lie in');
    for (const broken of [made.statement.slice(1), new Uint8Array(), utf8Encode('x'.repeat(300))])
      expect(await fails({ ...made, statement: broken })).toEqual(['fail testimony-form']);
  });

  it('is taken by readers who name machine, authority and challenge, and by nobody else', async () => {
    const origin = await serve((_, response) => response.end('a source'));
    const { testimony: made } = await testimony(get(origin));
    expect(await fails(made, { ...reader, policy: strictPolicy })).toEqual(
      expect.arrayContaining(['fail machine', 'fail cpu-vendor']),
    );
    expect(await fails(made, { ...reader, authorities: [rootOf(OTHER_AUTHORITY)] })).toEqual(['fail authority']);
    expect(await fails(made, { ...reader, challenge: new Uint8Array(32) })).toEqual(['fail challenge']);
    expect(await fails(made, { ...reader, nowMs: Date.now() - 3_600_000 })).toEqual(['fail testimony-time']);
    const { request: _, response: __, ...bare } = made;
    expect(await fails(bare, { ...reader, authorities: undefined, challenge: undefined })).toEqual([
      'skip challenge',
      'skip authority',
      'skip request',
      'skip response',
    ]);
  });

  it('is not made with a server for which no named authority vouches, or under another name', async () => {
    const origin = await serve((_, response) => response.end('a source'));
    await expect(testimony(get(origin), { authorities: [OTHER_AUTHORITY] })).rejects.toMatchObject({
      code: 'untrusted',
    });
    await expect(testimony(get(origin.replace('127.0.0.1', '127.0.0.2')))).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:untrusted|unreachable)$/),
    });
  });

  it('is not made where the answer is too long, never ends, or breaks off, and follows no redirection', async () => {
    let closes: (() => void) | undefined;
    const origin = await serve(({ url }, response) => {
      if (url === '/long') response.end('x'.repeat(1_001));
      else if (url === '/slow') response.write('x');
      else if (url === '/silent') closes = () => response.destroy();
      else if (url === '/broken') {
        response.writeHead(200, { 'content-length': '100' }).write('x');
        setTimeout(() => response.destroy(), 20);
      } else response.writeHead(302, { location: '/long' }).end();
    });
    await expect(testimony(get(`${origin}/long`))).rejects.toMatchObject({ code: 'too-large' });
    await expect(testimony(get(`${origin}/silent`), { timeoutMs: 200 })).rejects.toMatchObject({ code: 'timeout' });
    closes?.();
    // The answer began, and does not end.
    await expect(testimony(get(`${origin}/slow`), { timeoutMs: 500 })).rejects.toMatchObject({ code: 'timeout' });
    await expect(testimony(get(`${origin}/broken`))).rejects.toMatchObject({ code: 'unreachable' });
    const { made } = await testimony(get(`${origin}/moved`));
    expect([made.status, toHex(made.response)]).toEqual([302, '']);
  });

  it.each([
    'http://127.0.0.1/',
    'https://user:word@127.0.0.1/',
    'https://127.0.0.1/#part',
    'nothing',
    'file:///etc/passwd',
  ])('is not made with %s', async (url) => {
    await expect(testimony(get(url))).rejects.toMatchObject({ code: 'address' });
  });
});
