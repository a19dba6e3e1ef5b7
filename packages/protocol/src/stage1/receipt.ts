import { fromBase64, fromHex, ProtocolError, toBase64, toHex, utf8Encode } from '../base/bytes.ts';
import { parseJson } from '../base/json.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../crypto/hybrid.ts';
import type { SignedAdmission } from '../exchange/admission.ts';
import type { IntakeSignature } from '../exchange/intake-receipt.ts';
import { MAX_COHORT_AGREEMENT_BYTES } from '../exchange/limits.ts';
import type { LedgerDomain } from '../exchange/order.ts';

/**
 * A consumer's receipt of one answer: every signed byte string as it was signed, so that anyone can check it later and offline
 * (docs/spec/receipt.md). A full receipt contains the opening. A compact one says where to fetch it.
 */
export interface Receipt {
  readonly endpoint: string;
  /** The chain and the escrow contract that the order was signed for. */
  readonly ledger: LedgerDomain;
  readonly order: { readonly bytes: Uint8Array; readonly signature: Uint8Array };
  readonly ticket: SignedBytes;
  /** The signed admission of the order by the validator that it names. */
  readonly admission: SignedAdmission;
  readonly record: SignedBytes;
  /** The same validator's intake receipt for the record; absent until the validator has answered. */
  readonly intake?: IntakeSignature;
  /** Canonical beacon certificate of the order's epoch; empty at the genesis epoch. */
  readonly beacon: Uint8Array;
  readonly opening: { readonly bytes: Uint8Array } | { readonly url: string };
  /** Further evidence that the tier demands, by the name of the part (docs/spec/tiers.md); absent if there is none. */
  readonly evidence?: ReadonlyMap<string, Uint8Array>;
  /** The payer's last progress statement on a text, if its fee depends on it (docs/spec/progress.md). */
  readonly progress?: { readonly bytes: Uint8Array; readonly signature: Uint8Array };
  /** The agreement of the providers that served the order together (docs/spec/cohorts.md); absent if one served alone. */
  readonly cohort?: Uint8Array;
}

export interface SignedBytes {
  readonly bytes: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export const RECEIPT_FORMAT = 'ogong-receipt-v1';
export const MAX_RECEIPT_BYTES = 96 * 1024 * 1024;
const MAX_EVIDENCE_PARTS = 8;
const EVIDENCE_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** The JSON form: lower-camel field names, base64 byte strings, hex addresses. */
export interface ReceiptJson {
  readonly format: typeof RECEIPT_FORMAT;
  readonly endpoint: string;
  readonly ledger: { readonly chainId: string; readonly escrow: string };
  readonly order: { readonly bytes: string; readonly signature: string };
  readonly ticket: SignedBytesJson;
  readonly admission: { readonly epoch: string; readonly time: string; readonly signature: string };
  readonly record: SignedBytesJson;
  readonly intake?: { readonly epoch: string; readonly signature: string };
  readonly beacon: string;
  readonly opening: { readonly bytes: string } | { readonly url: string };
  readonly evidence?: Readonly<Record<string, string>>;
  readonly progress?: { readonly bytes: string; readonly signature: string };
  readonly cohort?: string;
}

interface SignedBytesJson {
  readonly bytes: string;
  readonly publicKey: string;
  readonly signature: string;
}

export function toReceiptJson(receipt: Receipt): ReceiptJson {
  const signed = ({ bytes, publicKey, signature }: SignedBytes): SignedBytesJson => ({
    bytes: toBase64(bytes),
    publicKey: toBase64(publicKey),
    signature: toBase64(signature),
  });
  return {
    format: RECEIPT_FORMAT,
    endpoint: receipt.endpoint,
    ledger: {
      chainId: receipt.ledger.chainId.toString(),
      escrow: `0x${toHex(receipt.ledger.verifyingContract)}`,
    },
    order: { bytes: toBase64(receipt.order.bytes), signature: toBase64(receipt.order.signature) },
    ticket: signed(receipt.ticket),
    admission: {
      epoch: `${receipt.admission.epoch}`,
      time: `${receipt.admission.timeMs}`,
      signature: toBase64(receipt.admission.signature),
    },
    record: signed(receipt.record),
    ...(receipt.intake && {
      intake: { epoch: `${receipt.intake.epoch}`, signature: toBase64(receipt.intake.signature) },
    }),
    beacon: toBase64(receipt.beacon),
    opening: 'url' in receipt.opening ? { url: receipt.opening.url } : { bytes: toBase64(receipt.opening.bytes) },
    ...(receipt.evidence && {
      evidence: Object.fromEntries([...receipt.evidence].map(([name, bytes]) => [name, toBase64(bytes)])),
    }),
    ...(receipt.progress && {
      progress: { bytes: toBase64(receipt.progress.bytes), signature: toBase64(receipt.progress.signature) },
    }),
    ...(receipt.cohort && { cohort: toBase64(receipt.cohort) }),
  };
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return utf8Encode(JSON.stringify(toReceiptJson(receipt)));
}

/**
 * Parses a receipt.
 * @param input the JSON as bytes, text or an already parsed object.
 * @throws ProtocolError naming the field that is missing or malformed. Unknown fields are ignored.
 */
export function parseReceipt(input: unknown): Receipt {
  const root = asObject(
    typeof input === 'string' || input instanceof Uint8Array ? parseReceiptText(input) : input,
    'receipt',
  );
  if (root.format !== RECEIPT_FORMAT) {
    throw new ProtocolError('unsupported', `format is not ${RECEIPT_FORMAT}`);
  }
  const endpoint = asEndpoint(root.endpoint);
  const ledger = asObject(root.ledger, 'ledger');
  const chainId = asText(ledger.chainId, 'ledger.chainId');
  if (!CHAIN_ID.test(chainId)) throw malformed('ledger.chainId', 'a decimal integer without leading zeros');
  const order = asObject(root.order, 'order');
  return {
    endpoint,
    ledger: { chainId: BigInt(chainId), verifyingContract: asAddress(ledger.escrow, 'ledger.escrow') },
    order: { bytes: asBytes(order.bytes, 'order.bytes'), signature: asBytes(order.signature, 'order.signature', 65) },
    ticket: asSigned(root.ticket, 'ticket'),
    admission: asAdmission(root.admission),
    record: asSigned(root.record, 'record'),
    ...(root.intake !== undefined && { intake: asIntake(root.intake) }),
    beacon: asBytes(root.beacon, 'beacon'),
    opening: asOpening(root.opening),
    ...(root.evidence !== undefined && { evidence: asEvidence(root.evidence) }),
    ...(root.progress !== undefined && { progress: asProgress(root.progress) }),
    ...(root.cohort !== undefined && { cohort: asCohort(root.cohort) }),
  };
}

/** Decimal without leading zeros, so that the domain of a signature has one spelling. */
export const CHAIN_ID = /^(?:0|[1-9][0-9]{0,19})$/;

type Fields = Readonly<Record<string, unknown>>;

function malformed(field: string, expected: string): ProtocolError {
  return new ProtocolError('malformed', `receipt field ${field}: expected ${expected}`);
}

/** Parses JSON within the bounds of a receipt. @throws ProtocolError */
export function parseReceiptText(input: string | Uint8Array): unknown {
  if (input.length > MAX_RECEIPT_BYTES) throw new ProtocolError('too-large', 'receipt is too large');
  try {
    return parseJson(typeof input === 'string' ? utf8Encode(input) : input);
  } catch (cause) {
    const { code, message } = cause as ProtocolError;
    throw new ProtocolError(code, `receipt is not JSON: ${message}`, { cause });
  }
}

export function asObject(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(field, 'an object');
  return value as Fields;
}

export function asText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw malformed(field, 'a string');
  return value;
}

