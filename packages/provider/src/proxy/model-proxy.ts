import {
  createHash,
  createPublicKey,
  randomBytes,
  randomUUID,
  sign,
  timingSafeEqual,
  X509Certificate,
} from 'node:crypto';
import { encodeEvidence } from '@ogong/attestation/evidence-file';
import type { Attester } from '@ogong/host/attester/attester';
import { deriveCurveKey, toExchangeKey, toExchangeSecret } from '@ogong/host/crypto/field-seal';
import { Secret } from '@ogong/host/crypto/secret';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { type ApiApp, type ApiContext, createApiApp, type Handler, mountRoutes } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { readJsonBody } from '@ogong/host/http/body';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import type { Logger } from '@ogong/host/log/logger';
import type { Clock } from '@ogong/host/time/clock';
import { concatBytes, fromHex, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { ANSWERING_ROUTES } from '@ogong/protocol/http/routes';
import { REPORT_DATA_BYTES } from '@ogong/protocol/tier/attestation';
import { ExchangeError } from '../machine/https-exchange.ts';
import { testify } from '../machine/testify.ts';
import { ACI_VERSION, type Aci, createAci } from './aci.ts';
import { createExchangeMemory } from './exchange-memory.ts';
import { CHALLENGE_HEADER, FORWARDED_ROUTES, PROOF_ROUTES, TESTIMONY_HEADER } from './proxy-routes.ts';
import { createSealedCalls, type FieldSealedCall } from './sealed-fields.ts';

export interface ModelProxyOptions {
  /** Origin of the hosted API, of https. */
  readonly upstream: string;
  /** PEM: the only roots that may vouch for it. */
  readonly authorities: readonly string[];
  /** Headers that the hosted API needs beside the body: a key. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bearer token that callers have to show; undefined if anybody may call. */
  readonly accessKey: Secret<string> | undefined;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Exchanges at once. */
  readonly maxRequests: number;
}

export interface ModelProxyParts {
  readonly crypto: Pick<Crypto, 'sha256' | 'keccak256'>;
  readonly attester: Attester;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
}

/** Calls a hosted API for its callers, and shows request and response. */
export interface ModelProxy {
  readonly app: ApiApp;
  /** Key of the TLS entry point: it is made here, is on no disk, and signs request and response, too. */
  readonly identity: LinkIdentity;
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
}

const KEPT = { maxCount: 1_024, maxBytes: 128 << 20 };
/** Rate of all callers together: a report takes a machine some 10 ms. */
const QUESTION_RATE = { perSecond: 5, burst: 20 };
const BODY_TIMEOUT_MS = 15_000;
const NONCE_BYTES = 32;
const ED25519_KEY_BYTES = 32;
const MAX_GIVEN_ID = 128;

export async function createModelProxy(options: ModelProxyOptions, parts: ModelProxyParts): Promise<ModelProxy> {
  const seed = new Uint8Array(randomBytes(ED25519_KEY_BYTES));
  const identity = createLinkIdentity(new Secret(seed));
  const der = createPublicKey(identity.privateKey).export({ format: 'der', type: 'spki' });
  const signingKey = new Uint8Array(der.subarray(der.length - ED25519_KEY_BYTES));
  const authorities = options.authorities.flatMap(splitCertificates).map((der) => toHex(parts.crypto.sha256(der)));
  const aci = createAci(identity.certificateDer, parts.clock);
  const curveSecret = new Uint8Array(randomBytes(ED25519_KEY_BYTES));
  const curveKey = deriveCurveKey(curveSecret);
  const fieldKeys = {
    ...{ ed25519: signingKey, x25519: toExchangeKey(signingKey), x25519Secret: toExchangeSecret(seed) },
    ...{ secp256k1: curveKey, secp256k1Secret: curveSecret },
    aci: aci.sealKey,
  };
  const readSealed = createSealedCalls(fieldKeys, parts.clock);
  const ledgerSigner = createNodeLedgerSigner(curveSecret);
  const signers = {
    ed25519: {
      address: toHex(signingKey),
      publicKey: toHex(signingKey),
      data: signingKey,
      sign: (text: string) => toHex(new Uint8Array(sign(null, utf8Encode(text), identity.privateKey))),
    },
    ecdsa: {
      address: `0x${toHex(ledgerSigner.address)}`,
      publicKey: toHex(curveKey.subarray(1)),
      data: ledgerSigner.address,
      sign: (text: string) => `0x${toHex(ledgerSigner.signDigest(hashPersonal(parts.crypto, text)))}`,
    },
  };
  const memory = createExchangeMemory(KEPT);
  const questions = createRateLimiter(QUESTION_RATE, parts.clock);
  let running = 0;

  const forward: Handler = async (context) => {
    assertAccess(context, options.accessKey);
    const challenge = readNonce(context.req.header(CHALLENGE_HEADER), CHALLENGE_HEADER);
    if (running >= options.maxRequests)
      throw new ApiError('too_many_requests', `${running} requests are under way; try again in a moment.`, {
        retryAfterS: 1,
      });
    running++;
    try {
      const received = await readJsonBody(context, { maxBytes: MAX_REQUEST_BYTES, timeoutMs: BODY_TIMEOUT_MS });
      const sealed = readSealed((name) => context.req.header(name));
      if (sealed !== undefined && new URL(context.req.url).pathname !== ANSWERING_ROUTES.chat.path)
        throw new ApiError('invalid_request', 'e2ee_unsupported_endpoint: chats alone can be sealed.');
      const body = sealed === undefined ? received : sealed.open(received);
      const order = {
        method: 'POST',
        url: `${options.upstream}${new URL(context.req.url).pathname}`,
        headers: { 'content-type': 'application/json', ...options.headers },
        body,
      } as const;
      const { testimony, made } = await testify(order, { ...options, challenge }, parts);
      const { shown, ...said } =
        sealed === undefined ? { shown: made.response, headers: {} } : sealAnswer(sealed, made);
      // Hashes of request and response, as the caller has them.
      const text = `${toHex(parts.crypto.sha256(received))}:${toHex(parts.crypto.sha256(shown))}`;
      const id = `testimony-${randomUUID()}`;
      const chatId = readGivenId(made.response);
      const endpoint = new URL(context.req.url).pathname;
      const receipt = aci.receipt({ endpoint, request: body, returned: shown, chatId, upstream: options.upstream });
      memory.keep(id, chatId, { testimony, text, receipt });
      const headers = {
        'content-type': said.contentType ?? made.contentType,
        'x-receipt-id': receipt.id,
        [TESTIMONY_HEADER]: PROOF_ROUTES.testimony.path.replace(':id', id),
        ...said.headers,
      };
      // A response of some statuses has no body.
      const answer = shown.length === 0 ? null : new Uint8Array(shown);
      return new Response(answer, { status: made.status, headers });
    } finally {
      running--;
    }
  };

  const find = (context: ApiContext) => {
    assertAccess(context, options.accessKey);
    const kept = memory.find(context.req.param('id') ?? '');
    if (kept === undefined) throw new ApiError('not_found', 'Nothing is kept here under this id.');
    return kept;
  };

  const app = createApiApp({
    explain: explainExchange,
    onFailure: (err, requestId) => parts.log.error({ err, requestId }, 'a request failed'),
  });
  app.use('*', async (context, next) => {
    await next();
    context.header('x-aci-version', ACI_VERSION);
    context.header('x-aci-keyset-digest', aci.keyset().digest);
  });
  const assertRate = (): void => {
    if (questions.take('')) return;
    throw new ApiError('too_many_requests', 'The machine is asked too often; try again in a moment.', {
      retryAfterS: 1,
    });
  };
  mountRoutes(app, FORWARDED_ROUTES, Object.fromEntries(Object.keys(FORWARDED_ROUTES).map((name) => [name, forward])));
  mountRoutes(app, PROOF_ROUTES, {
    // A caller that still checks the machine has no key yet.
    async report(context) {
      const algorithm = readAlgorithm(context);
      const signer = signers[algorithm];
      assertRate();
      const nonce = readNonce(context.req.query('nonce'), 'nonce', () => new Uint8Array(randomBytes(NONCE_BYTES)));
      const data = new Uint8Array(REPORT_DATA_BYTES);
      data.set(signer.data);
      data.set(nonce, ED25519_KEY_BYTES);
      const evidence = await parts.attester.attest(data);
      const { cpu, eventLog } = evidence;
      return context.json({
        signing_algo: algorithm,
        signing_address: signer.address,
        signing_public_key: signer.publicKey,
        request_nonce: toHex(nonce),
        intel_quote: cpu.kind === 'intel' ? toHex(cpu.quote) : null,
        event_log: eventLog === undefined ? null : (JSON.parse(eventLog) as unknown),
        nvidia_payload: null,
        evidence: JSON.parse(utf8Decode(encodeEvidence(evidence))) as unknown,
        // The report names the key alone, and the machine's operator may have set the upstream.
        upstream: options.upstream,
        authorities,
        upstream_signature: toHex(
          new Uint8Array(
            sign(null, utf8Encode(describeUpstream(options.upstream, authorities, nonce)), identity.privateKey),
          ),
        ),
      });
    },
    signature(context) {
      const algorithm = readAlgorithm(context);
      const signer = signers[algorithm];
      const { text } = find(context);
      return context.json({
        ...{ text, signature: signer.sign(text), signing_address: signer.address, signing_algo: algorithm },
      });
    },
    async aciReport(context) {
      const nonce = context.req.query('nonce');
      if (nonce !== undefined && !/^[0-9a-f]{64}$/.test(nonce))
        throw new ApiError('invalid_request', 'nonce: 64 lower-case hexadecimal digits are expected.', {
          param: 'nonce',
        });
      assertRate();
      return context.json(await reportAci(aci, parts.attester, nonce));
    },
    aciReceipt: (context) => context.json(find(context).receipt.document),
    async testimony(context) {
      const { encodeTestimony } = await import('@ogong/attestation/testimony');
      const { testimony } = find(context);
      return new Response(new Uint8Array(encodeTestimony(testimony)), {
        headers: { 'content-type': 'application/json' },
      });
    },
  });
  return { app, identity, signingKey };
}

/** The machine's report as ACI has it: of its keyset, and of the nonce. */
async function reportAci(aci: Aci, attester: Attester, nonce: string | undefined) {
  const keyset = aci.keyset();
  const reportData = aci.reportData(keyset, nonce);
  const padded = new Uint8Array(REPORT_DATA_BYTES);
  padded.set(reportData);
  const shown = await attester.attest(padded);
  const { cpu, eventLog, compose } = shown;
  return {
    api_version: ACI_VERSION,
    workload_keyset_digest: keyset.digest,
    attestation: {
      tee_type: cpu.kind === 'intel' ? 'tdx' : cpu.kind === 'amd-snp' ? 'sev_snp' : cpu.kind,
      workload_keyset: keyset.document,
      report_data: toHex(reportData),
      source_provenance: { repo_url: null, repo_commit: null, image_digest: null, image_provenance: null },
      evidence: {
        quote: cpu.kind === 'intel' ? toHex(cpu.quote) : null,
        quote_report_data: toHex(reportData),
        event_log: eventLog ?? null,
        app_compose: compose ?? null,
        evidence: JSON.parse(utf8Decode(encodeEvidence(shown))) as unknown,
      },
    },
    service_capabilities: { supported_e2ee_versions: ['2'], serving: 'aggregator' },
  };
}

/** Splits a file that may hold several certificates. @returns each in DER */
const splitCertificates = (pem: string): Uint8Array[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new Uint8Array(new X509Certificate(one).raw),
  );

/** Describes the upstream, for a signature of the TLS key. @param authorities SHA-256 of each root's DER, in hex. */
export const describeUpstream = (upstream: string, authorities: readonly string[], nonce: Uint8Array): string =>
  `ogong-proxy-v1\n${upstream}\n${authorities.join(',')}\n${toHex(nonce)}`;

interface ShownAnswer {
  readonly shown: Uint8Array;
  /** Default: that of the hosted API. */
  readonly contentType?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An error of the hosted API may quote the request, and no format has a place for it. So its status alone is handed on. */
function sealAnswer(
  sealed: FieldSealedCall,
  {
    status,
    response,
    contentType,
  }: { readonly status: number; readonly response: Uint8Array; readonly contentType: string },
): ShownAnswer {
  if (status === 200) return { shown: sealed.seal(response, contentType), headers: sealed.headers };
  const message = `The hosted API answers with status ${status}. Its words are withheld, since the request is sealed.`;
  const error = { message, type: 'upstream_error', param: null, code: 'upstream_refused' };
  return { shown: utf8Encode(JSON.stringify({ error })), contentType: 'application/json', headers: {} };
}

function assertAccess({ req }: ApiContext, accessKey: Secret<string> | undefined): void {
  if (accessKey === undefined) return;
  const given = /^Bearer (.+)$/.exec(req.header('authorization') ?? '')?.[1] ?? req.header('x-api-key') ?? '';
  const [shown, own] = [given, accessKey.reveal()].map((text) => createHash('sha256').update(text).digest());
  if (!timingSafeEqual(shown as Buffer, own as Buffer))
    throw new ApiError('invalid_api_key', 'This is not the key of this proxy.');
}

function readAlgorithm({ req }: ApiContext): 'ecdsa' | 'ed25519' {
  const wanted = req.query('signing_algo') ?? 'ed25519';
  if (wanted === 'ecdsa' || wanted === 'ed25519') return wanted;
  throw new ApiError('invalid_request', 'signing_algo: this machine signs by ecdsa and ed25519.', {
    param: 'signing_algo',
  });
}

/** EIP-191, version 0x45: as wallets sign texts. */
function hashPersonal(crypto: Pick<Crypto, 'keccak256'>, text: string): Uint8Array {
  const bytes = utf8Encode(text);
  return crypto.keccak256(concatBytes(utf8Encode(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
}

function readNonce(text: string | undefined, param: string, fallback = () => new Uint8Array(NONCE_BYTES)): Uint8Array {
  if (text === undefined) return fallback();
  if (!/^[0-9a-fA-F]{64}$/.test(text))
    throw new ApiError('invalid_request', `${param}: 64 hexadecimal digits are expected.`, { param });
  return fromHex(text.toLowerCase());
}

/** Reads the id that the hosted API gave its answer. It names nothing but this lookup. */
function readGivenId(response: Uint8Array): string | undefined {
  try {
    const { id } = JSON.parse(utf8Decode(response)) as { readonly id?: unknown };
    return typeof id === 'string' && id.length > 0 && id.length <= MAX_GIVEN_ID ? id : undefined;
  } catch {
    return undefined;
  }
}

function explainExchange(error: unknown): ApiError | undefined {
  if (!(error instanceof ExchangeError)) return undefined;
  const code = error.code === 'timeout' ? 'provider_timeout' : 'provider_failed';
  return new ApiError(code, `The hosted API was not asked, or its answer is not handed on: ${error.message}.`, {
    cause: error,
  });
}
