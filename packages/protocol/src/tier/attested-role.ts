import { ProtocolError } from '../base/bytes.ts';
import { address, bytes32, type CodecType, createFormat, hash, refine, struct, u8, u64 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { MAX_MACHINE_EVIDENCE_BYTES, REPORT_DATA_BYTES } from './attestation.ts';

/** Roles beside the provider that may run in an attested machine (docs/spec/attested-roles.md). */
export const ATTESTED_ROLES = ['router', 'validator'] as const;
export type AttestedRole = (typeof ATTESTED_ROLES)[number];

const NUMBERS: Readonly<Record<AttestedRole, number>> = { router: 1, validator: 2 };

const keysCodec = struct({
  role: u8,
  chainId: u64,
  escrow: address,
  /** The role's signing identity. A router: the hash of its ticket key. A validator: 12 zeros, then the address of its signing key. */
  nodeId: hash,
  /** SHA-256 of the certificate of its links. */
  certHash: hash,
});
const keysFormat = createFormat<CodecType<typeof keysCodec>>(
  refine<CodecType<typeof keysCodec>>(keysCodec, ({ role }) => {
    if (!Object.values(NUMBERS).includes(role)) throw new ProtocolError('malformed', 'no such role');
  }),
  { tag: 'ogong-attested-role-v1' },
);

/** The identity that the machine of a router or a validator attests. */
export interface RoleKeys {
  readonly role: AttestedRole;
  readonly ledger: { readonly chainId: bigint; readonly verifyingContract: Uint8Array };
  readonly nodeId: Uint8Array;
  readonly certHash: Uint8Array;
}

/** Computes the data that the machine's report must contain. @param nonce 32 bytes */
export function computeRoleReportData(
  crypto: Pick<Crypto, 'sha256'>,
  { role, ledger, nodeId, certHash }: RoleKeys,
  nonce: Uint8Array,
): Uint8Array {
  const keys = { role: NUMBERS[role], chainId: ledger.chainId, escrow: ledger.verifyingContract, nodeId, certHash };
  const data = new Uint8Array(REPORT_DATA_BYTES);
  data.set(crypto.sha256(keysFormat.encode(keys)));
  data.set(nonce, REPORT_DATA_BYTES / 2);
  return data;
}

/** Pads the address of a validator's signing key to a node id. @param signingKey 20 bytes */
export function nameSigningKey(signingKey: Uint8Array): Uint8Array {
  const nodeId = new Uint8Array(32);
  nodeId.set(signingKey, nodeId.length - signingKey.length);
  return nodeId;
}

const nonceFormat = createFormat(struct({ epoch: u64, beacon: hash, certHash: hash }), { tag: 'ogong-role-nonce-v1' });

/**
 * Computes the nonce of a role's evidence. It is unknown before the epoch's beacon; any holder of a receipt of that epoch can compute it.
 * @param asked.beacon value of the epoch, 32 bytes.
 */
export const computeRoleNonce = (
  crypto: Pick<Crypto, 'sha256'>,
  asked: { readonly epoch: bigint; readonly beacon: Uint8Array; readonly certHash: Uint8Array },
): Uint8Array => crypto.sha256(nonceFormat.encode(asked));

const partCodec = struct({
  certHash: hash,
  /** JSON of docs/spec/machine-evidence.md. */
  evidence: bytes32(MAX_MACHINE_EVIDENCE_BYTES),
});

/** The part `router-machine` or `validator-machine` of a receipt. */
export interface RoleEvidence extends CodecType<typeof partCodec> {}

const partFormat = createFormat<RoleEvidence>(partCodec, { tag: 'ogong-role-evidence-v1' });

export const encodeRoleEvidence: (part: RoleEvidence) => Uint8Array = partFormat.encode;
/** @throws ProtocolError */
export const parseRoleEvidence: (bytes: Uint8Array) => RoleEvidence = partFormat.decode;

/** Name of the part of a receipt, and of the check on it. */
export const rolePart = (role: AttestedRole): string => `${role}-machine`;
