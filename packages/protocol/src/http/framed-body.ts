import { concatBytes, ProtocolError, utf8Encode } from '../base/bytes.ts';

/** The content type of a message followed by bytes. */
export const FRAMED_TYPE = 'application/octet-stream';

const LENGTH_BYTES = 4;

/**
 * Encodes u32 length || JSON of the message || the bytes, which need no parsing
 * (docs/spec/sealed-calls.md#bytes-behind-a-message).
 */
export function encodeFramed(message: object, bytes: Uint8Array): Uint8Array {
  const json = utf8Encode(JSON.stringify(message));
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, json.length);
  return concatBytes(length, json, bytes);
}

/**
 * Splits a framed body.
 * @param maxJsonLength in bytes.
 * @returns views of both parts, the JSON not parsed yet.
 * @throws ProtocolError if the JSON is longer than that, or than the body.
 */
export function splitFramed(
  body: Uint8Array,
  maxJsonLength: number,
): { readonly json: Uint8Array; readonly bytes: Uint8Array } {
  const length =
    body.length < LENGTH_BYTES ? Number.POSITIVE_INFINITY : new DataView(body.buffer, body.byteOffset).getUint32(0);
  if (length > Math.min(maxJsonLength, body.length - LENGTH_BYTES)) {
    throw new ProtocolError('malformed', 'the body does not begin with a message and its length');
  }
  const end = LENGTH_BYTES + length;
  return { json: body.subarray(LENGTH_BYTES, end), bytes: body.subarray(end) };
}
