import { equalBytes, utf8Encode } from '../base/bytes.ts';
import { type Check, check, skip } from '../base/checks.ts';
import { address, bytes, bytes32, type CodecType, createFormat, hash, struct, u64 } from '../base/codec.ts';
import { parseRecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HYBRID_SIGNATURE_BYTES, verifyHybrid } from '../crypto/hybrid.ts';
import type { OwnEvidence, SignedParts } from './tier.ts';

/** The quote, the event log, the vendor's statements and the chains of CPU and GPU together take about 100 KB. */
export const MAX_MACHINE_EVIDENCE_BYTES = 256 * 1_024;
const ED25519_SIGNATURE_BYTES = 64;
/** SHA-256 of the keys (32 bytes), then the nonce of the party that requests the report (32 bytes). */
export const REPORT_DATA_BYTES = 64;

const keysCodec = struct({
  chainId: u64,
  escrow: address,
  providerId: hash,
  /** Ed25519; generated in the machine and never written to disk. */
  attestedKey: hash,
  /** Names the seal key that requests are sealed to. */
  sealKeyHash: hash,
});

/** The keys that a machine attests: its provider, its signing key and its seal key (docs/spec/tee-tier.md). */
interface AttestedKeys extends CodecType<typeof keysCodec> {}

const keysFormat = createFormat<AttestedKeys>(keysCodec, { tag: 'ogong-attested-keys-v1' });

export interface NamedKeys {
  readonly ledger: { readonly chainId: bigint; readonly verifyingContract: Uint8Array };
  readonly providerId: Uint8Array;
  readonly attestedKey: Uint8Array;
  readonly sealKeyHash: Uint8Array;
}

/** Computes the data that the machine's report must contain. @param nonce 32 bytes */
export function computeReportData(
  crypto: Pick<Crypto, 'sha256'>,
  { ledger, providerId, attestedKey, sealKeyHash }: NamedKeys,
  nonce: Uint8Array,
): Uint8Array {
  const keys = { chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId, attestedKey, sealKeyHash };
  const data = new Uint8Array(REPORT_DATA_BYTES);
  data.set(crypto.sha256(keysFormat.encode(keys)));
  data.set(nonce, 32);
  return data;
}

const statementCodec = struct({
  requestHash: hash,
  replyId: bytes(16),
  /** SHA-256 of the record, which signs the commitment and the text. */
  transcript: hash,
  /** SHA-256 of the machine's evidence. */
  evidenceHash: hash,
});

/** The statement about a reply that the attested key signs. */
export interface AttestedReply extends CodecType<typeof statementCodec> {}

const statementFormat = createFormat<AttestedReply>(statementCodec, { tag: 'ogong-attested-reply-v1' });

export const encodeAttestedReply: (reply: AttestedReply) => Uint8Array = statementFormat.encode;

/** Encodes the statement about one record. @throws ProtocolError */
export function stateReply(crypto: Pick<Crypto, 'sha256'>, record: Uint8Array, evidence: Uint8Array): Uint8Array {
  const { requestHash, replyId } = parseRecordV2(record);
  const transcript = crypto.sha256(record);
  return encodeAttestedReply({ requestHash, replyId, transcript, evidenceHash: crypto.sha256(evidence) });
}

const attestationCodec = struct({
  attestedKey: hash,
  sealKeyHash: hash,
  /** JSON of docs/spec/machine-evidence.md. */
  evidence: bytes32(MAX_MACHINE_EVIDENCE_BYTES),
  /** Ed25519, over the statement. */
  signature: bytes(ED25519_SIGNATURE_BYTES),
});

/** The part `attestation` of a receipt. */
export interface Attestation extends CodecType<typeof attestationCodec> {}

const attestationFormat = createFormat<Attestation>(attestationCodec, { tag: 'ogong-attestation-v1' });

export const encodeAttestation: (attestation: Attestation) => Uint8Array = attestationFormat.encode;

/** @throws ProtocolError */
export const parseAttestation = (bytes: Uint8Array): Attestation =>
  attestationFormat.decode(openVouched(bytes).attestation);

