import 'reflect-metadata';
import { createHash, createPublicKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromHex } from '@ogong/protocol/base/bytes';
import * as x509 from '@peculiar/x509';
import { toPlainBytes } from '../crypto/node-crypto.ts';
import type { Secret } from '../crypto/secret.ts';
import { importEd25519Seed } from '../crypto/signers.ts';
import { LinkError } from './link-error.ts';
import type { Wire } from './wire.ts';

/** SHA-256 of a certificate's DER, 32 bytes. The registry calls it consensus id; a link trusts nothing else. */
export type PeerId = Uint8Array;

export interface LinkIdentity {
  readonly id: PeerId;
  readonly certificateDer: Uint8Array;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
  /** Default: TLS over TCP. */
  readonly wire?: Wire;
}

/**
 * The certificate of a link key. Deterministic: it has fixed dates and a serial from the key. So the seed alone is the
 * identity, the certificate never expires, and a lost one can be made again.
 * @param seed 32 bytes, Ed25519.
 */
export async function createLinkIdentity(seed: Secret<Uint8Array>): Promise<LinkIdentity> {
  x509.cryptoProvider.set(webcrypto);
  const privateKey = importEd25519Seed(seed.reveal());
  const publicKey = createPublicKey(privateKey);
  const keyHash = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // A leading 01 keeps the serial positive and of fixed length, as RFC 5280 asks.
    serialNumber: `01${keyHash.toString('hex', 0, 15)}`,
    name: 'CN=ogong',
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('9999-12-31T23:59:59Z'),
    signingAlgorithm: { name: 'Ed25519' },
    keys: {
      privateKey: privateKey.toCryptoKey('Ed25519', false, ['sign']),
      publicKey: publicKey.toCryptoKey('Ed25519', true, ['verify']),
    },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: LINK_HOST }])],
  });
  const certificateDer = new Uint8Array(certificate.rawData);
  return {
    id: hashCertificate(certificateDer),
    certificateDer,
    certificatePem: certificate.toString('pem'),
    privateKey,
  };
}

/** Names are meaningless on a link, since the certificate is pinned; `.invalid` never resolves. */
export const LINK_HOST = 'ogong.invalid';

export function hashCertificate(der: Uint8Array): PeerId {
  return toPlainBytes(createHash('sha256').update(der).digest());
}

/**
 * Reads the value of `--router-cert` and similar flags: 64 hex digits (the consensus id), or the path of a certificate in DER or PEM.
 */
export function loadCertificatePin(source: string): PeerId {
  if (/^[0-9a-fA-F]{64}$/.test(source)) return fromHex(source.toLowerCase());
  try {
    return hashCertificate(new X509Certificate(readFileSync(source)).raw);
  } catch (cause) {
    const expected = 'expected 64 hex digits or the path of a DER or PEM certificate';
    throw new LinkError('wrong-certificate', `cannot use ${source} as a certificate pin: ${expected}`, { cause });
  }
}
