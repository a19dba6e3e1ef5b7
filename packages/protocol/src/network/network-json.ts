import { fromBase64, ProtocolError, toBase64 } from '../base/bytes.ts';
import { parseJson } from '../base/json.ts';
import { MAX_NETWORK_BYTES, type SignedNetwork } from './network-document.ts';

/** The largest answer with a document, its key and its signature. */
export const MAX_NETWORK_ANSWER_BYTES: number = 2 * MAX_NETWORK_BYTES;

/** A signed document as a gateway serves it. Each value is base64. */
export interface SignedNetworkJson {
  readonly document: string;
  readonly key: string;
  readonly signature: string;
}

export const formatSignedNetwork = ({ document, key, signature }: SignedNetwork): SignedNetworkJson => ({
  document: toBase64(document),
  key: toBase64(key),
  signature: toBase64(signature),
});

/** Parses the answer of a gateway; nothing in it is checked. @throws ProtocolError naming the field. */
export function parseSignedNetwork(bytes: Uint8Array): SignedNetwork {
  if (bytes.length > MAX_NETWORK_ANSWER_BYTES)
    throw new ProtocolError('too-large', `the document of a network has at most ${MAX_NETWORK_BYTES} bytes`);
  const value = parseJson(bytes);
  if (typeof value !== 'object' || value === null)
    throw new ProtocolError('malformed', 'this is no document of a network');
  const read = (name: keyof SignedNetworkJson): Uint8Array => {
    const field = (value as Partial<Record<string, unknown>>)[name];
    if (typeof field !== 'string')
      throw new ProtocolError('malformed', `this is no document of a network: ${name} is no text`);
    return fromBase64(field);
  };
  return { document: read('document'), key: read('key'), signature: read('signature') };
}
