import { FieldSealError, type FieldSuite, openField, sealField, toExchangeKey } from '@ogong/host/crypto/field-seal';
import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import { createRecentSet } from '@ogong/host/time/recent-set';
import { fromHex, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';

/**
 * Requests whose texts are sealed field by field, in three formats of deployed confidential endpoints. They are E2EE v1, E2EE v2,
 * and the v2 of the newer gateways (docs/spec/testimony.md#sealed-fields). A format is told by its headers, and none is ever taken
 * for another.
 */
export interface FieldSealedCall {
  /** The body as the hosted API is asked. @throws ApiError */
  open(body: Uint8Array): Uint8Array;
  /** The answer with its texts sealed to the caller. @throws ApiError if it has a form that cannot be sealed whole */
  seal(response: Uint8Array, contentType: string): Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Keys of the machine. */
export interface FieldKeys {
  /** Ed25519 key of the TLS entry point; X25519 follows from it. */
  readonly ed25519: Uint8Array;
  readonly x25519: Uint8Array;
  readonly x25519Secret: Uint8Array;
  /** Uncompressed, 65 bytes. */
  readonly secp256k1: Uint8Array;
  readonly secp256k1Secret: Uint8Array;
  /** X25519 key of the keyset, for nothing else. The newer format may name it in place of the TLS key. */
  readonly aci: { readonly publicKey: Uint8Array; readonly secret: Uint8Array };
}

type ReadHeader = (name: string) => string | undefined;
type Fields = Record<string, unknown>;

/** How long a nonce is remembered, and how far a caller's clock may be off. */
const WINDOW_S = 300;
const MAX_NONCES = 65_536;
/** Fields of an answer that hold no text of it. */
const PLAIN_NAMES = ['id', 'object', 'created', 'model', 'choices', 'usage', 'system_fingerprint', 'service_tier'];
const [CONTENT, TEXTS] = ['content', ['content', 'reasoning_content', 'reasoning']];

/** Reads calls, and remembers which nonces were used. @returns undefined for a call in plain. @throws ApiError */
export function createSealedCalls(keys: FieldKeys, clock: Pick<Clock, 'nowMs'>) {
  const used = createRecentSet({ maxCount: MAX_NONCES, keptMs: 2 * WINDOW_S * 1_000 }, clock);

  function assertFresh(header: ReadHeader, client: Uint8Array, leastNonce: number): { nonce: string; ts: string } {
    const [nonce, ts] = [header('x-e2ee-nonce') ?? '', header('x-e2ee-timestamp') ?? ''];
    if (nonce.length < leastNonce || nonce.length > 128) throw refuse('e2ee_invalid_nonce', 'X-E2EE-Nonce');
    if (!/^\d{1,12}$/.test(ts) || Math.abs(clock.nowMs() / 1_000 - Number(ts)) > WINDOW_S)
      throw refuse('e2ee_invalid_timestamp', 'X-E2EE-Timestamp');
    const isNew = used.add(`${toHex(client)} ${nonce.toLowerCase()}`);
    if (isNew === 'full')
      throw new ApiError('too_many_requests', 'Too many sealed requests; try again later.', { retryAfterS: 30 });
    if (isNew === 'known') throw refuse('e2ee_replay_detected', 'X-E2EE-Nonce');
    return { nonce, ts };
  }

  function readLegacy(header: ReadHeader, algo: 'ecdsa' | 'ed25519', version: string | undefined): FieldSealedCall {
    const own = algo === 'ecdsa' ? keys.secp256k1 : keys.ed25519;
    assertOwn(header, own, algo === 'ecdsa' ? 'secp256k1' : 'x25519');
    const given = readKey(header('x-client-pub-key'), algo === 'ecdsa' ? 'secp256k1' : 'x25519');
    const client = algo === 'ecdsa' ? given : refusing(() => toExchangeKey(given), 'e2ee_invalid_public_key');
    const secret = algo === 'ecdsa' ? keys.secp256k1Secret : keys.x25519Secret;
    const fresh = version === undefined ? undefined : assertFresh(header, given, 16);
    const suite = (aad: string | undefined): FieldSuite => ({
      ...{ curve: algo === 'ecdsa' ? 'secp256k1' : 'x25519', info: `${algo}_encryption`, aad },
    });
    const end = fresh && `n=${fresh.nonce}|ts=${fresh.ts}`;
    return createCall({
      headers: { 'x-e2ee-applied': 'true', ...(version && { 'x-e2ee-version': version }), 'x-e2ee-algo': algo },
      open: ({ model, message, part }, field) =>
        openField(
          suite(end && `v2|req|algo=${algo}|model=${model}|m=${message}|c=${part ?? '-'}|${end}`),
          secret,
          field,
        ),
      seal: ({ model, id, choice, name }, text) =>
        sealField(
          suite(end && `v2|resp|algo=${algo}|model=${model}|id=${id}|choice=${choice}|field=${name}|${end}`),
          client,
          utf8Encode(text),
        ),
    });
  }

  function readNewer(header: ReadHeader): FieldSealedCall {
    const named = readKey(header('x-model-pub-key'), undefined);
    const curve = named.length === 65 ? 'secp256k1' : 'x25519';
    const isAci = curve === 'x25519' && toHex(named) === toHex(keys.aci.publicKey);
    const secret = isAci ? keys.aci.secret : keys[`${curve}Secret`];
    if (!isAci) assertOwn(header, keys[curve], curve);
    const client = readKey(header('x-client-pub-key'), curve);
    if (!/^[0-9a-f]{64}$/i.test(header('x-e2ee-nonce') ?? '')) throw refuse('e2ee_invalid_nonce', 'X-E2EE-Nonce');
    const { nonce, ts } = assertFresh(header, client, 64);
    const algo = `${curve}-aes-256-gcm-hkdf-sha256`;
    const suite = (aad: string): FieldSuite => ({ curve, info: `aci.e2ee.v2.${curve}`, aad });
    return createCall({
      headers: { 'x-e2ee-applied': 'true', 'x-e2ee-version': '2', 'x-e2ee-algo': algo },
      open: ({ model, message, part }, sealed) => {
        const field = `messages.${message}.content${part === undefined ? '' : `.${part}.text`}`;
        const aad = { algo, field, model, nonce, purpose: 'aci.e2ee.request.v2', ts: Number(ts) };
        return openField(suite(JSON.stringify(aad)), secret, sealed);
      },
      seal: ({ model, id, choice, name, holder }, text) => {
        const field = `choices.${choice}.${holder}.${name}`;
        const aad = { algo, field, id, model, nonce, purpose: 'aci.e2ee.response.v2', ts: Number(ts) };
        return sealField(suite(JSON.stringify(aad)), client, utf8Encode(text));
      },
    });
  }

  return (header: ReadHeader): FieldSealedCall | undefined => {
    const [algo, version] = [header('x-signing-algo'), header('x-e2ee-version')];
    const names = ['x-client-pub-key', 'x-model-pub-key', 'x-e2ee-version', 'x-e2ee-nonce', 'x-e2ee-timestamp'];
    if (names.every((name) => header(name) === undefined)) return undefined;
    if (version !== undefined && version !== '2') throw refuse('e2ee_invalid_version', 'X-E2EE-Version');
    const needed = version === undefined ? names.slice(0, 2) : names;
    const lacking = needed.find((name) => header(name) === undefined);
    if (lacking !== undefined) throw refuse('e2ee_header_missing', lacking);
    if (algo === undefined && version === '2') return readNewer(header);
    if (algo !== 'ecdsa' && algo !== 'ed25519') throw refuse('e2ee_header_missing', 'X-Signing-Algo');
    return readLegacy(header, algo, version);
  };
}

const refuse = (type: string, what: string): ApiError =>
  new ApiError('invalid_request', `${type}: the sealed request does not hold (${what}).`, { param: what });

function refusing<T>(run: () => T, type: string): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof FieldSealError) throw refuse(type, error.message);
    throw error;
  }
}

