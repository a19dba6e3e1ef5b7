import { createWriter, ProtocolError } from '../base/bytes.ts';
import {
  type Codec,
  type CodecType,
  createFormat,
  hash,
  plainText,
  safeInteger,
  struct,
  u16,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { REPORT_DATA_BYTES } from './attestation.ts';

const METHODS = /^[A-Z]{1,16}$/;
const MAX_URL_BYTES = 2_048;
const CHALLENGE_BYTES = 32;
/** Largest time of a JavaScript `Date`. */
const MAX_TIME_MS = 8_640_000_000_000_000;

const httpsUrl: Codec<string> = plainText(MAX_URL_BYTES);

const exchangeCodec = struct({
  method: plainText(16),
  /** Absolute, as requested. */
  url: httpsUrl,
  /** SHA-256 of the request's body; of no bytes if there was none. */
  requestHash: hash,
  status: within(u16, 100, 599),
  /** SHA-256 of the response's body, whole. */
  responseHash: hash,
  /** SHA-256 of the server's certificates, see hashChain. */
  chainHash: hash,
  /** When the response was complete, by the machine's clock, Unix time in ms. */
  timeMs: within(safeInteger, 0, MAX_TIME_MS),
});

/** A machine's statement about one HTTPS exchange that it made (docs/spec/testimony.md). */
export interface HttpsExchange extends CodecType<typeof exchangeCodec> {}

const exchangeFormat = createFormat<HttpsExchange>(exchangeCodec, { tag: 'ogong-https-exchange-v1' });

/** @throws ProtocolError */
export function encodeHttpsExchange(exchange: HttpsExchange): Uint8Array {
  assertForm(exchange);
  return exchangeFormat.encode(exchange);
}

/** @throws ProtocolError */
export function parseHttpsExchange(bytes: Uint8Array): HttpsExchange {
  const exchange = exchangeFormat.decode(bytes);
  assertForm(exchange);
  return exchange;
}

function assertForm({ method, url }: HttpsExchange): void {
  if (!METHODS.test(method)) throw new ProtocolError('malformed', 'method: 1 to 16 capital letters');
  if (!url.startsWith('https://') || url.includes('#')) throw new ProtocolError('malformed', 'url: not of https');
}

/** Names a chain: SHA-256 over u32 length and DER of each certificate, the server's own first. */
export function hashChain(crypto: Pick<Crypto, 'sha256'>, chain: readonly Uint8Array[]): Uint8Array {
  const writer = createWriter();
  for (const der of chain) writer.bytes32(der);
  return crypto.sha256(writer.finish());
}

/** Computes the data that the machine's report must contain: SHA-256 of the statement, then the challenge. @param challenge 32 bytes */
export function computeTestimonyData(
  crypto: Pick<Crypto, 'sha256'>,
  statement: Uint8Array,
  challenge: Uint8Array,
): Uint8Array {
  if (challenge.length !== CHALLENGE_BYTES)
    throw new ProtocolError('malformed', `a challenge has ${CHALLENGE_BYTES} bytes`);
  const data = new Uint8Array(REPORT_DATA_BYTES);
  data.set(crypto.sha256(statement));
  data.set(challenge, CHALLENGE_BYTES);
  return data;
}
