import {
  address,
  bytes,
  bytes16,
  type Codec,
  type CodecType,
  flag,
  hash,
  list,
  oneOf,
  safeInteger,
  struct,
  u16,
  u32,
  u64,
  u128,
  union,
} from '../base/codec.ts';
import {
  type BeaconNetwork,
  type BeaconPhase,
  type BeaconStatement,
  beaconStatement,
  hashBeaconVote,
} from '../beacon/beacon.ts';
import { hashKeyStatement, keyStatementCodec, keySubjectCodec } from '../beacon/threshold/key-plan.ts';
import { hashRetirement } from '../beacon/threshold/retirement.ts';
import { BLS_KEY_BYTES } from '../crypto/bls.ts';
import type { Crypto, HybridSigner, LedgerSigner } from '../crypto/crypto.ts';
import { hashAdmission } from '../exchange/admission.ts';
import { hashHeld } from '../exchange/held-delivery.ts';
import { hashIntake } from '../exchange/intake-receipt.ts';
import { hashReveal } from '../exchange/round-signature.ts';
import { hashSigningKey } from '../exchange/signing-key.ts';
import { hashSilence, silenceKind } from '../exchange/silence.ts';
import { hashMachineEjection } from '../machine/machine-ejection.ts';
import { hashMachineEntry, hashMachineRevocation } from '../machine/machine-entry.ts';
import { hashValidatorSealKey } from '../sealing/validator-seal-key.ts';
import { batchSummary, hashBatchSummary } from './batch.ts';
import { hashAcquittal, hashConviction, OFFENCES } from './conviction.ts';
import { hashAllotment } from './emission.ts';
import { MAX_BATCH_ENTRIES } from './gas.ts';
import { type HeadSignature, signHead } from './head-certificate.ts';
import { hashPardon } from './pardon.ts';
import { encodeQuorumKeyMessage, encodeQuorumMessage, type ShareSigner } from './quorum-sum.ts';
import { hashReinstatement } from './reinstatement.ts';

const PHASES: readonly BeaconPhase[] = ['prepare', 'commit'];

/**
 * The largest log entry. It names at most 128 verifiers, with 57 bytes for each that is paid or was silent, and 64 shards of 56
 * bytes.
 */
export const MAX_ENTRY_BYTES = 12_288;

/** The chain, and the contract for which the statement is made. */
const domain = struct({ chainId: u64, verifyingContract: address });

export const batchStatementCodec = struct({
  domain,
  summary: batchSummary,
  /** The entries that the batch settles, in their order. The last one's hash is the head. */
  entries: list(bytes16(MAX_ENTRY_BYTES), { count: u16, max: MAX_BATCH_ENTRIES }),
});

/** A validator's statement about a run of a log. Its signing key signs it for the chain, its head key for readers. */
export interface StatedBatch extends CodecType<typeof batchStatementCodec> {}

export const statementCodec = union('kind', {
  /** In the domain of the settlement contract, as are batches and reinstatements. */
  'beacon-vote': struct({ domain, phase: oneOf(PHASES), statement: beaconStatement as Codec<BeaconStatement> }),
  batch: batchStatementCodec,
  reinstatement: struct({ domain, providerId: hash, ejection: u32 }),
  /** In the domain of the escrow, as is the next. */
  admission: struct({ domain, validator: address, orderHash: hash, epoch: u64, timeMs: u64 }),
  intake: struct({ domain, validator: address, orderHash: hash, recordHash: hash, epoch: u64 }),
  silence: struct({
    ...{ domain, witness: address, validator: address, orderHash: hash, target: hash, subject: hash },
    ...{ asked: silenceKind, isRefused: flag, epoch: u64, timeMs: safeInteger },
  }),
  /** In the domain of the registry: this key signs for the account. */
  'signing-key': struct({ domain, account: address }),
  /** In the domain of the escrow: the validator stored a payer's delivery statement with this digest. */
  held: struct({ domain, validator: address, delivery: hash }),
  /** In the domain of the settlement contract. */
  pardon: struct({ domain, payee: address, penalty: u32 }),
  /** In the domain of the contract of cases. */
  conviction: struct({
    ...{ domain, offence: oneOf(OFFENCES), accused: address, reporter: address, evidence: hash, conviction: u32 },
  }),
  /** In the domain of the escrow: the round over which a report is opened, by the hash of job and round. */
  reveal: struct({ domain, validator: address, round: hash }),
  /** In the domain of the emission contract. */
  allotment: struct({ domain, number: u32, until: u64, root: hash, units: u128 }),
  /** In the domain of the settlement contract, as is the next. */
  'beacon-key': struct({ domain, subject: keySubjectCodec, statement: keyStatementCodec }),
  'beacon-retirement': struct({ domain, generation: u32, lastEpoch: u64 }),
  /** In the domain of the contract of hearings: a panel lifts a decision. */
  acquittal: struct({ domain, subject: hash }),
  /** In the domain of the registry of machines, as is the next. */
  machine: struct({
    ...{ domain, providerId: hash, machine: hash, image: hash, evidence: hash, signingKey: hash, sealKey: hash },
    ...{ platformKey: hash, epoch: u64, until: u64 },
  }),
  'machine-revocation': struct({ domain, machine: hash, evidence: hash, isRevoked: flag, number: u32 }),
  /** In the domain of the contract of rosters: the account's signatures are summed under this key. */
  'quorum-key': struct({ domain, account: address, number: u64, key: bytes(BLS_KEY_BYTES) }),
  /** In the domain of the settlement contract. */
  'machine-ejection': struct({ domain, providerId: hash, evidence: hash, ejection: u32 }),
  /** In the domain of the escrow: parts of replies may be sealed to this key, named by its hash. */
  'seal-key': struct({ domain, validator: address, sealKey: hash }),
});

