import { equalBytes, fromBase64, toHex } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { quickCrypto as crypto } from '@ogong/protocol/crypto/quick-noble';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { isLocalReceipt, type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { MAX_RECEIPT_BYTES, type Receipt } from '@ogong/protocol/stage1/receipt';
import { parseTrust, type Trust } from '@ogong/protocol/stage1/trust';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
// The package's entry brings the whole client along: the checks take only its types.
import type { IntakeEvidence, ReceiptVerdict, ReplyStatus, SettledEvidence, UnsettledReply } from '@ogong/sdk';

/** A file that a user drops on the page. */
export type DroppedFile =
  | { readonly kind: 'receipt'; readonly receipt: DroppedReceipt }
  | { readonly kind: 'trust'; readonly trust: Trust }
  /** Policy for machines (docs/spec/tee-tier.md#policy), as the user dropped it. */
  | { readonly kind: 'machines'; readonly file: Uint8Array };

export interface DroppedReceipt {
  readonly receipt: Receipt | LocalReceipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly status: ReplyStatus | undefined;
  /** Blobs of the reply by the hex of their roots, as the file has them: nothing is compared yet. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** Receipt, request and response, in base64 all. */
const MAX_FILE_BYTES = 2 * MAX_RECEIPT_BYTES;

/** Of a policy for machines; one of them has to be there, since a policy without any believes no machine. */
const POLICY_FIELDS = ['images', 'boots', 'acceptedTcb', 'minimumSnpTcb', 'softwareKeys'];

export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code = 'unusable-file';
  readonly retryable = false;
}

/** @throws FileError that names the fault of the file. */
export function readDroppedFile(bytes: Uint8Array): DroppedFile {
  if (bytes.length > MAX_FILE_BYTES) throw new FileError(`the file is too large: ${bytes.length} bytes`);
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>;
  } catch {
    throw new FileError('the file is no JSON');
  }
  if (typeof fields !== 'object' || fields === null) throw new FileError('the file holds no JSON object');
  try {
    if (!('record' in fields) && ('ledger' in fields || 'validators' in fields || 'modelRoots' in fields)) {
      return { kind: 'trust', trust: parseTrust(fields) };
    }
    if (!('record' in fields) && POLICY_FIELDS.some((name) => name in fields)) return { kind: 'machines', file: bytes };
    return { kind: 'receipt', receipt: readReceiptFields(bytes, fields) };
  } catch (error) {
    throw new FileError((error as Error).message);
  }
}

function readReceiptFields(bytes: Uint8Array, fields: Readonly<Record<string, unknown>>): DroppedReceipt {
  const receipt = parseAnyReceipt(bytes);
  const read = (name: 'request' | 'response'): Uint8Array => {
    const value = fields[name];
    if (typeof value !== 'string') {
      throw new FileError(`the receipt holds no ${name}; without it nothing can be compared: save the whole receipt`);
    }
    return fromBase64(value);
  };
  const status =
    typeof fields.status === 'object' && fields.status !== null ? (fields.status as ReplyStatus) : undefined;
  return { receipt, request: read('request'), response: read('response'), status, blobs: readBlobs(fields) };
}

/** Outputs of steps, or rows of pictures. Most receipts have none. */
function readBlobs({ blobs }: Readonly<Record<string, unknown>>): ReadonlyMap<string, Uint8Array> {
  if (blobs === undefined) return new Map();
  const entries = Object.entries(blobs ?? {});
  if (entries.some(([, bytes]) => typeof bytes !== 'string')) throw new FileError('its blobs are not base64 by root');
  return new Map(entries.map(([root, bytes]) => [root, fromBase64(bytes as string)]));
}

/** Returns a finder of the blobs that have the roots under which they stand. Each is hashed once. */
export function createBlobFinder({ blobs }: Pick<DroppedReceipt, 'blobs'>, opening: Opening | undefined): FindBlob {
  const held = new Map<string, boolean>();
  return (root) => {
    const hex = toHex(root);
    const bytes = blobs.get(hex);
    if (opening === undefined || bytes === undefined) return undefined;
    const holds = held.get(hex) ?? equalBytes(computeBlobRoot(crypto, opening.blind, bytes), root);
    held.set(hex, holds);
    return holds ? bytes : undefined;
  };
}

/** Evidence about the reply that the page found itself; the checks decide whether it is valid. */
export interface FollowedEvidence {
  readonly intake?: IntakeEvidence | UnsettledReply;
  readonly settled?: SettledEvidence | UnsettledReply;
}

/** Every check of the file, by the same functions as `ogong verify`. Never throws or rejects. */
export async function checkReceiptFile(
  file: DroppedReceipt,
  { trust, nowMs, ...followed }: { readonly trust: Trust; readonly nowMs: number } & FollowedEvidence,
): Promise<ReceiptVerdict> {
  const { receipt, request, response, status } = file;
  const blobs = file.blobs.size > 0 ? createBlobFinder(file, readOpening(file)) : undefined;
  const input = { crypto, request, response, trust, nowMs };
  if (isLocalReceipt(receipt)) return verifyLocalReceipt(receipt, { ...input, ...(blobs && { blobs }) });
  const context = { ...input, ...(status && { status }), ...followed };
  return blobs ? verifyReceipt(receipt, { ...context, blobs }) : verifyWithoutBlobs(receipt, context);
}

/** Reads the opening of a file; undefined if it has none, or none in its form. */
export function readOpening({ receipt: { opening } }: Pick<DroppedReceipt, 'receipt'>): Opening | undefined {
  if ('url' in opening || opening.bytes.length === 0) return undefined;
  try {
    return parseOpening(opening.bytes);
  } catch {
    // The checks say why.
    return undefined;
  }
}
