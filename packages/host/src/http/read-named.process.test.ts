import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { readNamed } from './read-named.ts';

interface Certified {
  readonly cert: string;
  readonly key: string;
}

let trusted: Certified;
let misnamed: Certified;
let unknown: Certified;
let servers: Server[] = [];
const before = getCACertificates('default');

async function certify(name: string): Promise<Certified> {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${name}`, keys, signingAlgorithm: algorithm },
    ...{ notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2099-01-01T00:00:00Z') },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string;
  return { cert: certificate.toString('pem'), key };
}

beforeAll(async () => {
  [trusted, misnamed, unknown] = (await Promise.all(['localhost', 'other.invalid', 'localhost'].map(certify))) as [
    Certified,
    Certified,
    Certified,
  ];
  setDefaultCACertificates([trusted.cert, misnamed.cert]);
});
afterAll(() => setDefaultCACertificates(before));
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  servers = [];
});

async function read(certified: Certified, policy: 'any' | 'public' = 'any'): Promise<string> {
  const server = createServer(certified, ({ url, headers }, response) => void response.end(`${url} ${headers.host}`));
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve));
  const address = `https://localhost:${(server.address() as AddressInfo).port}/manifests/ab`;
  const bytes = await readNamed(address, { policy, maxBytes: 100, signal: AbortSignal.timeout(10_000) });
  return new TextDecoder().decode(bytes);
}

it('reads over TLS from a server that has a certificate of its name', async () => {
  expect(await read(trusted)).toMatch(/^\/manifests\/ab localhost:\d+$/);
});

it('refuses a certificate of another name, one of nobody, and an address of this machine on a public network', async () => {
  await expect(read(misnamed)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  await expect(read(unknown)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  await expect(read(trusted, 'public')).rejects.toThrow('localhost is not an address of the public internet');
});