/** Hex, with or without 0x; of secp256k1 also without the byte that says that it is uncompressed. */
function readKey(text: string | undefined, curve: FieldSuite['curve'] | undefined): Uint8Array {
  const hex = (text ?? '').replace(/^0x/, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex) && curve !== 'secp256k1') return fromHex(hex);
  if (/^[0-9a-f]{128}$/.test(hex) && curve !== 'x25519') return fromHex(`04${hex}`);
  if (/^04[0-9a-f]{128}$/.test(hex) && curve !== 'x25519') return fromHex(hex);
  throw refuse('e2ee_invalid_public_key', 'a public key');
}

function assertOwn(header: ReadHeader, own: Uint8Array, curve: FieldSuite['curve']): void {
  if (toHex(readKey(header('x-model-pub-key'), curve)) !== toHex(own))
    throw refuse('e2ee_model_key_mismatch', 'X-Model-Pub-Key');
}

interface AskedField {
  readonly model: string;
  readonly message: number;
  readonly part?: number;
}

interface AnsweredField {
  readonly model: string;
  readonly id: string;
  readonly choice: number;
  readonly name: string;
  /** The holder in a stream's chunk, or in a whole answer. */
  readonly holder: 'delta' | 'message';
}

interface Format {
  readonly headers: Readonly<Record<string, string>>;
  readonly open: (at: AskedField, field: string) => Uint8Array;
  readonly seal: (at: AnsweredField, text: string) => string;
}

