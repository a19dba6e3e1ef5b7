import { compareBytes, concatBytes, equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type Check, fail, isOk, pass } from '../base/checks.ts';
import { address, bytes, type CodecType, createFormat, list, struct, u16, u64 } from '../base/codec.ts';
import { MAX_VALIDATORS } from '../beacon/validator-set.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES, hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { isQuorum } from '../crypto/quorum.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { batchSummary, hashBatchSummary } from './batch.ts';

/**
 * A quorum's certificate for the head of one validator's log, off the chain, by Ed25519 and ML-DSA-44 (docs/spec/log-heads.md).
 * The contract takes secp256k1 signatures. This certificate is also for readers that do not rely on those.
 */

/** One validator's signature. */
export interface HeadSignature {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

const headSignature = struct({
  /** Account of the validator. */
  signer: address,
  publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  signature: bytes(HYBRID_SIGNATURE_BYTES),
});

export interface SignedHead extends CodecType<typeof headSignature> {}

const headCertificate = struct({
  /** Domain of the settlement contract. */
  domain: struct({ chainId: u64, verifyingContract: address }),
  /** The batch: log, number, head and length, and the hashes of its payments. */
  summary: batchSummary,
  signatures: list(headSignature, {
    count: u16,
    max: MAX_VALIDATORS,
    ascending: (a, b) => compareBytes(a.signer, b.signer),
  }),
});

export interface HeadCertificate extends CodecType<typeof headCertificate> {}

const headFormat = createFormat(headCertificate, { tag: 'ogong-log-head-v1' });

export const encodeHeadCertificate: (certificate: HeadCertificate) => Uint8Array = headFormat.encode;
export const parseHeadCertificate: (bytes: Uint8Array) => HeadCertificate = headFormat.decode;

const SIGNED = encodeDomain('ogong-log-head-signature-v1');

/** Encodes the message that a hybrid key signs: the digest that the secp256k1 keys sign, under its own tag. */
export const encodeHeadMessage = (digest: Uint8Array): Uint8Array => concatBytes(SIGNED, digest);

/** Signs a head. Use it only for a batch that the same signer may sign: see docs/spec/signer.md. */
export function signHead(
  crypto: Crypto,
  key: HybridSigner,
  { domain, summary }: Pick<HeadCertificate, 'domain' | 'summary'>,
): HeadSignature {
  const digest = hashBatchSummary(crypto, domain, summary);
  return { publicKey: key.publicKey, signature: key.sign(encodeHeadMessage(digest)) };
}

/** A validator's data on the chain. */
export interface HeadVoter {
  readonly address: Uint8Array;
  readonly stake: bigint;
  /** SHA-256 of its registered key; undefined if it has none. */
  readonly headKeyHash: Uint8Array | undefined;
}

export interface HeadVoters {
  readonly voters: readonly HeadVoter[];
  /** All stake, also that of unlisted validators. */
  readonly totalStake: bigint;
}

interface HeadCount {
  readonly signatures: readonly SignedHead[];
  readonly signedStake: bigint;
  readonly isEnough: boolean;
}

/** Counts the valid signatures, largest stake first, until they are a quorum. Further ones are not checked. */
function countHeads(
  crypto: Crypto,
  { digest, signatures }: { readonly digest: Uint8Array; readonly signatures: readonly SignedHead[] },
  { voters, totalStake }: HeadVoters,
): HeadCount {
  const message = encodeHeadMessage(digest);
  const known = new Map(voters.map((voter) => [toHex(voter.address), voter]));
  const named = new Map(signatures.map((one) => [toHex(one.signer), one]));
  const ranked = [...named]
    .flatMap(([name, one]) => {
      const voter = known.get(name);
      return voter === undefined ? [] : [{ one, voter }];
    })
    .sort((a, b) => (a.voter.stake === b.voter.stake ? 0 : a.voter.stake > b.voter.stake ? -1 : 1));
  const counted: SignedHead[] = [];
  let signedStake = 0n;
  for (const { one, voter } of ranked) {
    if (isQuorum(signedStake, totalStake)) break;
    const { headKeyHash } = voter;
    if (headKeyHash === undefined || !equalBytes(hashHybridKey(crypto, one.publicKey), headKeyHash)) continue;
    if (!verifyHybrid(crypto, { ...one, message })) continue;
    counted.push(one);
    signedStake += voter.stake;
  }
  const sorted = counted.sort((a, b) => compareBytes(a.signer, b.signer));
  return { signatures: sorted, signedStake, isEnough: isQuorum(signedStake, totalStake) };
}

/** Builds a certificate of the fewest signatures that are a quorum. @returns undefined if there is no quorum. */
export function buildHeadCertificate(
  crypto: Crypto,
  { domain, summary, signatures }: HeadCertificate,
  voters: HeadVoters,
): HeadCertificate | undefined {
  const digest = hashBatchSummary(crypto, domain, summary);
  const counted = countHeads(crypto, { digest, signatures }, voters);
  return counted.isEnough ? { domain, summary, signatures: counted.signatures } : undefined;
}

/** The data with which a reader compares a certificate. */
export interface HeadTrust extends HeadVoters {
  readonly domain: LedgerDomain;
  /** The validator that must own the log. */
  readonly validator: Uint8Array;
  /** The batch that the certificate must be about, if the reader knows one. */
  readonly batch?: { readonly sequence: bigint; readonly logHead: Uint8Array } | undefined;
}

export interface HeadVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present if the bytes parse; worth nothing unless `ok`. */
  readonly head?: Pick<HeadCertificate['summary'], 'validator' | 'sequence' | 'logHead' | 'logLength'>;
}

/**
 * Verifies that more than two thirds of the stake certify this head of that log. Each signer must use both parts of its
 * registered key.
 */
export function verifyHeadCertificate(crypto: Crypto, encoded: Uint8Array, trust: HeadTrust): HeadVerdict {
  let certificate: HeadCertificate;
  try {
    certificate = parseHeadCertificate(encoded);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('head-encoding', error.message)] };
  }
  const { domain, summary, signatures } = certificate;
  const { validator, sequence, logHead, logLength } = summary;
  const counted = countHeads(crypto, { digest: hashBatchSummary(crypto, domain, summary), signatures }, trust);
  const checks = [
    pass('head-encoding', 'canonical'),
    checkSubject(certificate, trust),
    counted.isEnough
      ? pass('head-quorum', `${counted.signedStake} of ${trust.totalStake} stake signed with both keys`)
      : fail('head-quorum', `${counted.signedStake} of ${trust.totalStake} stake signed with keys that are registered`),
  ];
  return { ok: isOk(checks), checks, head: { validator, sequence, logHead, logLength } };
}

function checkSubject({ domain, summary }: HeadCertificate, trust: HeadTrust): Check {
  const { validator, sequence, logHead, logLength } = summary;
  const isOfNetwork =
    domain.chainId === trust.domain.chainId &&
    equalBytes(domain.verifyingContract, trust.domain.verifyingContract) &&
    equalBytes(validator, trust.validator);
  if (!isOfNetwork) return fail('head-log', 'it is about the log of another validator, or of another network');
  const { batch } = trust;
  if (batch !== undefined && (batch.sequence !== sequence || !equalBytes(batch.logHead, logHead))) {
    return fail('head-log', `it is about batch ${sequence}, and another head than that of batch ${batch.sequence}`);
  }
  return pass('head-log', `batch ${sequence}, ${logLength} entries, head ${toHex(logHead)}`);
}
