import { create } from '@bufbuild/protobuf';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type PushRecordRequest, PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { isBare } from '@ogong/protocol/verdict/claim';
import { bareSubmission } from '@ogong/protocol/verdict/summarize';

/**
 * Returns the part of a reply that leaves before anybody is to read it: summaries in place of texts. A reply that was cut short
 * leaves as it is, unless no validator may read texts of its tier. So does one that has no texts any more.
 * @throws RequestError, ProtocolError
 */
export function barePush(crypto: Crypto, push: PushRecordRequest): PushRecordRequest {
  const { order, record, header, headerProof, payeeWord, evidence, cohort, request, endpoint, response } = push;
  if (order === undefined || record === undefined || push.requestSummary.length > 0) return push;
  const handed = bareSubmission(crypto, {
    ...{ order, record, header, headerProof, payeeWord, request, endpoint, response },
    progress: push.progress,
  });
  if (!isBare(handed)) return push;
  const { requestSummary, responseSummary, progress } = handed;
  const claimed = { order, record, header, headerProof, payeeWord, evidence, cohort, ...(progress && { progress }) };
  return create(PushRecordRequestSchema, { ...claimed, requestSummary, responseSummary });
}