function createCall({ headers, open, seal }: Format): FieldSealedCall {
  let model = '';
  const sealAnswer = (document: unknown): Fields => {
    const answer = asObject(document);
    const id = typeof answer.id === 'string' ? answer.id : '';
    const choices = Array.isArray(answer.choices) ? answer.choices : [];
    const sealed = choices.map((each: unknown, i) => {
      const choice = asObject(each);
      const at = { model, id, choice: typeof choice.index === 'number' ? choice.index : i };
      return Object.fromEntries(
        Object.entries(choice).map(([holder, value]) =>
          holder === 'delta' || holder === 'message'
            ? [holder, sealTexts(asObject(value), (name, text) => seal({ ...at, name, holder }, text))]
            : [holder, holder === 'text' || holder === 'logprobs' ? assertEmpty(holder, value) : value],
        ),
      );
    });
    for (const [name, value] of Object.entries(answer)) if (!PLAIN_NAMES.includes(name)) assertEmpty(name, value);
    return { ...answer, ...(answer.choices === undefined ? {} : { choices: sealed }) };
  };
  return {
    headers,
    open(body) {
      const request = asObject(JSON.parse(utf8Decode(body)));
      if (typeof request.model !== 'string') throw refuse('e2ee_invalid_payload_model', 'model');
      model = request.model;
      if (!Array.isArray(request.messages)) throw refuse('e2ee_unsupported_endpoint', 'messages');
      let opened = 0;
      const openOne = (at: Omit<AskedField, 'model'>, field: string): string => {
        opened++;
        return refusing(() => utf8Decode(open({ model, ...at }, field)), 'e2ee_decryption_failed');
      };
      const messages = request.messages.map((each: unknown, message) => {
        const { content, ...rest } = asObject(each);
        if (typeof content === 'string') return { ...rest, content: openOne({ message }, content) };
        if (!Array.isArray(content)) return { ...rest, ...(content === undefined ? {} : { content }) };
        const parts = content.map((given: unknown, part) => {
          const { text, ...more } = asObject(given);
          return typeof text === 'string' ? { ...more, text: openOne({ message, part }, text) } : { ...more };
        });
        return { ...rest, content: parts };
      });
      if (opened === 0) throw refuse('e2ee_decryption_failed', 'no field is sealed');
      return utf8Encode(JSON.stringify({ ...request, messages }));
    },
    seal(response, contentType) {
      const text = utf8Decode(response);
      if (!contentType.includes('text/event-stream')) return utf8Encode(JSON.stringify(sealAnswer(parseAnswer(text))));
      const lines = text.split('\n').map((line) => {
        const data = /^data: ?(.*?)\r?$/.exec(line)?.[1];
        if (data === undefined) return line.trim() === '' || line.startsWith(':') ? line : '';
        return data === '[DONE]' ? line : `data: ${JSON.stringify(sealAnswer(parseAnswer(data)))}`;
      });
      return utf8Encode(lines.join('\n'));
    },
  };
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('provider_failed', 'The hosted API answers with what is no JSON.', { cause });
  }
}

function sealTexts(holder: Fields, seal: (name: string, text: string) => string): Fields {
  return Object.fromEntries(
    Object.entries(holder).map(([name, value]) => {
      if (TEXTS.includes(name) && typeof value === 'string')
        return [name, value === '' && name === CONTENT ? value : seal(name, value)];
      return [name, name === 'role' || value === null ? value : assertEmpty(name, value)];
    }),
  );
}

/** No text may leave in plain beside sealed ones: content without a place in the format is refused. */
function assertEmpty(name: string, value: unknown): unknown {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return value;
  throw new ApiError('provider_failed', `The hosted API answers with ${name}, which this format cannot seal.`);
}

function asObject(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw refuse('e2ee_decryption_failed', 'no object');
}
