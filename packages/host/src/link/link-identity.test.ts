import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it } from 'vitest';
import { Secret } from '../crypto/secret.ts';
import { createLinkIdentity, LINK_HOST, loadCertificatePin } from './link-identity.ts';

it('makes the same certificate of the same seed', async () => {
  const create = (n: number) => createLinkIdentity(new Secret(new Uint8Array(32).fill(n)));
  const [a, again, b] = await Promise.all([create(1), create(1), create(2)]);
  expect(a.certificateDer).toEqual(again.certificateDer);
  expect(a.id).not.toEqual(b.id);
  // Registries hold these hashes, so a certificate never changes.
  expect(toHex(a.id)).toBe('2b92a59474c9415c9c49f042d4d183eda61a32750c1c5c7742ef68180cb25fe1');
  expect(toHex(b.id)).toBe('a161d716210ec9fc8cb132e6e8de6d4479b4060522e42ab1626c53dad5b8bd4a');
});

it('makes a certificate that is self-signed and does not expire', async () => {
  const { certificatePem } = await makeIdentity(1);
  const certificate = new X509Certificate(certificatePem);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.publicKey.asymmetricKeyType).toBe('ed25519');
  expect(certificate.checkHost(LINK_HOST)).toBe(LINK_HOST);
  expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
});

it('reads a pin as hash, DER file or PEM file', async () => {
  const identity = await makeIdentity(1);
  const directory = mkdtempSync(join(tmpdir(), 'ogong-pin-'));
  const [der, pem, junk] = ['router.der', 'router.pem', 'junk'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(der, identity.certificateDer);
  writeFileSync(pem, identity.certificatePem);
  writeFileSync(junk, 'junk');
  try {
    for (const source of [toHex(identity.id), toHex(identity.id).toUpperCase(), der, pem]) {
      expect(loadCertificatePin(source)).toEqual(identity.id);
    }
    for (const source of [junk, join(directory, 'absent'), 'abcd']) {
      expect(() => loadCertificatePin(source)).toThrow(expect.objectContaining({ code: 'wrong-certificate' }));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
