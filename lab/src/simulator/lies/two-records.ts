import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { encodeRecordV2, parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { PushRecordRequestSchema, SignedRecordSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** Hands in another record of the order than the one that its consumer has: signed, and later by a nanosecond. */
export function tellTwoRecords(bytes: Uint8Array, signer: HybridSigner): Uint8Array {
  const message = fromBinary(PushRecordRequestSchema, bytes);
  if (message.record === undefined) return bytes;
  const told = parseRecordV2(message.record.record);
  const record = encodeRecordV2({ ...told, endNs: told.endNs + 1n });
  const signed = create(SignedRecordSchema, { ...message.record, record, signature: signer.sign(record) });
  return toBinary(PushRecordRequestSchema, { ...message, record: signed });
}
