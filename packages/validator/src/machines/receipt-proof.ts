import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { encodeMachineProof } from '@ogong/protocol/machine/machine-ejection';
import { MAX_RECEIPT_BYTES, parseReceipt, parseReceiptText } from '@ogong/protocol/stage1/receipt';

/**
 * Reads the proof about the answering machine from a receipt.
 * @param command the command's name, for the error. @param revokedList path of a vendor's list (DER).
 * @throws ConfigError where a file cannot be read, or the receipt is of no machine
 */
export function readReceiptProof(
  command: string,
  { receipt: path, revokedList }: { readonly receipt: string; readonly revokedList?: string | undefined },
): Uint8Array {
  try {
    const { order, record, evidence } = parseReceipt(parseReceiptText(readBounded(path)));
    const attestation = evidence?.get('attestation');
    if (attestation === undefined) throw new ProtocolError('malformed', 'the receipt is not about a machine');
    return encodeMachineProof({
      ...{ order: order.bytes, record: record.bytes, providerKey: record.publicKey, attestation },
      revokedList: revokedList === undefined ? new Uint8Array() : readBounded(revokedList),
    });
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [`${path} proves nothing about a machine: ${(error as Error).message}`]);
  }
}

function readBounded(path: string): Uint8Array {
  const { size } = statSync(path);
  if (size > MAX_RECEIPT_BYTES) throw new ProtocolError('too-large', `${path} has ${size} bytes`);
  return new Uint8Array(readFileSync(path));
}
