import { toBase64 } from '../base/bytes.ts';
import { asBytes, asEndpoint, asObject, parseReceipt, parseReceiptText, type Receipt } from './receipt.ts';

/**
 * The receipt of one answer in local mode (docs/spec/local-receipt.md): a provider's commitments without any signature. Nobody
 * ordered the answer, and nobody is paid for it.
 */
export interface LocalReceipt {
  readonly endpoint: string;
  /** A record v2. */
  readonly record: { readonly bytes: Uint8Array };
  readonly opening: { readonly bytes: Uint8Array };
}

export const LOCAL_RECEIPT_FORMAT = 'ogong-local-receipt-v1';

export interface LocalReceiptJson {
  readonly format: typeof LOCAL_RECEIPT_FORMAT;
  readonly endpoint: string;
  readonly record: { readonly bytes: string };
  readonly opening: { readonly bytes: string };
}

export const isLocalReceipt = (receipt: Receipt | LocalReceipt): receipt is LocalReceipt => !('order' in receipt);

export const toLocalReceiptJson = ({ endpoint, record, opening }: LocalReceipt): LocalReceiptJson => ({
  format: LOCAL_RECEIPT_FORMAT,
  endpoint,
  record: { bytes: toBase64(record.bytes) },
  opening: { bytes: toBase64(opening.bytes) },
});

/** Parses a receipt of the network or of local mode. @throws ProtocolError naming the field that is missing or malformed. */
export function parseAnyReceipt(input: string | Uint8Array): Receipt | LocalReceipt {
  const root = asObject(parseReceiptText(input), 'receipt');
  if (root.format !== LOCAL_RECEIPT_FORMAT) return parseReceipt(root);
  return {
    endpoint: asEndpoint(root.endpoint),
    record: { bytes: asBytes(asObject(root.record, 'record').bytes, 'record.bytes') },
    opening: { bytes: asBytes(asObject(root.opening, 'opening').bytes, 'opening.bytes') },
  };
}
