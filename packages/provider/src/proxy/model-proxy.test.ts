import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { checkMachineReport } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { parseTestimony, verifyTestimony } from '@ogong/attestation/testimony';
import { deriveCurveKey, openField, sealField } from '@ogong/host/crypto/field-seal';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { HostPort } from '@ogong/host/link/host-port';
import { concatBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import {
  OTHER_AUTHORITY,
  TEST_AUTHORITY,
  TEST_SERVER_CERTIFICATES,
  TEST_SERVER_KEY,
} from '@ogong/testing/net/test-authority';
import { softwareMachine } from '@ogong/testing/provider/software-machine';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeAciReport, toJcs } from './aci.ts';
import { createModelProxy, describeUpstream } from './model-proxy.ts';
import { proxyConfig } from './proxy-config.ts';
import { startProxy } from './proxy-daemon.ts';

const SECRET = 'a key of the vendor';
const ACCESS = 'a key of the proxy';
const directory = mkdtempSync(join(tmpdir(), 'ogong-proxy-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const save = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};
const authority = save('root.pem', TEST_AUTHORITY);
const headers = save('headers.json', JSON.stringify({ Authorization: `Bearer ${SECRET}` }));

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: string;
}
const asked: Asked[] = [];
let answers: { status: number; type: string; body: string } = { status: 200, type: 'application/json', body: '{}' };
let hold: Promise<void> | undefined;
const upstream = createServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, (request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
  request.on('end', async () => {
    asked.push({ path: request.url ?? '', key: request.headers.authorization, body });
    await hold;
    response.writeHead(answers.status, { 'content-type': answers.type }).end(answers.body);
  });
});
let origin = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  origin = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterAll(() => void upstream.close());

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  hold = undefined;
});

/** Later flags stand for earlier ones of the same name. */
function read(...flags: string[]) {
  const data = ['--data-dir', join(directory, 'machine'), '--log-level', 'fatal'];
  const all = ['--listen', '127.0.0.1:0', '--upstream', origin, ...data, ...flags];
  const pairs = all.flatMap((name, i) => (i % 2 === 0 ? [[name, all[i + 1] as string] as const] : []));
  const last = pairs.filter(
    ([name], i) => name === '--authority' || !pairs.slice(i + 1).some(([later]) => later === name),
  );
  const parsed = proxyConfig.parse(last.flat(), {});
  if (parsed.kind !== 'run') throw new Error('help was printed');
  return parsed.values;
}

async function open(...flags: string[]) {
  const base = ['--authority', authority, '--tee', 'software', '--upstream-headers', headers];
  const daemon = await startProxy(read(...base, ...flags));
  stops.push(daemon.stop);
  const ready = daemon.ready as {
    address: HostPort;
    signingKey: string;
    image: string;
    softwareKey: string;
    certHash: string;
  };
  const policy = parsePolicy(utf8Encode(JSON.stringify({ images: [ready.image], softwareKeys: [ready.softwareKey] })));
  return { ready, policy, call: createCaller(ready.address) };
}

interface Called {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
  readonly certificate: X509Certificate;
}

const createCaller =
  ({ host, port }: HostPort) =>
  (path: string, sent?: string, extra: Readonly<Record<string, string>> = {}): Promise<Called> =>
    new Promise((resolve, reject) => {
      const options = {
        host,
        port,
        path,
        method: sent === undefined ? 'GET' : 'POST',
        rejectUnauthorized: false,
        agent: false,
      };
      const type = sent === undefined ? {} : { 'content-type': 'application/json' };
      const request = httpsRequest({ ...options, headers: { ...type, ...extra } }, (answer) => {
        const certificate = new X509Certificate((answer.socket as TLSSocket).getPeerCertificate().raw);
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(pieces),
            certificate,
          }),
        );
      });
      request.on('error', reject);
      request.end(sent);
    });

const json = ({ body }: Called) => JSON.parse(body.toString('utf8'));
const CHAT = '{"model":"hosted","messages":[{"role":"user","content":"Hello"}]}';

