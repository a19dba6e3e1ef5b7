import { fromBase64, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { isLocalReceipt, type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { MAX_RECEIPT_BYTES, type Receipt } from '@ogong/protocol/stage1/receipt';
import { fetchOpening } from '@ogong/sdk';
import { readUserFile } from './user-files.ts';

/** A receipt in the form of a gateway or local mode: with request and response beside its own fields. */
export interface ReceiptFile {
  readonly receipt: Receipt | LocalReceipt;
  readonly request: Uint8Array | undefined;
  readonly response: Uint8Array | undefined;
  /** Media of the request, in the order of their first references. */
  readonly media: readonly Uint8Array[];
  /** Finds blobs that stand in the file. Their roots are not checked; undefined if the file has none. */
  readonly blobs: FindBlob | undefined;
  /** The gateway's report on the reply; undefined if the file was saved without it. */
  readonly status: unknown;
  /** Reply ids of further orders of the same answer with a signed part. */
  readonly parts: readonly string[];
}

/** @param source path, or address such as `http://127.0.0.1:11434/v1/receipts/<id>`. @throws ProtocolError, or the system's error. */
export async function readReceiptFile(source: string): Promise<ReceiptFile> {
  const bytes = /^https?:\/\//.test(source) ? await fetchReceiptFile(source) : readUserFile(source);
  // Request and response are in base64 like the receipt's own fields.
  const receipt = parseOf(source, () => parseAnyReceipt(toPlainBytes(bytes.subarray(0, MAX_RECEIPT_BYTES + 1))));
  const fields = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const read = (name: 'request' | 'response'): Uint8Array | undefined => {
    const value = fields[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw new ProtocolError('malformed', `receipt field ${name}: expected base64`);
    return fromBase64(value);
  };
  return {
    receipt,
    request: read('request'),
    response: read('response'),
    media: readMedia(fields),
    blobs: readBlobs(fields),
    status: fields.status,
    parts: listParts(fields),
  };
}

/** @throws ProtocolError */
function readMedia({ media = [] }: Record<string, unknown>): Uint8Array[] {
  if (!Array.isArray(media) || media.some((part) => typeof part !== 'string'))
    throw new ProtocolError('malformed', 'receipt field media: expected a list of base64');
  return media.map((part: string) => fromBase64(part));
}

/** @throws ProtocolError */
function readBlobs({ blobs }: Record<string, unknown>): FindBlob | undefined {
  if (blobs === undefined) return undefined;
  const entries = Object.entries(blobs ?? {});
  if (entries.some(([, bytes]) => typeof bytes !== 'string'))
    throw new ProtocolError('malformed', 'receipt field blobs: expected base64 by root');
  const found = new Map(entries.map(([root, bytes]) => [root, fromBase64(bytes as string)]));
  return (root) => found.get(toHex(root));
}

const MAX_PARTS = 8;

/** Returns an empty list if it cannot be read: these parts stand beside the receipt, and prove nothing about it. */
function listParts({ earlier_tries: tries }: Record<string, unknown>): string[] {
  if (!Array.isArray(tries)) return [];
  const signed = tries.filter((one) => one instanceof Object && typeof one.url === 'string');
  const ids = signed.map(({ reply_id: id }) => String(id)).filter((id) => /^[0-9a-f]{32}$/.test(id));
  return ids.slice(0, MAX_PARTS);
}

/** @throws ProtocolError that names the source. */
function parseOf<T>(source: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(error.code, `${source}: ${error.message}`, { cause: error });
  }
}

/** With request and response, in base64 both. */
const MAX_FILE_BYTES = 2 * MAX_RECEIPT_BYTES;
const FETCH_TIMEOUT_MS = 30_000;

/** No receipt came from the address that the user named. */
export class ReceiptSourceError extends Error {
  override readonly name = 'ReceiptSourceError';
  readonly code = 'unreachable';
  readonly retryable = true;
}

/** From the address that the user named, and from no other. */
async function fetchReceiptFile(url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
      chunks.push(chunk);
    }
    if (!response.ok) throw new Error(explainAnswer(response.status, Buffer.concat(chunks).toString('utf8')));
  } catch (error) {
    const { message, cause } = error as Error;
    throw new ReceiptSourceError(`${url} cannot be read: ${(cause as Error | undefined)?.message ?? message}`);
  }
  return Buffer.concat(chunks);
}

/** Explains an error in the server's text, if it has one. Plain characters alone: a terminal shows them. */
function explainAnswer(status: number, body: string): string {
  const [, message] = /"message":\s*"([ !#-[\]-~]{1,300})/.exec(body) ?? [];
  return `it answers ${status}${message === undefined ? '' : `: ${message}`}`;
}

/** Adds the opening, if a named gateway has it. A local receipt has no other form. */
export async function completeReceipt<R extends Receipt | LocalReceipt>(
  receipt: R,
  { gateway }: { readonly gateway: string | undefined },
): Promise<R | Receipt> {
  return gateway === undefined || isLocalReceipt(receipt) ? receipt : fetchOpening(receipt, { baseUrl: gateway });
}

/** Without Node's own methods, which compare and slice differently. */
export function toPlainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
