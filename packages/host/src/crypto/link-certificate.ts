import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { toPlainBytes } from './node-crypto.ts';

const TAG = {
  ...{ integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, text: 0x13, utcTime: 0x17, time: 0x18 },
  ...{ sequence: 0x30, set: 0x31, dnsName: 0x82, version: 0xa0, extensions: 0xa3 },
} as const;
const ED25519_OID = Buffer.from('2b6570', 'hex');
const COMMON_NAME_OID = Buffer.from('550403', 'hex');
const ALTERNATIVE_NAME_OID = Buffer.from('551d11', 'hex');
const VERSION_3 = Buffer.of(2);
/** The count of unused bits that begins each string of bits. */
const NO_UNUSED_BITS = Buffer.of(0);

/**
 * Creates the certificate of a link key: X.509 version 3, signed by itself. A library for certificates takes a daemon 30 ms to load.
 * @param privateKey Ed25519.
 * @param host the name that a client expects.
 * @returns DER.
 * Source: RFC 5280 section 4.1, RFC 8410.
 */
export function signLinkCertificate(privateKey: KeyObject, host: string): Uint8Array {
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const keyHash = createHash('sha256').update(publicKey).digest();
  const algorithm = encode(TAG.sequence, encode(TAG.oid, ED25519_OID));
  const commonName = encode(TAG.sequence, encode(TAG.oid, COMMON_NAME_OID), encode(TAG.text, Buffer.from('ogong')));
  const name = encode(TAG.sequence, encode(TAG.set, commonName));
  const hosts = encode(TAG.sequence, encode(TAG.dnsName, Buffer.from(host)));
  const extension = encode(TAG.sequence, encode(TAG.oid, ALTERNATIVE_NAME_OID), encode(TAG.octets, hosts));
  const body = encode(
    TAG.sequence,
    encode(TAG.version, encode(TAG.integer, VERSION_3)),
    // A leading 01 keeps the serial positive and of fixed length, as RFC 5280 asks.
    encode(TAG.integer, Buffer.of(1), keyHash.subarray(0, 15)),
    algorithm,
    name,
    encode(
      TAG.sequence,
      encode(TAG.utcTime, Buffer.from('200101000000Z')),
      encode(TAG.time, Buffer.from('99991231235959Z')),
    ),
    name,
    publicKey,
    encode(TAG.extensions, encode(TAG.sequence, extension)),
  );
  const signature = encode(TAG.bits, NO_UNUSED_BITS, sign(null, body, privateKey));
  return toPlainBytes(encode(TAG.sequence, body, algorithm, signature));
}

/** Encodes one value in DER. @param parts of its content, at most 255 bytes together. */
function encode(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}