/** Largest attestation of any format. */
export const MAX_ATTESTATION_BYTES = 640 * 1_024;

const vouchedFormat = createFormat(
  struct({ keyWord: bytes(HYBRID_SIGNATURE_BYTES), attestation: bytes32(MAX_ATTESTATION_BYTES) }),
  { tag: 'ogong-attestation-v3' },
);

/** An attestation, with the provider's signature that the attested key belongs to its machine. */
export interface VouchedAttestation {
  /** Hybrid signature over `encodeKeyWord`; undefined in the earlier formats. */
  readonly keyWord: Uint8Array | undefined;
  /** In one of the earlier formats. */
  readonly attestation: Uint8Array;
}

export const encodeVouched = (keyWord: Uint8Array, attestation: Uint8Array): Uint8Array =>
  vouchedFormat.encode({ keyWord, attestation });

const VOUCHED_TAG = utf8Encode('ogong-attestation-v3\n');

/** @throws ProtocolError */
export const openVouched = (bytes: Uint8Array): VouchedAttestation =>
  equalBytes(bytes.subarray(0, VOUCHED_TAG.length), VOUCHED_TAG)
    ? vouchedFormat.decode(bytes)
    : { keyWord: undefined, attestation: bytes };

const keyWordFormat = createFormat(struct({ chainId: u64, escrow: address, attestedKey: hash }), {
  tag: 'ogong-attested-key-v1',
});

/** Encodes the statement about the machine's key that the provider's key signs. It makes the provider liable for all that the machine's key signs. */
export const encodeKeyWord = ({ ledger, attestedKey }: Pick<NamedKeys, 'ledger' | 'attestedKey'>): Uint8Array =>
  keyWordFormat.encode({ chainId: ledger.chainId, escrow: ledger.verifyingContract, attestedKey });

/** Makes the check `attested-key`. @param signed.providerKey hybrid @throws ProtocolError if the attestation does not parse */
export function checkKeyWord(
  crypto: Crypto,
  attestation: Uint8Array,
  { providerKey, ...named }: Pick<NamedKeys, 'ledger' | 'attestedKey'> & { readonly providerKey: Uint8Array },
): Check {
  const { keyWord } = openVouched(attestation);
  if (keyWord === undefined)
    return skip('attested-key', 'an attestation of an earlier format: the provider vouches for no key of its machine');
  const signed = { publicKey: providerKey, message: encodeKeyWord(named), signature: keyWord };
  return check('attested-key', verifyHybrid(crypto, signed), [
    "the provider's own key vouches for the key of its machine",
    "the provider's own key did not sign for the key of this machine",
  ]);
}

/** Name of the check that needs a reader of certificates. It is a skip here; `packages/attestation` replaces the skip with its findings. */
export const MACHINE_CHECK = 'machine';

/** The part of a receipt of tier `tee`: evidence made for this order, and the machine's signature over the reply. */
export const attestationPart: OwnEvidence = {
  name: 'attestation',
  maxBytes: MAX_ATTESTATION_BYTES,
  checks: ['attested-reply', MACHINE_CHECK],
  verify: (crypto, bytes, signed) => [
    checkAttestedReply(crypto, parseAttestation(bytes), signed),
    skip(MACHINE_CHECK, "nobody looked at the machine's evidence: it takes a policy"),
  ],
};

export function checkAttestedReply(
  crypto: Crypto,
  { attestedKey, evidence, signature }: Pick<Attestation, 'attestedKey' | 'evidence' | 'signature'>,
  { record }: SignedParts,
): Check {
  const statement = stateReply(crypto, record, evidence);
  return check('attested-reply', crypto.verifyEd25519(signature, statement, attestedKey), [
    'the attested key signed request, reply, transcript and evidence',
    'the attested key signed another reply, or other evidence',
  ]);
}

/** Computes the nonce of a machine's report for one order. Evidence of an earlier reply has another nonce and is refused. */
export const nonceOfOrder = (crypto: Pick<Crypto, 'sha256'>, order: Uint8Array): Uint8Array => crypto.sha256(order);