export function asEndpoint(value: unknown): string {
  const endpoint = asText(value, 'endpoint');
  if (!/^[a-z-]{1,32}$/.test(endpoint)) throw malformed('endpoint', 'the name of one');
  return endpoint;
}

export function asBytes(value: unknown, field: string, length?: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(asText(value, field));
  } catch (cause) {
    throw new ProtocolError('malformed', `receipt field ${field}: expected base64`, { cause });
  }
  if (length !== undefined && bytes.length !== length) throw malformed(field, `${length} bytes`);
  return bytes;
}

export function asAddress(value: unknown, field: string): Uint8Array {
  const text = asText(value, field);
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw malformed(field, 'an address');
  return fromHex(text.slice(2), 20);
}

/** An integer with fewer digits than 2^64. */
const INTEGER = /^(?:0|[1-9][0-9]{0,18})$/;

function asInteger(value: unknown, field: string): bigint {
  const text = asText(value, field);
  if (!INTEGER.test(text)) throw malformed(field, 'a decimal integer of at most 19 digits');
  return BigInt(text);
}

function asAdmission(value: unknown): Receipt['admission'] {
  const { epoch, time, signature } = asObject(value, 'admission');
  return {
    epoch: asInteger(epoch, 'admission.epoch'),
    timeMs: asInteger(time, 'admission.time'),
    signature: asBytes(signature, 'admission.signature', 65),
  };
}

function asIntake(value: unknown): NonNullable<Receipt['intake']> {
  const { epoch, signature } = asObject(value, 'intake');
  return { epoch: asInteger(epoch, 'intake.epoch'), signature: asBytes(signature, 'intake.signature', 65) };
}

/** Reads exactly one of the two. With both, readers could disagree on which one counts. */
function asOpening(value: unknown): Receipt['opening'] {
  const { bytes, url } = asObject(value, 'opening');
  if ((bytes === undefined) === (url === undefined)) throw malformed('opening', 'either bytes or url');
  return url === undefined ? { bytes: asBytes(bytes, 'opening.bytes') } : { url: asText(url, 'opening.url') };
}

function asEvidence(value: unknown): ReadonlyMap<string, Uint8Array> {
  const parts = Object.entries(asObject(value, 'evidence'));
  if (parts.length > MAX_EVIDENCE_PARTS) throw malformed('evidence', `at most ${MAX_EVIDENCE_PARTS} parts`);
  return new Map(
    parts.map(([name, bytes]) => {
      if (!EVIDENCE_NAME.test(name)) throw malformed('evidence', 'names of letters, digits and -');
      return [name, asBytes(bytes, `evidence.${name}`)];
    }),
  );
}

function asProgress(value: unknown): NonNullable<Receipt['progress']> {
  const { bytes, signature } = asObject(value, 'progress');
  return { bytes: asBytes(bytes, 'progress.bytes'), signature: asBytes(signature, 'progress.signature', 65) };
}

function asCohort(value: unknown): Uint8Array {
  const agreement = asBytes(value, 'cohort');
  if (agreement.length === 0 || agreement.length > MAX_COHORT_AGREEMENT_BYTES)
    throw malformed('cohort', `1 to ${MAX_COHORT_AGREEMENT_BYTES} bytes`);
  return agreement;
}

export function asSigned(value: unknown, field: string): SignedBytes {
  const fields = asObject(value, field);
  return {
    bytes: asBytes(fields.bytes, `${field}.bytes`),
    publicKey: asBytes(fields.publicKey, `${field}.publicKey`, HYBRID_PUBLIC_KEY_BYTES),
    signature: asBytes(fields.signature, `${field}.signature`, HYBRID_SIGNATURE_BYTES),
  };
}
