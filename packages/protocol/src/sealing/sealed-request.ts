import { concatBytes, equalBytes, ProtocolError, utf8Encode } from '../base/bytes.ts';
import {
  bytes,
  bytes16,
  bytes32,
  type CodecType,
  createFormat,
  type Format,
  hash,
  plainText,
  struct,
  u8,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { CAPSULE_BYTES, KEM_KEY_BYTES, type KemKey, type SealPrimitives } from '../crypto/seal-primitives.ts';
import { MAX_CACHE_SCOPE_BYTES, MAX_REQUEST_BYTES, MAX_SEALED_REQUEST_BYTES } from '../exchange/limits.ts';
import { createExporter, type Exporter, type PreSharedKey } from './key-schedule.ts';
import { pad, padRequest, unpad } from './padding.ts';
import {
  createReplyContext,
  createRequestContext,
  encodeSealContext,
  readSealSuite,
  SEAL_SUITE,
  type SealContext,
  type SealedExchange,
  type SealSuite,
} from './seal-context.ts';
import { SealError } from './seal-error.ts';
import type { CheckedSealKey } from './seal-key.ts';
import { createMediaSeal, type MediaSeal } from './sealed-media.ts';

const MAX_ENDPOINT_NAME = 32;

const innerCodec = struct({
  endpoint: plainText(MAX_ENDPOINT_NAME),
  cacheScope: bytes16(MAX_CACHE_SCOPE_BYTES),
  /** X-Wing key for this request alone. Its reply is sealed to it. */
  replyKey: bytes(KEM_KEY_BYTES),
  /** The consumer's exact body. */
  body: bytes32(MAX_REQUEST_BYTES),
});

/** The part that only the provider reads. */
export interface InnerRequest extends CodecType<typeof innerCodec> {}

const innerFormat = createFormat<InnerRequest>(innerCodec, { tag: 'ogong-sealed-inner-v1' });

const envelopeCodec = struct({
  suite: u8,
  /** Name of the key that opens it. */
  sealKeyHash: hash,
  capsule: bytes(CAPSULE_BYTES),
  /** Commitment to key and context. A text that opened under two keys would show two recipients two requests. */
  commit: hash,
  sealed: bytes32(MAX_SEALED_REQUEST_BYTES),
});

const envelopeFormat = createFormat(envelopeCodec, {
  tag: 'ogong-sealed-request-v1',
  maxBytes: MAX_SEALED_REQUEST_BYTES + 2 * CAPSULE_BYTES,
});

/** The secret that links a sealed request to its reply. It is the same on both sides. */
export interface ReplySecret {
  readonly context: SealContext;
  /** Only the parties that made or opened the request have it, so nobody else can write a reply. */
  readonly psk: PreSharedKey;
}

export const COMMIT_LABEL = utf8Encode('commit');
const BODY_LABEL = utf8Encode('body');
const REPLY_LABEL = utf8Encode('reply-psk');

/**
 * Seals a request to a provider's key. Only that key opens it, for this reply and this request.
 * @throws SealError for a malformed key.
 */
export function sealRequest(
  { crypto, seal }: SealTools,
  {
    exchange,
    to,
    inner,
    suite = SEAL_SUITE,
  }: {
    readonly exchange: SealedExchange;
    readonly to: Pick<CheckedSealKey, 'hash' | 'key'>;
    readonly inner: InnerRequest;
    /** Suite of request and reply. A reply under another suite does not open. Default: 1. */
    readonly suite?: SealSuite | undefined;
  },
): { readonly envelope: Uint8Array; readonly reply: ReplySecret; readonly media: MediaSeal } {
  const encapsulated = seal.encapsulate(to.key);
  if (encapsulated === undefined) throw new SealError('malformed', 'the seal key is no key');
  const { capsule, shared } = encapsulated;
  const context = createRequestContext(exchange, to.hash, suite);
  const keys = createExporter(seal, { shared, info: encodeSealContext(context) });
  const envelope = envelopeFormat.encode({
    ...{ suite, sealKeyHash: to.hash, capsule, commit: commitTo(keys, capsule) },
    sealed: seal.encrypt(keys.export(BODY_LABEL), pad(innerFormat.encode(inner), padRequest)),
  });
  const reply = createReplySecret(crypto, { envelope, context, keys, replyKey: inner.replyKey });
  return { envelope, reply, media: createMediaSeal(seal, keys) };
}

/**
 * Opens a request.
 * @param findKey returns the key with a hash, undefined if it is not, or no longer, stored.
 * @throws SealError
 */
export function openRequest(
  { crypto, seal }: SealTools,
  {
    exchange,
    envelope,
    findKey,
  }: {
    readonly exchange: SealedExchange;
    readonly envelope: Uint8Array;
    readonly findKey: (sealKeyHash: Uint8Array) => Pick<KemKey, 'decapsulate'> | undefined;
  },
): { readonly inner: InnerRequest; readonly reply: ReplySecret; readonly media: MediaSeal } {
  const { sealKeyHash, capsule, commit, sealed, ...named } = decode(envelopeFormat, envelope);
  const suite = readSealSuite(named.suite);
  const key = findKey(sealKeyHash);
  if (key === undefined) throw new SealError('unknown-key', 'sealed to a key that is not held here, or no more');
  const shared = key.decapsulate(capsule);
  if (shared === undefined) throw new SealError('malformed', 'the capsule is none');
  const context = createRequestContext(exchange, sealKeyHash, suite);
  const keys = createExporter(seal, { shared, info: encodeSealContext(context) });
  assertCommits(keys, capsule, commit);
  const padded = seal.decrypt(keys.export(BODY_LABEL), sealed);
  if (padded === undefined) throw new SealError('not-opened', 'the request was changed');
  const inner = readInside(innerFormat, unpad(padded, padRequest));
  const reply = createReplySecret(crypto, { envelope, context, keys, replyKey: inner.replyKey });
  return { inner, reply, media: createMediaSeal(seal, keys) };
}

/** The primitives for both directions. */
export interface SealTools {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly seal: SealPrimitives;
}

export const commitTo = (keys: Exporter, capsule: Uint8Array): Uint8Array =>
  keys.export(concatBytes(COMMIT_LABEL, capsule));

/** Asserts the commitment before anything is decrypted. @throws SealError */
export function assertCommits(keys: Exporter, capsule: Uint8Array, commit: Uint8Array): void {
  if (equalBytes(commitTo(keys, capsule), commit)) return;
  throw new SealError('not-opened', 'sealed under another key, or for another exchange');
}

function createReplySecret(
  crypto: SealTools['crypto'],
  {
    envelope,
    context,
    keys,
    replyKey,
  }: {
    readonly envelope: Uint8Array;
    readonly context: SealContext;
    readonly keys: Exporter;
    readonly replyKey: Uint8Array;
  },
): ReplySecret {
  const answered = crypto.sha256(envelope);
  return {
    context: createReplyContext(context, { replyKeyHash: crypto.sha256(replyKey), answered }),
    psk: { key: keys.export(REPLY_LABEL), id: answered },
  };
}

/** @throws SealError */
export function decode<T>(format: Format<T>, given: Uint8Array): T {
  try {
    return format.decode(given);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new SealError(cause.code === 'too-large' ? 'too-large' : 'malformed', cause.message, { cause });
  }
}

/** Reads opened bytes. A carrier may read the error, so it quotes nothing of them. @throws SealError */
export function readInside<T>(format: Format<T>, opened: Uint8Array): T {
  try {
    return format.decode(opened);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new SealError('malformed', 'the inside does not have its format');
  }
}
