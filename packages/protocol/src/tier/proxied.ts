import { concatBytes, equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Check, check, fail, skip } from '../base/checks.ts';
import { bytes, bytes16, bytes32, type CodecType, createFormat, hash, list, struct, u8 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type Attestation,
  checkAttestedReply,
  MACHINE_CHECK,
  MAX_ATTESTATION_BYTES,
  MAX_MACHINE_EVIDENCE_BYTES,
  nonceOfOrder,
  openVouched,
  parseAttestation,
} from './attestation.ts';
import { type HttpsExchange, hashChain, parseHttpsExchange } from './testimony.ts';
import type { OwnEvidence } from './tier.ts';

const MAX_STATEMENT_BYTES = 4_096;
const MAX_CERTIFICATE_BYTES = 8_192;
const MAX_CHAIN = 8;
/** Of one reply. */
const MAX_EXCHANGES = 4;
const SIGNATURE_BYTES = 64;

const exchangeCodec = struct({
  /** An HTTPS exchange (docs/spec/testimony.md#statement). */
  statement: bytes16(MAX_STATEMENT_BYTES),
  /** DER, the server's own first. */
  chain: list<Uint8Array>(bytes16(MAX_CERTIFICATE_BYTES), { count: u8, min: 1, max: MAX_CHAIN }),
});

/** A machine's statement about one request and its response, with the server's certificates. */
export interface ShownExchange extends CodecType<typeof exchangeCodec> {}

const exchangesCodec = list<ShownExchange>(exchangeCodec, { count: u8, min: 1, max: MAX_EXCHANGES });
const exchangesFormat = createFormat(struct({ exchanges: exchangesCodec }), { tag: 'ogong-shown-exchanges-v1' });

const proxiedCodec = struct({
  attestedKey: hash,
  sealKeyHash: hash,
  evidence: bytes32(MAX_MACHINE_EVIDENCE_BYTES),
  exchanges: exchangesCodec,
  /** Ed25519, over the statement about the reply. */
  signature: bytes(SIGNATURE_BYTES),
});

const proxiedFormat = createFormat<ProxiedAttestation>(proxiedCodec, { tag: 'ogong-attestation-v2' });

/** An attestation of a reply that a hosted model produced. */
export interface ProxiedAttestation extends Attestation {
  readonly exchanges: readonly ShownExchange[];
}

export const encodeProxiedAttestation: (attestation: ProxiedAttestation) => Uint8Array = proxiedFormat.encode;

/** @throws ProtocolError */
const parseProxiedAttestation = (bytes: Uint8Array): ProxiedAttestation =>
  proxiedFormat.decode(openVouched(bytes).attestation);

const PROXIED_TAG_BYTE = '2'.charCodeAt(0);
const TAG_BYTE_AT = 'ogong-attestation-v'.length;

/** Parses an attestation of either kind. One of a machine's own reply has no exchanges. @throws ProtocolError */
export const readAttestation = (bytes: Uint8Array): ProxiedAttestation =>
  openVouched(bytes).attestation[TAG_BYTE_AT] === PROXIED_TAG_BYTE
    ? parseProxiedAttestation(bytes)
    : { ...parseAttestation(bytes), exchanges: [] };

/**
 * Computes the nonce of the machine's report for a reply. It binds the order and, for a hosted model, the exchanges. A thief of the machine's
 * key can therefore show no exchange that the machine did not make.
 */
export const nonceOfReply = (
  crypto: Pick<Crypto, 'sha256'>,
  order: Uint8Array,
  exchanges: readonly ShownExchange[],
): Uint8Array =>
  exchanges.length === 0
    ? nonceOfOrder(crypto, order)
    : crypto.sha256(concatBytes(nonceOfOrder(crypto, order), crypto.sha256(exchangesFormat.encode({ exchanges }))));

/** Parses the exchanges of a proxied reply. @throws ProtocolError if one does not parse or names other certificates. */
export function readExchanges(
  crypto: Pick<Crypto, 'sha256'>,
  exchanges: readonly ShownExchange[],
): readonly HttpsExchange[] {
  return exchanges.map(({ statement, chain }) => {
    const exchange = parseHttpsExchange(statement);
    if (!equalBytes(hashChain(crypto, chain), exchange.chainHash))
      throw new ProtocolError('malformed', 'the machine saw other certificates than those that are shown');
    return exchange;
  });
}

/** The part of a receipt of tier `tee-proxy`: evidence that names the order and the exchanges with the hosted API. */
export const proxiedPart: OwnEvidence = {
  name: 'attestation',
  maxBytes: MAX_ATTESTATION_BYTES,
  checks: ['attested-reply', MACHINE_CHECK, 'exchange'],
  verify(crypto, bytes, signed) {
    const attestation = parseProxiedAttestation(bytes);
    return [
      checkAttestedReply(crypto, attestation, signed),
      checkExchanges(crypto, attestation),
      skip(MACHINE_CHECK, "nobody looked at the machine's evidence: it takes a policy"),
    ];
  },
};

function checkExchanges(crypto: Pick<Crypto, 'sha256'>, { exchanges }: ProxiedAttestation): Check {
  let read: readonly HttpsExchange[];
  try {
    read = readExchanges(crypto, exchanges);
  } catch (error) {
    return fail('exchange', (error as Error).message);
  }
  const [{ method, url, status, timeMs }] = read as [HttpsExchange];
  return check('exchange', method === 'POST' && status === 200, [
    `${url} answered, ${timeMs} ms since 1970 by the machine's clock; the vendor alone vouches for the model that answered`,
    `the machine shows ${method} ${url} with status ${status}, which is no answer`,
  ]);
}
