import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import type { Clock } from '@ogong/host/time/clock';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';

/** ACI, version 1: the reports and receipts of newer gateways of inference in machines (docs/spec/testimony.md#aci). */
export const ACI_VERSION = 'aci/1';

const LIFETIME_S = 30 * 86_400;
/** So long before its end a keyset is made anew. */
const RENEWED_S = 86_400;

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Keyset {
  readonly digest: string;
  readonly document: { readonly [name: string]: Json };
}

export interface AciReceipt {
  readonly id: string;
  readonly document: { readonly [name: string]: Json };
}

/** One call, as the machine saw it. */
export interface AciCall {
  readonly endpoint: string;
  /** The request, with seals opened. */
  readonly request: Uint8Array;
  /** The response as it left the machine. */
  readonly returned: Uint8Array;
  readonly chatId: string | undefined;
  /** Origin of the server that answered. */
  readonly upstream: string;
}

export interface Aci {
  /** X25519 key that requests are sealed to, 32 bytes each. */
  readonly sealKey: { readonly publicKey: Uint8Array; readonly secret: Uint8Array };
  keyset(): Keyset;
  /** Returns the data that the machine reports for it, 32 bytes. @param nonce 64 lower-case hex digits; undefined if nobody gave one */
  reportData(keyset: Keyset, nonce: string | undefined): Uint8Array;
  receipt(call: AciCall): AciReceipt;
}

/** Members sorted, no white space: RFC 8785 of what has ASCII names and whole numbers alone. */
export function toJcs(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(toJcs).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${toJcs(member as Json)}`).join()}}`;
}

const hashHex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const toDigest = (bytes: Uint8Array): string => `sha256:${hashHex(bytes)}`;

/** Describes the subject of a report: the keys and the nonce. */
export const describeAciReport = (digest: string, nonce: string | undefined): Uint8Array =>
  utf8Encode(
    `{"keyset_digest":"${digest}","nonce":${nonce === undefined ? 'null' : `"${nonce}"`},"purpose":"aci.report_data.v1"}`,
  );

/**
 * Keys for one start of the machine: on no disk, and each for one purpose.
 * @param certificate DER of the certificate that this server's links show.
 */
export function createAci(certificate: Uint8Array, clock: Pick<Clock, 'nowMs'>): Aci {
  const signer = generateKeyPairSync('ed25519');
  const sealer = generateKeyPairSync('x25519');
  const sealKey = { publicKey: readRaw(sealer.publicKey, 'x'), secret: readRaw(sealer.privateKey, 'd') };
  const { publicKey } = new X509Certificate(certificate);
  const spki = hashHex(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));
  const nowS = (): number => Math.floor(clock.nowMs() / 1_000);
  let current: Keyset & { readonly notAfter: number } = { digest: '', document: {}, notAfter: 0 };

  function keyset(): Keyset {
    if (nowS() < current.notAfter - RENEWED_S) return current;
    const notAfter = nowS() + LIFETIME_S;
    const document = {
      subject: null,
      not_after: notAfter,
      receipt_signing_keys: [{ key_id: 'receipt', algo: 'ed25519', public_key: toHex(readRaw(signer.publicKey, 'x')) }],
      e2ee_public_keys: [
        { key_id: 'e2ee', algo: 'x25519-aes-256-gcm-hkdf-sha256', public_key: toHex(sealKey.publicKey) },
      ],
      tls_public_keys: [{ spki_sha256: spki }],
    };
    current = { digest: toDigest(utf8Encode(toJcs(document))), document, notAfter };
    return current;
  }

  return {
    sealKey,
    keyset,
    reportData: ({ digest }, nonce) => fromHex(hashHex(describeAciReport(digest, nonce))),
    receipt({ endpoint, request, returned, chatId, upstream }) {
      const id = `rcpt-${randomUUID()}`;
      const bodyHash = toDigest(request);
      const model = readModel(request);
      const unsigned = {
        ...{ api_version: ACI_VERSION, receipt_id: id, chat_id: chatId ?? null, model: model ?? null },
        ...{ workload_keyset_digest: keyset().digest, endpoint, method: 'POST', served_at: nowS() },
        event_log: [
          { type: 'request.received', body_hash: bodyHash },
          { type: 'request.forwarded', body_hash: bodyHash },
          {
            ...{ type: 'upstream.verified', result: 'failed', required: false, model_id: model ?? '' },
            reason: 'a hosted API shows no machine: its server was checked by a named root alone',
            upstream_name: upstream,
          },
          { type: 'response.returned', body_hash: toDigest(returned) },
        ],
        key_id: 'receipt',
      };
      const signature = sign(null, utf8Encode(toJcs(unsigned)), signer.privateKey).toString('hex');
      return { id, document: { ...unsigned, signature } };
    },
  };
}

function readRaw(key: KeyObject, part: 'x' | 'd'): Uint8Array {
  const { [part]: text = '' } = key.export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

function readModel(request: Uint8Array): string | undefined {
  try {
    const { model } = JSON.parse(Buffer.from(request).toString('utf8')) as { readonly model?: unknown };
    return typeof model === 'string' ? model : undefined;
  } catch {
    return undefined;
  }
}
