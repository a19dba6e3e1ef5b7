import { createHash, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { encodeTestimony } from '@ogong/attestation/testimony';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { systemClock as clock } from '@ogong/host/time/clock';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { pass } from '@ogong/protocol/base/checks';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { testify } from '@ogong/provider/machine/testify';
import {
  OTHER_AUTHORITY,
  TEST_AUTHORITY,
  TEST_SERVER_CERTIFICATES,
  TEST_SERVER_KEY,
} from '@ogong/testing/net/test-authority';
import { softwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addSources } from './named-sources.ts';

const SOURCE = '{"price": 3}\n';
let status = 200;
const server: Server = createServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, (_, response) => {
  response.writeHead(status).end(SOURCE);
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/price`;
});
afterAll(() => void server.close());

const rootOf = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const verdict = { ok: true, checks: [pass('order', 'x')], missing: [], allowed: [] } as unknown as ReceiptVerdict;
const hash = toHex(crypto.sha256(utf8Encode(SOURCE)));

async function fetchSource(): Promise<Uint8Array> {
  const order = { method: 'GET', url, headers: {} } as const;
  const limits = { authorities: [TEST_AUTHORITY], maxResponseBytes: 1_000, timeoutMs: 10_000 };
  const attester = { kind: 'software', attest: softwareMachine.attest } as const;
  const asked = { ...limits, challenge: new Uint8Array(32) };
  return encodeTestimony((await testify(order, asked, { crypto, attester, clock })).testimony);
}

const ask = (content: unknown, sources: unknown = [{ url, sha256: hash }]) =>
  utf8Encode(
    JSON.stringify({
      model: 'm',
      messages: [
        { role: 'system', content },
        { role: 'user', content: '?' },
      ],
      ogong: { sources },
    }),
  );

it("a prompt was made of a source's answer, as a machine that asked it confirms", async () => {
  const reader = { policy: softwarePolicy, authorities: [rootOf(TEST_AUTHORITY)], nowMs: Date.now() + 30_000 };
  const file = await fetchSource();
  const check = async (request: Uint8Array, by: Partial<typeof reader> = {}, testimony = file) => {
    const { ok, checks } = await addSources(verdict, { request, testimonies: [testimony] }, { ...reader, ...by });
    const last = checks.at(-1);
    expect([ok, last?.id]).toEqual([last?.status === 'pass', 'source']);
    return last;
  };
  expect(await check(ask(SOURCE))).toMatchObject({ status: 'pass', detail: expect.stringContaining(url) });
  for (const [request, why] of [
    [ask(`${SOURCE} `), 'no message is'],
    [ask([{ type: 'text', text: SOURCE }]), 'no message is'],
    [ask(SOURCE, [{ url: `${url}/other`, sha256: hash }]), 'does not name'],
    [ask(SOURCE, [{ url, sha256: '00'.repeat(32) }]), 'does not name'],
    [utf8Encode('{"messages":[]}'), 'does not name'],
  ] as const)
    expect((await check(request))?.detail, why).toContain(why);
  expect((await check(ask(SOURCE), { authorities: [rootOf(OTHER_AUTHORITY)] }))?.detail).toContain('authority');
  expect((await check(ask(SOURCE), { policy: strictPolicy }))?.detail).toContain('machine');
  const bent = utf8Encode(new TextDecoder().decode(file).replace(/"response":"../, '"response":"AA'));
  expect((await check(ask(SOURCE), {}, bent))?.detail).toContain('response');
  status = 404;
  expect((await check(ask(SOURCE), {}, await fetchSource()))?.detail).toContain('status 404');
});
