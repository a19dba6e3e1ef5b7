import { computeBlinds } from '../commitment/blinds.ts';
import { parseRecordV2 } from '../commitment/record.ts';
import { summarizeResponse } from '../commitment/response-hash.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { findHeaderModality } from '../modality/registry.ts';
import { summarizeRequest } from '../modality/request-hash.ts';
import { mayShowTexts } from '../tier/outcome.ts';
import type { HandedReply, Submission, SummarizedReply } from './claim.ts';

/**
 * Summarizes an accepted reply for co-signers, without its texts.
 * @throws RequestError, ProtocolError
 */
export function summarizeSubmission(crypto: Crypto, submission: Submission): SummarizedReply {
  const { request, endpoint, response, evidence: _evidence, ...claimed } = submission;
  const { replyId } = parseRecordV2(claimed.record.record);
  const { answer } = computeBlinds(crypto, { body: request, replyId });
  return {
    ...claimed,
    requestSummary: summarizeRequest(crypto, endpoint, request),
    responseSummary: summarizeResponse(crypto, answer, response),
  };
}

/**
 * Creates the submission of a reply without its texts. A validator asks for them once a beacon has selected the reply. A
 * truncated reply includes them, because its fee depends on the payer's signed statement about them. It does not if no validator may
 * read texts of its tier.
 * @throws RequestError, ProtocolError
 */
export function bareSubmission(crypto: Crypto, submission: Submission): HandedReply {
  const modality = findHeaderModality(submission.header);
  if (modality === undefined) return submission;
  const header = modality.parseHeader(submission.header);
  if (modality.wasCutShort(header) && mayShowTexts(header.tier)) return submission;
  const { evidence } = submission;
  return { ...summarizeSubmission(crypto, submission), ...(evidence && { evidence }) };
}
