import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { signNetwork } from '@ogong/protocol/network/network-document';
import { formatSignedNetwork } from '@ogong/protocol/network/network-json';
import { createSyntheticNetwork } from '@ogong/testing/synthetic/synthetic-network';
import { afterEach, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { createNodeHybridSigner } from '../crypto/signers.ts';
import { fetchNetwork, NetworkError } from './fetch-network.ts';

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const document = createSyntheticNetwork();
const signed = JSON.stringify(formatSignedNetwork(signNetwork(signer, document)));
const nowMs = (): number => document.issuedAtMs + 1;

let server: Server | undefined;
afterEach(() => server?.close());

async function ask(answer: RequestListener) {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => void listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  return fetchNetwork(`http://127.0.0.1:${port}`, { crypto, nowMs });
}

it('returns the document of a gateway, and the hash of its key', async () => {
  const paths: (string | undefined)[] = [];
  const found = await ask((request, response) => {
    paths.push(request.url);
    response.end(signed);
  });
  expect(found.document).toEqual(document);
  expect(found.fingerprint).toBe(Buffer.from(hashHybridKey(crypto, signer.publicKey)).toString('hex'));
  expect(paths).toEqual(['/public/network/document']);
});

it.each<[string, RegExp, RequestListener]>([
  ['another server', /issues no document/, (_, response) => void response.writeHead(404).end()],
  ['a broken gateway', /status 503/, (_, response) => void response.writeHead(503).end()],
  ['a redirect', /cannot be reached/, (_, response) => void response.writeHead(302, { location: '/' }).end()],
  ['an endless answer', /too large/, (_, response) => void response.end('x'.repeat(600_000))],
  ['no document', /no document of a network/, (_, response) => void response.end('{}')],
])('refuses %s', async (_what, message, answer) => {
  const failed = ask(answer);
  await expect(failed).rejects.toThrow(NetworkError);
  await expect(failed).rejects.toThrow(message);
});

it('names an address where nobody listens', async () => {
  await expect(fetchNetwork('http://127.0.0.1:9', { crypto, nowMs })).rejects.toMatchObject({
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:9 cannot be reached: /),
    retryable: true,
  });
});
