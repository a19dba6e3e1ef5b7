import {
  address,
  bytes,
  type CodecType,
  createFormat,
  type Format,
  oneOf,
  optional,
  struct,
  text,
  u32,
  u64,
  union,
} from '../base/codec.ts';
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES } from '../crypto/bls.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../crypto/hybrid.ts';
import { MAX_BATCH_ENTRIES } from './gas.ts';
import { batchStatementCodec, MAX_ENTRY_BYTES, statementCodec } from './validator-statement.ts';

/** The requests of a validator to its external signer (docs/spec/signer.md): one on each connection. */
const requestCodec = union('kind', {
  /** Asks for the signing key, its account, and its state. */
  describe: struct({}),
  sign: struct({ statement: statementCodec }),
  /** Asks for the key that signs heads of logs. */
  'describe-head': struct({}),
  /** Asks for the signature of a batch by that key. */
  'sign-head': struct({ statement: batchStatementCodec }),
  /** Asks for a signature for a sum, and its key. */
  share: struct({ statement: statementCodec }),
  /** Asks for the key alone. */
  'share-key': struct({}),
});

/** `conflict`: it contradicts an earlier signature. `foreign`: it is about another account. */
const REFUSALS = ['malformed', 'foreign', 'conflict', 'unavailable'] as const;
export type SignerRefusalCode = (typeof REFUSALS)[number];

/** The longest explanation of a refusal, for people. */
export const MAX_REFUSAL_BYTES = 512;

const responseCodec = union('kind', {
  described: struct({
    account: address,
    signingKey: address,
    /** Epoch of the newest vote on the beacon; 0 before the first. */
    epoch: u64,
    view: u32,
    /** Number of log positions that it has signed. */
    positions: u64,
  }),
  signed: struct({ signature: bytes(65) }),
  refused: struct({ code: oneOf(REFUSALS), reason: text(MAX_REFUSAL_BYTES) }),
  'head-described': struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES) }),
  'head-signed': struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES), signature: bytes(HYBRID_SIGNATURE_BYTES) }),
  /** Empty if the signer makes no signatures for sums. */
  shared: struct({ key: bytes(BLS_KEY_BYTES), share: bytes(BLS_SIGNATURE_BYTES) }),
  'share-key': struct({ key: optional(bytes(BLS_KEY_BYTES)) }),
});

export type SignerRequest = CodecType<typeof requestCodec>;
export type SignerResponse = CodecType<typeof responseCodec>;
export type SignerDescription = Extract<SignerResponse, { kind: 'described' }>;

/** The largest message: the entries of the largest batch, and a little more. */
export const MAX_SIGNER_MESSAGE_BYTES = MAX_BATCH_ENTRIES * (MAX_ENTRY_BYTES + 2) + 4_096;

export const signerRequestFormat: Format<SignerRequest> = createFormat(requestCodec, {
  tag: 'ogong-signer-request-v1',
  maxBytes: MAX_SIGNER_MESSAGE_BYTES,
});
export const signerResponseFormat: Format<SignerResponse> = createFormat(responseCodec, {
  tag: 'ogong-signer-response-v1',
  maxBytes: MAX_SIGNER_MESSAGE_BYTES,
});
