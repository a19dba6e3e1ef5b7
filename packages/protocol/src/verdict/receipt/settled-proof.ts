import { fromBase64, fromHex, ProtocolError, toBase64, toHex } from '../../base/bytes.ts';
import { parseJson } from '../../base/json.ts';
import type { LedgerDomain } from '../../exchange/order.ts';
import { MAX_BATCH_ENTRIES } from '../../settlement/gas.ts';
import { MAX_ENTRY_BYTES } from '../../settlement/validator-statement.ts';

/**
 * A party's stored proof of a reply's settlement (docs/spec/settlement.md#proof-of-a-reply): the log entry, its path to the
 * batch, and the settling transaction. `checkSettledEntry` compares it with the chain's data of that transaction.
 */
export interface SettledProof {
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  /** Account of the validator that owns the log. */
  readonly validator: Uint8Array;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  /** Canonical log entry, at most MAX_ENTRY_BYTES. */
  readonly entry: Uint8Array;
  /** Index among the paid entries of its batch, from 0, below MAX_BATCH_ENTRIES. */
  readonly index: number;
  /** Hashes of 32 bytes, from the entry to the batch's records root. */
  readonly proof: readonly Uint8Array[];
  /** 32 bytes. */
  readonly transaction: Uint8Array;
}

export const SETTLED_PROOF_FORMAT = 'ogong-settled-v1';
export const MAX_SETTLED_PROOF_BYTES = 32 * 1024;
/** The longest path: twice the depth of a tree over MAX_BATCH_ENTRIES. */
const MAX_STEPS = 20;

/** Field names in lower camel case, the entry in base64, all other values as `0x` and hexadecimal digits. */
export interface SettledProofJson {
  readonly format: typeof SETTLED_PROOF_FORMAT;
  readonly chainId: string;
  readonly settlement: string;
  readonly validator: string;
  readonly replyId: string;
  readonly entry: string;
  readonly index: number;
  readonly proof: readonly string[];
  readonly transaction: string;
}

const prefixed = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;

export function toSettledProofJson(proof: SettledProof): SettledProofJson {
  return {
    format: SETTLED_PROOF_FORMAT,
    chainId: proof.domain.chainId.toString(),
    settlement: prefixed(proof.domain.verifyingContract),
    validator: prefixed(proof.validator),
    replyId: prefixed(proof.replyId),
    entry: toBase64(proof.entry),
    index: proof.index,
    proof: proof.proof.map(prefixed),
    transaction: prefixed(proof.transaction),
  };
}

/** Returns whether a file claims to be such a proof. `parseSettledProof` decides whether it is valid. */
export function isSettledProof(bytes: Uint8Array): boolean {
  if (bytes.length > MAX_SETTLED_PROOF_BYTES) return false;
  try {
    return (parseJson(bytes) as { format?: unknown } | null)?.format === SETTLED_PROOF_FORMAT;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Parses a proof. @throws ProtocolError `too-large`, `malformed` */
export function parseSettledProof(bytes: Uint8Array): SettledProof {
  if (bytes.length > MAX_SETTLED_PROOF_BYTES) throw new ProtocolError('too-large', `a proof of ${bytes.length} bytes`);
  const parsed = parseJson(bytes);
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>;
  if (fields.format !== SETTLED_PROOF_FORMAT) throw new ProtocolError('malformed', `no ${SETTLED_PROOF_FORMAT}`);
  const { chainId, entry, index, proof } = fields;
  if (typeof chainId !== 'string' || !/^[1-9]\d{0,19}$/.test(chainId)) throw malformed('chainId');
  if (typeof entry !== 'string' || entry.length > 2 * MAX_ENTRY_BYTES) throw malformed('entry');
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= MAX_BATCH_ENTRIES) {
    throw malformed('index');
  }
  if (!Array.isArray(proof) || proof.length > MAX_STEPS) throw malformed('proof');
  const hex = (name: string, value: unknown, size: number): Uint8Array => {
    if (typeof value !== 'string' || !/^0x[0-9a-f]*$/.test(value) || value.length !== 2 + 2 * size) {
      throw malformed(name);
    }
    return fromHex(value.slice(2), size);
  };
  return {
    domain: { chainId: BigInt(chainId), verifyingContract: hex('settlement', fields.settlement, 20) },
    validator: hex('validator', fields.validator, 20),
    replyId: hex('replyId', fields.replyId, 16),
    entry: fromBase64(entry),
    index,
    proof: proof.map((node) => hex('proof', node, 32)),
    transaction: hex('transaction', fields.transaction, 32),
  };
}

const malformed = (name: string): ProtocolError => new ProtocolError('malformed', `proof field ${name}`);