/** All statements that a validator's signing key signs. It never signs anything else. */
export type ValidatorStatement = CodecType<typeof statementCodec>;

/** The signer of a validator: this process, or another one. */
export interface ValidatorSigner {
  /** The account that it signs for, 20 bytes. */
  readonly address: Uint8Array;
  /** Address of the signing key, 20 bytes. */
  readonly signingKey: Uint8Array;
  /** Public key that signs heads of logs, 1,344 bytes; absent if the signer has none. */
  readonly headKey?: Uint8Array | undefined;
  /** Signs a statement. @returns 65 bytes, r || s || v. */
  sign(statement: ValidatorStatement): Promise<Uint8Array>;
  /** Signs the same batch by the head key, under the same rule. Absent without a head key. */
  signHead?(statement: StatedBatch): Promise<HeadSignature>;
  /** Key of signatures for sums, 48 bytes; undefined if it makes none. */
  readonly quorumKey?: Uint8Array | undefined;
  /** Signs a share for a sum, 96 bytes, under that key. It obeys the same rules as `sign`. */
  readonly signShare?: ((statement: ValidatorStatement) => Promise<Uint8Array>) | undefined;
}

/** Hashes a statement to the 32-byte digest that is signed. @param signingKey address of the key that makes it. */
export function hashStatement(crypto: Crypto, statement: ValidatorStatement, signingKey: Uint8Array): Uint8Array {
  const { domain: of } = statement;
  switch (statement.kind) {
    case 'beacon-vote': {
      const network = { chainId: of.chainId, settlement: of.verifyingContract };
      return hashBeaconVote(crypto, network, statement.phase, statement.statement);
    }
    case 'beacon-key':
    case 'beacon-retirement':
      return hashBeaconKeys(crypto, { chainId: of.chainId, settlement: of.verifyingContract }, statement);
    case 'batch':
      return hashBatchSummary(crypto, of, statement.summary);
    case 'reinstatement':
      return hashReinstatement(crypto, of, statement);
    case 'pardon':
      return hashPardon(crypto, of, statement);
    case 'conviction':
      return hashConviction(crypto, of, statement);
    case 'allotment':
      return hashAllotment(crypto, of, statement);
    case 'acquittal':
      return hashAcquittal(crypto, of, statement.subject);
    case 'admission':
      return hashAdmission(crypto, of, statement);
    case 'intake':
      return hashIntake(crypto, of, statement);
    case 'silence':
      return hashSilence(crypto, of, statement);
    case 'reveal':
      return hashReveal(crypto, of, statement);
    case 'seal-key':
      return hashValidatorSealKey(crypto, of, statement);
    case 'held':
      return hashHeld(crypto, of, statement);
    case 'machine':
      return hashMachineEntry(crypto, of, statement);
    case 'machine-revocation':
      return hashMachineRevocation(crypto, of, statement);
    case 'machine-ejection':
      return hashMachineEjection(crypto, of, statement);
    case 'quorum-key':
      return crypto.keccak256(encodeQuorumKey(statement, signingKey));
    case 'signing-key':
      return hashSigningKey(crypto, of, { account: statement.account, signer: signingKey });
  }
}

function hashBeaconKeys(
  crypto: Crypto,
  network: BeaconNetwork,
  statement: Extract<ValidatorStatement, { readonly kind: 'beacon-key' | 'beacon-retirement' }>,
): Uint8Array {
  return statement.kind === 'beacon-key'
    ? hashKeyStatement(crypto, network, statement.subject, statement.statement)
    : hashRetirement(crypto, network, statement);
}

function encodeQuorumKey(
  { domain: of, account, number, key }: Extract<ValidatorStatement, { readonly kind: 'quorum-key' }>,
  signer: Uint8Array,
): Uint8Array {
  return encodeQuorumKeyMessage({ chainId: of.chainId, roster: of.verifyingContract, account, signer, number, key });
}

/** Encodes the message of a signature for a sum. */
export function encodeShareMessage(crypto: Crypto, statement: ValidatorStatement, signingKey: Uint8Array): Uint8Array {
  if (statement.kind === 'quorum-key') return encodeQuorumKey(statement, signingKey);
  return encodeQuorumMessage(hashStatement(crypto, statement, signingKey));
}

/**
 * Creates a signer with a key in this process. @param account Default: the key's own. @param others its keys for heads of logs
 * and for sums. Default: none.
 */
export function createKeySigner(
  crypto: Crypto,
  key: LedgerSigner,
  account = key.address,
  { headKey, share }: { readonly headKey?: HybridSigner | undefined; readonly share?: ShareSigner | undefined } = {},
): ValidatorSigner {
  return {
    address: account,
    signingKey: key.address,
    sign: async (statement) => key.signDigest(hashStatement(crypto, statement, key.address)),
    ...(share && {
      quorumKey: share.key,
      signShare: async (statement: ValidatorStatement) =>
        share.sign(encodeShareMessage(crypto, statement, key.address)),
    }),
    ...(headKey && {
      headKey: headKey.publicKey,
      signHead: async (statement: StatedBatch) => signHead(crypto, headKey, statement),
    }),
  };
}