describe('a proxy of a hosted model', () => {
  it('has a keyset, reports and receipts as newer gateways have them', async () => {
    const { call, policy } = await open();
    const nonce = '3c'.repeat(32);
    const called = await call(`/v1/aci/attestation?nonce=${nonce}`);
    const report = json(called);
    const { workload_keyset: keyset, report_data: data, evidence } = report.attestation;
    const digest = `sha256:${toHex(crypto.sha256(utf8Encode(toJcs(keyset))))}`;
    expect(report).toMatchObject({ api_version: 'aci/1', workload_keyset_digest: digest });
    expect(called.headers).toMatchObject({ 'x-aci-version': 'aci/1', 'x-aci-keyset-digest': digest });
    expect(data).toBe(toHex(crypto.sha256(describeAciReport(digest, nonce))));
    const bytes = utf8Encode(JSON.stringify(evidence.evidence));
    const of = async (bound: string) =>
      (await checkMachineReport(bytes, concatBytes(fromHex(bound), new Uint8Array(32)), { policy, nowMs: Date.now() }))
        .filter(({ status }) => status === 'fail')
        .map(({ id }) => id);
    expect(await of(data)).toEqual([]);
    // Another question, or another keyset.
    expect(await of(toHex(crypto.sha256(describeAciReport(digest, '3d'.repeat(32)))))).toEqual([
      'machine',
      'report-data',
    ]);
    const bent = { ...keyset, not_after: keyset.not_after + 1 };
    const other = `sha256:${toHex(crypto.sha256(utf8Encode(toJcs(bent))))}`;
    expect(await of(toHex(crypto.sha256(describeAciReport(other, nonce))))).toEqual(['machine', 'report-data']);
    const spki = called.certificate.publicKey.export({ format: 'der', type: 'spki' });
    expect(keyset.tls_public_keys).toEqual([{ spki_sha256: toHex(crypto.sha256(new Uint8Array(spki))) }]);
    const listed = [keyset.receipt_signing_keys[0].public_key, keyset.e2ee_public_keys[0].public_key];
    expect(new Set([...listed, toHex(new Uint8Array(spki.subarray(-32)))]).size).toBe(3);
    expect(json(await call('/v1/aci/attestation')).attestation.report_data).toBe(
      toHex(crypto.sha256(describeAciReport(digest, undefined))),
    );
    expect((await call(`/v1/aci/attestation?nonce=${nonce.toUpperCase()}`)).status).toBe(400);

    answers = { status: 200, type: 'application/json', body: '{"id":"chat-7","choices":[]}' };
    const answered = await call('/v1/chat/completions', CHAT);
    const id = answered.headers['x-receipt-id'] as string;
    const { signature, ...receipt } = json(await call(`/v1/aci/receipts/${id}`));
    expect(json(await call('/v1/aci/receipts/chat-7')).receipt_id).toBe(id);
    const hash = (body: Uint8Array): string => `sha256:${toHex(crypto.sha256(new Uint8Array(body)))}`;
    expect(receipt).toMatchObject({
      ...{ api_version: 'aci/1', chat_id: 'chat-7', model: 'hosted', workload_keyset_digest: digest },
      ...{ endpoint: '/v1/chat/completions', method: 'POST', key_id: 'receipt' },
    });
    expect(receipt.event_log.map(({ type }: { type: string }) => type)).toEqual([
      ...['request.received', 'request.forwarded', 'upstream.verified', 'response.returned'],
    ]);
    expect(receipt.event_log[0].body_hash).toBe(hash(utf8Encode(CHAT)));
    expect(receipt.event_log[3].body_hash).toBe(hash(answered.body));
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(fromHex(listed[0] as string)).toString('base64url') },
      format: 'jwk',
    });
    const isSigned = (document: object): boolean =>
      verify(null, utf8Encode(toJcs(document as never)), key, fromHex(signature));
    expect([isSigned(receipt), isSigned({ ...receipt, served_at: receipt.served_at + 1 })]).toEqual([true, false]);
    expect((await call('/v1/aci/receipts/rcpt-none')).status).toBe(404);
    expect((await call('/v1/nowhere')).headers['x-aci-keyset-digest']).toBe(digest);
  });

  it('computes what the published vectors of ACI have', () => {
    const keyset = {
      subject: 'dstack-app://example-app',
      not_after: 1_800_000_000,
      receipt_signing_keys: [
        {
          ...{ key_id: 'receipt-1', algo: 'ed25519' },
          public_key: '8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394',
        },
      ],
      e2ee_public_keys: [
        {
          ...{ key_id: 'e2ee-1', algo: 'x25519-aes-256-gcm-hkdf-sha256' },
          public_key: '5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22',
        },
      ],
      tls_public_keys: [{ spki_sha256: 'c0'.repeat(32), domain: 'api.example.com' }],
    };
    const digest = toHex(crypto.sha256(utf8Encode(toJcs(keyset))));
    expect(digest).toBe('53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371');
    const nonce = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join('');
    const of = (given: string | undefined): string =>
      toHex(crypto.sha256(describeAciReport(`sha256:${digest}`, given)));
    expect(of(nonce)).toBe('df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e');
    expect(of(undefined)).toBe('0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc');
  });

  it('has a TLS key that the machine vouches for', async () => {
    const { call, policy, ready } = await open();
    const nonce = '3c'.repeat(32);
    const called = await call(`/v1/attestation/report?signing_algo=ed25519&nonce=${nonce}`);
    const report = json(called);
    const raw = new Uint8Array(called.certificate.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
    expect(report).toMatchObject({
      ...{ signing_address: toHex(raw), signing_public_key: ready.signingKey, request_nonce: nonce },
      ...{ signing_algo: 'ed25519', intel_quote: null, nvidia_payload: null },
    });
    expect(toHex(crypto.sha256(new Uint8Array(called.certificate.raw)))).toBe(ready.certHash);
    const evidence = utf8Encode(JSON.stringify(report.evidence));
    const of = (key: Uint8Array, given: string) =>
      checkMachineReport(evidence, concatBytes(key, fromHex(given)), { policy, nowMs: Date.now() });
    expect((await of(raw, nonce)).filter(({ status }) => status === 'fail')).toEqual([]);
    const failed = async (key: Uint8Array, given: string) =>
      (await of(key, given)).filter(({ status }) => status === 'fail').map(({ id }) => id);
    expect(await failed(raw, '3d'.repeat(32))).toEqual(['machine', 'report-data']);
    // A certificate with another key is that of a party between caller and machine.
    expect(await failed(new Uint8Array(32), nonce)).toEqual(['machine', 'report-data']);
    // The same key signs the upstream, for this nonce alone.
    const root = toHex(crypto.sha256(new Uint8Array(new X509Certificate(TEST_AUTHORITY).raw)));
    expect(report).toMatchObject({ upstream: origin, authorities: [root] });
    const names = (upstream: string, given: string): boolean =>
      verify(
        null,
        utf8Encode(describeUpstream(upstream, [root], fromHex(given))),
        called.certificate.publicKey,
        fromHex(report.upstream_signature as string),
      );
    expect([names(origin, nonce), names('https://another.test', nonce), names(origin, '3d'.repeat(32))]).toEqual([
      true,
      false,
      false,
    ]);
    expect((await open()).ready.signingKey).not.toBe(ready.signingKey);
    for (const wrong of ['signing_algo=rsa', 'nonce=12'])
      expect((await call(`/v1/attestation/report?${wrong}`)).status).toBe(400);
  });

  it('opens and seals texts for clients of deployed endpoints, and signs both by ecdsa', async () => {
    const { call, policy } = await open();
    const nonce = '4d'.repeat(32);
    const report = json(await call(`/v1/attestation/report?signing_algo=ecdsa&nonce=${nonce}`));
    const address = fromHex((report.signing_address as string).slice(2));
    const publicKey = fromHex(report.signing_public_key as string);
    // The report names the address alone: a client computes it from the key.
    expect(crypto.keccak256(publicKey).subarray(12)).toEqual(address);
    const data = concatBytes(address, new Uint8Array(12), fromHex(nonce));
    const evidence = utf8Encode(JSON.stringify(report.evidence));
    const checks = await checkMachineReport(evidence, data, { policy, nowMs: Date.now() });
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);

    const own = new Uint8Array(32).fill(9);
    const suite = { curve: 'secp256k1', info: 'ecdsa_encryption' } as const;
    const content = sealField(suite, concatBytes(new Uint8Array([4]), publicKey), utf8Encode('a sealed question'));
    const sent = JSON.stringify({ model: 'hosted', messages: [{ role: 'user', content }] });
    answers = {
      ...{ status: 200, type: 'application/json' },
      body: '{"id":"chatcmpl-9","choices":[{"index":0,"message":{"role":"assistant","content":"a sealed answer"}}]}',
    };
    const headers = {
      ...{ 'x-signing-algo': 'ecdsa', 'x-client-pub-key': toHex(deriveCurveKey(own)) },
      'x-model-pub-key': report.signing_public_key as string,
    };
    const called = await call('/v1/chat/completions', sent, headers);
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({
      ...{ model: 'hosted', messages: [{ role: 'user', content: 'a sealed question' }] },
    });
    expect(called.body.toString()).not.toContain('a sealed answer');
    expect(called.headers['x-e2ee-applied']).toBe('true');
    const sealed = json(called).choices[0].message.content as string;
    expect(new TextDecoder().decode(openField(suite, own, sealed))).toBe('a sealed answer');

    const said = json(await call('/v1/signature/chatcmpl-9?signing_algo=ecdsa'));
    const hash = (bytes: Uint8Array): string => toHex(crypto.sha256(bytes));
    expect(said.text).toBe(`${hash(utf8Encode(sent))}:${hash(new Uint8Array(called.body))}`);
    const digest = crypto.keccak256(utf8Encode(`\x19Ethereum Signed Message:\n${said.text.length}${said.text}`));
    expect(crypto.recoverAddress(digest, fromHex((said.signature as string).slice(2)))).toEqual(address);
    expect(said).toMatchObject({ signing_algo: 'ecdsa', signing_address: report.signing_address });

    answers = { status: 400, type: 'text/plain', body: 'what is a sealed question?' };
    const refused = await call('/v1/chat/completions', sent, headers);
    answers = { status: 200, type: 'application/json', body: '{}' };
    expect([refused.status, json(refused).error.code]).toEqual([400, 'upstream_refused']);
    expect(refused.body.toString()).not.toContain('a sealed question');

    const asks = asked.length;
    expect((await call('/v1/completions', sent, headers)).body.toString()).toContain('e2ee_unsupported_endpoint');
    expect((await call('/v1/chat/completions', CHAT, headers)).body.toString()).toContain('e2ee_decryption_failed');
    expect(asked.length).toBe(asks);
  });

  it('hands on what was asked and what came, and shows both', async () => {
    const { call, policy, ready } = await open();
    answers = { status: 200, type: 'application/json', body: '{"id":"chatcmpl-7","choices":[]}' };
    const challenge = 'a7'.repeat(32);
    const called = await call('/v1/chat/completions', CHAT, { 'x-ogong-challenge': challenge });
    expect([called.status, called.body.toString()]).toEqual([200, answers.body]);
    expect(asked.at(-1)).toEqual({ path: '/v1/chat/completions', key: `Bearer ${SECRET}`, body: CHAT });

    const path = called.headers['x-ogong-testimony'] as string;
    const testimony = parseTestimony(new Uint8Array((await call(path)).body));
    const root = toHex(crypto.sha256(new Uint8Array(new X509Certificate(TEST_AUTHORITY).raw)));
    const reader = { crypto, policy, nowMs: Date.now(), authorities: [root], challenge: fromHex(challenge) };
    const { checks, exchange } = await verifyTestimony(testimony, reader);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(exchange).toMatchObject({ method: 'POST', url: `${origin}/v1/chat/completions`, status: 200 });
    // A proxy that answers by itself has other bytes than the testimony, or none.
    const own = await verifyTestimony({ ...testimony, response: utf8Encode('{"id":"chatcmpl-7"}') }, reader);
    expect(own.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['response']);

    for (const id of ['chatcmpl-7', path.split('/').at(-1) as string]) {
      const said = json(await call(`/v1/signature/${id}?signing_algo=ed25519`));
      const hash = (text: string): string => toHex(crypto.sha256(utf8Encode(text)));
      expect(said).toMatchObject({ text: `${hash(CHAT)}:${hash(answers.body)}`, signing_address: ready.signingKey });
      const key = createPublicKey(called.certificate.publicKey.export({ format: 'pem', type: 'spki' }));
      expect(verify(null, Buffer.from(said.text), key, Buffer.from(said.signature, 'hex'))).toBe(true);
      expect(verify(null, Buffer.from(`${said.text}0`), key, Buffer.from(said.signature, 'hex'))).toBe(false);
    }
    expect((await call('/v1/signature/unknown')).status).toBe(404);
    expect((await call('/v1/testimony/unknown')).status).toBe(404);
    for (const shown of [called, await call(path)]) expect(shown.body.toString()).not.toContain(SECRET);
  });

  it('hands on errors and streams of the vendor as they are, and gives no earlier answer’s name away', async () => {
    const { call } = await open();
    answers = { status: 429, type: 'application/json', body: '{"error":{"message":"slower"}}' };
    const refused = await call('/v1/messages', CHAT);
    expect([refused.status, refused.body.toString()]).toEqual([429, answers.body]);
    answers = { status: 200, type: 'text/event-stream', body: 'data: {"id":"a"}\n\ndata: [DONE]\n\n' };
    const streamed = await call('/v1/chat/completions', CHAT);
    expect([streamed.headers['content-type'], streamed.body.toString()]).toEqual(['text/event-stream', answers.body]);
    answers = { status: 200, type: 'application/json', body: '{"id":"one","n":1}' };
    await call('/v1/chat/completions', CHAT);
    const first = json(await call('/v1/signature/one')).text;
    answers = { ...answers, body: '{"id":"one","n":2}' };
    await call('/v1/chat/completions', CHAT);
    expect(json(await call('/v1/signature/one')).text).toBe(first);
  });

  it('calls no server without a named authority, and accepts no answer that is too long', async () => {
    const strange = await open('--authority', save('other.pem', OTHER_AUTHORITY));
    answers = { status: 200, type: 'application/json', body: '{"id":"x"}' };
    expect((await strange.call('/v1/chat/completions', CHAT)).status).toBe(200);
    const before = asked.length;
    const parsed = read(
      '--authority',
      join(directory, 'other.pem'),
      '--tee',
      'software',
      '--upstream-headers',
      headers,
    );
    const daemon = await startProxy(parsed);
    stops.push(daemon.stop);
    const refused = await createCaller((daemon.ready as { address: HostPort }).address)('/v1/chat/completions', CHAT);
    expect([refused.status, asked.length]).toEqual([502, before]);
    expect(refused.body.toString()).toContain('no named authority vouches');
    const { call } = await open('--max-response', '5B');
    expect((await call('/v1/chat/completions', CHAT)).status).toBe(502);
  });

  it('wants its key where it has one, and keeps its answers to itself', async () => {
    answers = { status: 200, type: 'application/json', body: '{"id":"mine"}' };
    const { call } = await open('--access-key', ACCESS);
    const before = asked.length;
    for (const extra of [{}, { authorization: 'Bearer other' }, { authorization: ACCESS }] as Record<string, string>[])
      expect((await call('/v1/chat/completions', CHAT, extra)).status).toBe(401);
    expect(asked.length).toBe(before);
    expect((await call('/v1/chat/completions', CHAT, { authorization: `Bearer ${ACCESS}` })).status).toBe(200);
    expect((await call('/v1/messages', CHAT, { 'x-api-key': ACCESS })).status).toBe(200);
    expect(asked.at(-1)?.key).toBe(`Bearer ${SECRET}`);
    expect((await call('/v1/signature/mine')).status).toBe(401);
    expect((await call('/v1/attestation/report')).status).toBe(200);
  });

  it('refuses more requests at once than its limit, and requests that it cannot read', async () => {
    const { call } = await open('--max-requests', '1');
    let release = (): void => {};
    hold = new Promise((resolve) => (release = resolve));
    const before = asked.length;
    const first = call('/v1/chat/completions', CHAT);
    while (asked.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await call('/v1/chat/completions', CHAT)).status).toBe(429);
    release();
    expect((await first).status).toBe(200);
    expect((await call('/v1/chat/completions', CHAT, { 'x-ogong-challenge': '12' })).status).toBe(400);
    expect((await call('/v1/chat/completions', 'x'.repeat(2 ** 20 + 1))).status).toBe(413);
    expect((await call('/v1/models')).status).toBe(404);
  });

  it('has its machine asked so often a second, by all together', async () => {
    const { app } = await createModelProxy(
      {
        ...{ upstream: origin, authorities: [TEST_AUTHORITY], headers: {}, accessKey: undefined },
        ...{ timeoutMs: 1_000, maxResponseBytes: 1_000, maxRequests: 1 },
      },
      { crypto, attester: softwareMachine, clock: { nowMs: () => 0 }, log: { error: () => {} } },
    );
    const statuses: number[] = [];
    for (let i = 0; i < 21; i++) statuses.push((await app.request('/v1/attestation/report', {}, {})).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 429]);
  });

  it('does not start without machine, authority, an origin of https, or a key where others can call', async () => {
    const given = ['--authority', authority, '--tee', 'software'];
    const wrong: [flags: string[], problem: string][] = [
      [['--tee', 'software'], '--authority'],
      [['--authority', authority], '--tee'],
      [[...given, '--listen', '0.0.0.0:0'], '--access-key'],
      [[...given, '--upstream', 'http://127.0.0.1:1'], '--upstream'],
      [[...given, '--upstream', `${origin}/v1`], '--upstream'],
      [[...given, '--upstream-headers', save('bad.json', JSON.stringify({ a: `${SECRET}\n` }))], '--upstream-headers'],
      [[...given, '--upstream-headers', save('host.json', '{"Host":"other"}')], 'host is not yours to set'],
    ];
    for (const [flags, problem] of wrong) {
      const error = await startProxy(read(...flags)).catch((cause: Error) => cause);
      expect(error, flags.join(' ')).toBeInstanceOf(Error);
      expect((error as Error).message).toContain(problem);
      expect((error as Error).message).not.toContain(SECRET);
    }
  });
});
