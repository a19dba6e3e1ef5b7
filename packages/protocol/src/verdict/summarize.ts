import { summarizeResponse } from '../commitment/response-hash.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { summarizeRequest } from '../modality/request-hash.ts';
import type { Submission, SummarizedReply } from './claim.ts';

/**
 * A reply that was taken in, as co-signers get it: without its texts.
 * @throws RequestError, ProtocolError
 */
export function summarizeSubmission(crypto: Crypto, submission: Submission): SummarizedReply {
  const { request, endpoint, response, ...claimed } = submission;
  return {
    ...claimed,
    requestSummary: summarizeRequest(crypto, endpoint, request),
    responseSummary: summarizeResponse(crypto, response),
  };
}
