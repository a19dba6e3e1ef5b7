import { equalBytes, fromBase64, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeTestimonyData, type HttpsExchange, parseHttpsExchange } from '@ogong/protocol/tier/testimony';
import type { X509Certificate } from '@peculiar/x509';
import { parseCertificate } from './certificates.ts';
import { EvidenceError } from './evidence-error.ts';
import { checkAuthority, checkServer } from './exchange-server.ts';
import { checkMachineReport, type MachineReader } from './machine-check.ts';

/** An HTTPS exchange that a machine made, with all that shows it. */
export interface Testimony {
  /** Of HttpsExchange. */
  readonly statement: Uint8Array;
  /** Challenge that the machine received, 32 bytes. */
  readonly challenge: Uint8Array;
  /** The server's certificates as DER, its own first, up to the authority's. */
  readonly chain: readonly Uint8Array[];
  /** JSON of docs/spec/machine-evidence.md. */
  readonly evidence: Uint8Array;
  /** Bodies as they crossed the wire; left out if the party that passes the testimony on keeps them. */
  readonly request?: Uint8Array;
  readonly response?: Uint8Array;
}

const FORMAT = 'ogong-testimony-v1';
const MAX_FILE_BYTES = 96 << 20;
const MAX_CHAIN = 8;

/** @throws EvidenceError */
export function parseTestimony(bytes: Uint8Array): Testimony {
  if (bytes.length > MAX_FILE_BYTES) throw new EvidenceError(`a testimony has at most ${MAX_FILE_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new EvidenceError('the testimony is no JSON');
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  if (fields.format !== FORMAT) throw new EvidenceError(`the testimony is not of format ${FORMAT}`);
  const { chain, request, response } = fields;
  if (!Array.isArray(chain) || chain.length === 0 || chain.length > MAX_CHAIN)
    throw new EvidenceError(`chain is a list of 1 to ${MAX_CHAIN} certificates`);
  return {
    statement: asBytes(fields.statement, 'statement'),
    challenge: asBytes(fields.challenge, 'challenge'),
    chain: chain.map((der: unknown) => asBytes(der, 'chain')),
    evidence: asBytes(fields.evidence, 'evidence'),
    ...(request === undefined ? {} : { request: asBytes(request, 'request') }),
    ...(response === undefined ? {} : { response: asBytes(response, 'response') }),
  };
}

function asBytes(value: unknown, what: string): Uint8Array {
  try {
    if (typeof value === 'string') return fromBase64(value);
  } catch {
    // Said below.
  }
  throw new EvidenceError(`${what} is no base64`);
}

/** `parseTestimony` reads what this writes. */
export function encodeTestimony({ statement, challenge, chain, evidence, request, response }: Testimony): Uint8Array {
  return utf8Encode(
    JSON.stringify({
      format: FORMAT,
      statement: toBase64(statement),
      challenge: toBase64(challenge),
      chain: chain.map(toBase64),
      evidence: toBase64(evidence),
      ...(request && { request: toBase64(request) }),
      ...(response && { response: toBase64(response) }),
    }),
  );
}

export interface TestimonyReader extends MachineReader {
  /** SHA-256 of DER, hex: roots that may vouch for the server. Without them `authority` is skipped. */
  readonly authorities?: readonly string[] | undefined;
  /** Challenge that the machine had to answer, 32 bytes. Without it `challenge` is skipped: the exchange may be an old one. */
  readonly challenge?: Uint8Array | undefined;
}

/** How far a machine's clock may be ahead of the reader's. */
const CLOCK_LEAD_MS = 60_000;

/**
 * The checks of a testimony: `machine` and what it sums up, `challenge`, `server`, `authority`, `request`, `response`, `testimony-time`; `testimony-form` alone where
 * it cannot be read. Nothing throws.
 */
export async function verifyTestimony(
  testimony: Testimony,
  reader: TestimonyReader,
): Promise<{ readonly checks: readonly Check[]; readonly exchange: HttpsExchange | undefined }> {
  const { crypto, nowMs, authorities, challenge } = reader;
  let exchange: HttpsExchange;
  let data: Uint8Array;
  let chain: X509Certificate[];
  try {
    exchange = parseHttpsExchange(testimony.statement);
    data = computeTestimonyData(crypto, testimony.statement, testimony.challenge);
    chain = testimony.chain.map((der) => parseCertificate(der, 'the chain'));
  } catch (error) {
    return { checks: [fail('testimony-form', (error as Error).message)], exchange: undefined };
  }
  const { timeMs } = exchange;
  const checks = [
    ...(await checkMachineReport(testimony.evidence, data, reader)),
    checkChallenge(testimony.challenge, challenge),
    checkServer(crypto, exchange, testimony.chain, chain),
    await checkAuthority(chain, authorities, timeMs),
    checkBody('request', crypto, testimony.request, exchange.requestHash),
    checkBody('response', crypto, testimony.response, exchange.responseHash),
    check('testimony-time', timeMs <= nowMs + CLOCK_LEAD_MS, [
      `at ${new Date(timeMs).toISOString()}, by the machine's clock`,
      `the machine's clock is ${Math.round((timeMs - nowMs) / 1_000)} s ahead`,
    ]),
  ];
  return { checks, exchange };
}

function checkChallenge(given: Uint8Array, asked: Uint8Array | undefined): Check {
  if (asked === undefined)
    return skip('challenge', 'nobody said what the machine was asked with: the exchange may be old');
  return check('challenge', equalBytes(given, asked), [
    'the machine answered the challenge',
    'the machine answered another challenge',
  ]);
}

function checkBody(
  what: 'request' | 'response',
  crypto: Pick<Crypto, 'sha256'>,
  body: Uint8Array | undefined,
  expected: Uint8Array,
): Check {
  if (body === undefined) return skip(what, `the ${what} is not here; its hash is ${toHex(expected)}`);
  return check(what, equalBytes(crypto.sha256(body), expected), [
    `${body.length} bytes are those of the exchange`,
    `the machine saw another ${what}`,
  ]);
}
