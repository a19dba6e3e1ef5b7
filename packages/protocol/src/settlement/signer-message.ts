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

/** What a validator and its external signer say to each other (docs/spec/signer.md): one request on each connection. */
const requestCodec = union('kind', {
  /** Who signs, for whom, and how far it has come. */
  describe: struct({}),
  sign: struct({ statement: statementCodec }),
  /** Which key signs heads of logs. */
  'describe-head': struct({}),
  /** The word for a batch by that key. */
  'sign-head': struct({ statement: batchStatementCodec }),
  /** A signature that is summed, and the key that it is under. */
  share: struct({ statement: statementCodec }),
  /** The key alone. */
  'share-key': struct({}),
});

/** `conflict`: it contradicts what was signed before. `foreign`: it is about another account. */
const REFUSALS = ['malformed', 'foreign', 'conflict', 'unavailable'] as const;
export type SignerRefusalCode = (typeof REFUSALS)[number];

/** A refusal is for people to read. */
export const MAX_REFUSAL_BYTES = 512;

const responseCodec = union('kind', {
  described: struct({
    account: address,
    signingKey: address,
    /** Of the newest vote on the beacon; 0 before the first. */
    epoch: u64,
    view: u32,
    /** Positions of logs that it has signed. */
    positions: u64,
  }),
  signed: struct({ signature: bytes(65) }),
  refused: struct({ code: oneOf(REFUSALS), reason: text(MAX_REFUSAL_BYTES) }),
  'head-described': struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES) }),
  'head-signed': struct({ publicKey: bytes(HYBRID_PUBLIC_KEY_BYTES), signature: bytes(HYBRID_SIGNATURE_BYTES) }),
  /** Nothing where the signer makes no signatures that are summed. */
  shared: struct({ key: bytes(BLS_KEY_BYTES), share: bytes(BLS_SIGNATURE_BYTES) }),
  'share-key': struct({ key: optional(bytes(BLS_KEY_BYTES)) }),
});

export type SignerRequest = CodecType<typeof requestCodec>;
export type SignerResponse = CodecType<typeof responseCodec>;
export type SignerDescription = Extract<SignerResponse, { kind: 'described' }>;

/** Room for the entries of the largest batch, and a little more. */
export const MAX_SIGNER_MESSAGE_BYTES = MAX_BATCH_ENTRIES * (MAX_ENTRY_BYTES + 2) + 4_096;

export const signerRequestFormat: Format<SignerRequest> = createFormat(requestCodec, {
  tag: 'ogong-signer-request-v1',
  maxBytes: MAX_SIGNER_MESSAGE_BYTES,
});
export const signerResponseFormat: Format<SignerResponse> = createFormat(responseCodec, {
  tag: 'ogong-signer-response-v1',
  maxBytes: MAX_SIGNER_MESSAGE_BYTES,
});
