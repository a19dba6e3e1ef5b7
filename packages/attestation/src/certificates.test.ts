import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { findChainProblem, findRevocation, parseCertificate } from './certificates.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const NOW = Date.parse('2026-06-01T00:00:00Z');
const VALID = { notBefore: new Date(NOW - 1_000), notAfter: new Date(NOW + 1_000_000) };

interface Issued {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const makeKeys = () =>
  crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

async function issue(name: string, by: Issued | undefined, extensions: Extension[] = []): Promise<Issued> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.create({
    ...VALID,
    subject: `CN=${name}`,
    issuer: by?.certificate.subject ?? `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: by?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return { certificate, keys };
}

const isCa = (pathLength?: number) => new BasicConstraintsExtension(true, pathLength, true);
const mayDo = (flags: KeyUsageFlags) => new KeyUsagesExtension(flags, true);

it('is no certificate if an extension cannot be read', async () => {
  // The names of a server, which are no DER.
  const broken = new Extension('2.5.29.17', false, Uint8Array.of(0x30, 0x05, 0x82));
  const { certificate } = await issue('server', undefined, [broken]);
  const read = () => parseCertificate(new Uint8Array(certificate.rawData), 'the chain');
  expect(read).toThrow(
    expect.objectContaining({ name: 'EvidenceError', message: 'the chain holds no certificate that can be read' }),
  );
});

describe('a chain of certificates', () => {
  let root: Issued;
  beforeAll(async () => {
    root = await issue('root', undefined, [isCa(), mayDo(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)]);
  });

  async function problemOf(chain: readonly Issued[], roots: readonly Issued[] = [root]): Promise<string | undefined> {
    const thumbprints = await Promise.all(roots.map(({ certificate }) => certificate.getThumbprint('SHA-256')));
    return findChainProblem(
      chain.map(({ certificate }) => certificate),
      thumbprints.map((thumbprint) => toHex(new Uint8Array(thumbprint))),
      NOW,
    );
  }

  it('holds where each issuer may sign', async () => {
    const issuer = await issue('issuer', root, [isCa(0), mayDo(KeyUsageFlags.keyCertSign)]);
    const leaf = await issue('leaf', issuer);
    expect(await problemOf([leaf, issuer, root])).toBeUndefined();
  });

  it.each<[what: string, extensions: Extension[], problem: string]>([
    ['says nothing of itself', [], 'machine may not sign certificates'],
    ['says that it is none', [new BasicConstraintsExtension(false)], 'machine may not sign certificates'],
    ['has a key for something else', [isCa(), mayDo(KeyUsageFlags.digitalSignature)], 'the key of machine is not for'],
  ])('ends at an issuer that %s', async (_what, extensions, problem) => {
    const machine = await issue('machine', root, extensions);
    const made = await issue('made by a machine', machine);
    expect(await problemOf([made, machine, root])).toContain(problem);
    expect(await problemOf([machine, root])).toBeUndefined();
  });

  it('is no longer than an issuer allows', async () => {
    const outer = await issue('outer', root, [isCa(0)]);
    const inner = await issue('inner', outer, [isCa()]);
    const leaf = await issue('leaf', inner);
    expect(await problemOf([leaf, inner, outer, root])).toContain('outer may not have 1 issuers below it');
    expect(await problemOf([inner, outer, root])).toBeUndefined();
  });

  it('takes a root that is no issuer for nothing', async () => {
    const bare = await issue('bare', undefined);
    const leaf = await issue('leaf', bare);
    expect(await problemOf([leaf, bare], [bare])).toContain('bare may not sign certificates');
  });

  it('has lists of revoked certificates from keys that are for them', async () => {
    const listing = async (issuer: Issued) =>
      X509CrlGenerator.create({
        issuer: issuer.certificate.subject,
        thisUpdate: VALID.notBefore,
        nextUpdate: VALID.notAfter,
        signingKey: issuer.keys.privateKey,
        signingAlgorithm: ALGORITHM,
        entries: [],
      });
    const leaf = await issue('leaf', root);
    expect(await findRevocation(await listing(root), root.certificate, leaf.certificate, NOW)).toBeUndefined();
    const other = await issue('other', root, [isCa(), mayDo(KeyUsageFlags.keyCertSign)]);
    const below = await issue('below', other);
    expect(await findRevocation(await listing(other), other.certificate, below.certificate, NOW)).toContain(
      'is not for lists',
    );
  });
});
