import { ProtocolError } from '../base/bytes.ts';
import {
  type Codec,
  type CodecType,
  createFormat,
  hash,
  list,
  plainText,
  refine,
  safeInteger,
  struct,
  text,
  u32,
  u64,
  u128,
} from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { CLOCK_TOLERANCE_MS, MAX_ENDPOINT_BYTES, MAX_MODEL_ID_BYTES } from '../exchange/limits.ts';
import { parseModelId } from '../exchange/match.ts';

/** The most time for which a document may be valid. */
export const MAX_NETWORK_LIFETIME_MS: number = 24 * 3_600_000;
/** The largest document. */
export const MAX_NETWORK_BYTES: number = 256 * 1024;
const MAX_DEPLOYMENT_BYTES = 16 * 1024;
const MAX_SOURCE_BYTES = 512;
/** The most routers, and the most relays. */
export const MAX_NETWORK_PEERS = 16;
/** The most models. */
export const MAX_NETWORK_MODELS = 256;

const peerCodec = struct({
  /** `host:port` */
  endpoint: plainText(MAX_ENDPOINT_BYTES),
  /** SHA-256 of its certificate, 32 bytes. */
  certHash: hash,
});

/** A router or a relay. */
export interface NetworkPeer extends CodecType<typeof peerCodec> {}

const modelId: Codec<string> = refine(plainText(MAX_MODEL_ID_BYTES), (value) => void parseModelId(value));

const modelCodec = struct({
  /** `ogong/<tier>/<maker>/<model>` */
  id: modelId,
  /** 32 bytes; zeros if nobody serves the model now. */
  modelRoot: hash,
  modality: text(32),
  /** Where the weights are, as `--model` takes it; empty if unknown. The root decides whether they are the right ones. */
  source: text(MAX_SOURCE_BYTES),
  /** The lower median of what its providers ask for 1,000 units, in atomic units; 0 if nobody serves it. */
  pricePer1kAtomic: u64,
  contextSize: u32,
  providers: u32,
  /** Payees with a verifier of the model, and those of them with stake. */
  verifiers: u32,
  stakedVerifiers: u32,
  /** Replies that its providers serve at a time, and how many of these places are free. */
  slots: u32,
  freeSlots: u32,
  /** The lower median of the speeds that routers measured, in thousandths of a token a second; 0 if none was. */
  milliTokensPerSecond: u32,
  /** Thousandths of a count of requests that found no provider (docs/spec/match.md#demand). */
  milliDemand: u32,
});

const compareIds = ({ id: a }: { readonly id: string }, { id: b }: { readonly id: string }): number =>
  a < b ? -1 : Number(a > b);

/** A model of the network, as the routers of a gateway report it. */
export interface NetworkModel extends CodecType<typeof modelCodec> {}

const parametersCodec = struct({
  /** A period of earnings, in seconds; 0 if the network holds none. */
  periodSeconds: u32,
  /** The first earnings of an account, which pay for audits and never reach the payee; atomic units. */
  entranceAtomic: u128,
});

/** Parameters that a provider needs to know. The chain has the last word about them. */
export interface NetworkTerms extends CodecType<typeof parametersCodec> {}

const documentCodec = struct({
  issuedAtMs: safeInteger,
  expiresAtMs: safeInteger,
  /** JSON of the contracts' addresses, with the address of the chain for everybody if there is one. */
  deployment: text(MAX_DEPLOYMENT_BYTES),
  parameters: parametersCodec,
  routers: list(peerCodec, { count: u32, min: 1, max: MAX_NETWORK_PEERS }),
  relays: list(peerCodec, { count: u32, max: MAX_NETWORK_PEERS }),
  models: list(modelCodec, { count: u32, max: MAX_NETWORK_MODELS, ascending: compareIds }),
});

/** Everything that a machine needs to know of a network before it joins (docs/spec/network.md). */
export interface NetworkDocument extends CodecType<typeof documentCodec> {}

const format = createFormat<NetworkDocument>(refine<NetworkDocument>(documentCodec, assertDocument), {
  tag: 'ogong-network-v1',
  maxBytes: MAX_NETWORK_BYTES,
});

function assertDocument({ issuedAtMs, expiresAtMs, models }: NetworkDocument): void {
  const lifetimeMs = expiresAtMs - issuedAtMs;
  if (lifetimeMs <= 0 || lifetimeMs > MAX_NETWORK_LIFETIME_MS)
    throw new ProtocolError('out-of-range', `lifetime of ${lifetimeMs} ms`);
  const busy = models.find(({ slots, freeSlots }) => freeSlots > slots);
  if (busy !== undefined) throw new ProtocolError('out-of-range', `${busy.id} has more free places than places`);
}

/** @throws ProtocolError for a document outside its bounds. */
export const encodeNetwork: (document: NetworkDocument) => Uint8Array = format.encode;
/** Parses the bytes without their signature. @throws ProtocolError */
export const parseNetwork: (bytes: Uint8Array) => NetworkDocument = format.decode;

/** A document with the key of the gateway that issued it. */
export interface SignedNetwork {
  /** The exact bytes that were signed. */
  readonly document: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export function signNetwork(signer: HybridSigner, document: NetworkDocument): SignedNetwork {
  const bytes = encodeNetwork(document);
  return { document: bytes, key: signer.publicKey, signature: signer.sign(bytes) };
}

/**
 * Verifies a document: signed by its key, and valid now. The reader compares the fingerprint with the one that it expects.
 * @returns the document, and the hash of the key, 32 bytes. @throws ProtocolError naming the first check that failed.
 */
export function verifyNetwork(
  crypto: Crypto,
  { document: bytes, key, signature }: SignedNetwork,
  { nowMs }: { readonly nowMs: number },
): { readonly document: NetworkDocument; readonly fingerprint: Uint8Array } {
  const refuse = (why: string): never => {
    throw new ProtocolError('malformed', `the document of the network is not accepted: ${why}`);
  };
  if (bytes.length > MAX_NETWORK_BYTES) refuse(`it has more than ${MAX_NETWORK_BYTES} bytes`);
  if (!verifyHybrid(crypto, { publicKey: key, message: bytes, signature })) refuse('its signature does not hold');
  const document = parseNetwork(bytes);
  if (document.issuedAtMs > nowMs + CLOCK_TOLERANCE_MS) refuse("it is of the future, by this machine's clock");
  if (document.expiresAtMs <= nowMs) refuse("it has expired, by this machine's clock");
  return { document, fingerprint: hashHybridKey(crypto, key) };
}
