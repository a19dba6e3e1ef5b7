import { fromBase64, ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_RECEIPT_BYTES, parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import { readUserFile } from './user-files.ts';

/** A receipt as a gateway hands it out: request and response stand beside its own fields. */
export interface ReceiptFile {
  readonly receipt: Receipt;
  readonly request: Uint8Array | undefined;
  readonly response: Uint8Array | undefined;
  /** What the gateway said became of the reply; undefined where the file was saved without it. */
  readonly status: unknown;
}

/** @throws ProtocolError, or the file system's error. */
export function readReceiptFile(path: string): ReceiptFile {
  const bytes = readUserFile(path);
  // Request and response are in base64 like the receipt's own fields.
  const receipt = parseReceipt(toPlainBytes(bytes.subarray(0, MAX_RECEIPT_BYTES + 1)));
  const fields = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const read = (name: 'request' | 'response'): Uint8Array | undefined => {
    const value = fields[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw new ProtocolError('malformed', `receipt field ${name}: expected base64`);
    return fromBase64(value);
  };
  return { receipt, request: read('request'), response: read('response'), status: fields.status };
}

/** Without Node's own methods, which compare and slice differently. */
export function toPlainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
