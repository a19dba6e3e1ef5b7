import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromHex } from '@ogong/protocol/base/bytes';
import { signLinkCertificate } from '../crypto/link-certificate.ts';
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
export function createLinkIdentity(seed: Secret<Uint8Array>): LinkIdentity {
  const privateKey = importEd25519Seed(seed.reveal());
  const certificateDer = signLinkCertificate(privateKey, LINK_HOST);
  return {
    id: hashCertificate(certificateDer),
    certificateDer,
    certificatePem: new X509Certificate(certificateDer).toString().trimEnd(),
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
