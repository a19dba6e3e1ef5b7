import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { checkRoot } from '../../stage1/common-checks.ts';
import type { LocalReplyContext, Modality, ReplayedReply, ReplayOptions } from '../modality.ts';
import { MS_PER_REQUEST_BYTE } from '../shared/expected-time.ts';
import { createWholeReply } from '../shared/whole-reply.ts';
import { adjudicateEmbedding, checkEmbeddingReport } from './adjudicate.ts';
import { EMBEDDING_HEADER_TAG, type EmbeddingHeader, encodeEmbeddingHeader, parseEmbeddingHeader } from './header.ts';
import { checkEmbeddingHeader, checkInputs, checkSize, type EmbeddingContext } from './header-checks.ts';
import { replayEmbedding } from './replay.ts';
import { encodeEmbeddingReport, parseEmbeddingReport } from './report.ts';
import {
  type AskedEmbedding,
  computeContextOfInputs,
  EMBEDDING_ENDPOINTS,
  type EmbeddingRequest,
  MAX_INPUTS,
  parseEmbeddingRequest,
} from './request.ts';
import { encodeEmbeddingSummary, parseEmbeddingSummary } from './request-summary.ts';
import { parseRerankRequest } from './rerank.ts';

/** Vectors, or scores for a query: one for each input, each from one pass over it. */
export const embedding = {
  name: 'embedding',
  units: 'tokens',
  endpoints: EMBEDDING_ENDPOINTS as readonly string[],
  headerTag: EMBEDDING_HEADER_TAG,
  parseRequest: (body: Uint8Array, endpoint: string): EmbeddingRequest =>
    endpoint === 'rerank' ? parseRerankRequest(body) : parseEmbeddingRequest(body),
  encodeSummary: (_crypto: Crypto, request: EmbeddingRequest, bodyHash: Uint8Array) =>
    encodeEmbeddingSummary(request, bodyHash),
  parseSummary: parseEmbeddingSummary,
  boundTokens: ({ promptTokenBound }: AskedEmbedding) => ({ promptTokens: promptTokenBound, outputTokens: 0 }),
  // Each input has a pass of its own, so one context does not limit their sum.
  // The prompt alone, which the least lifetime of an order allows for.
  expectMs: () => 0,
  boundBilled: ({ promptTokenBound }: AskedEmbedding) => promptTokenBound,
  parseHeader: parseEmbeddingHeader,
  boundContext: (request: EmbeddingRequest) => computeContextOfInputs(request),
  countContext: ({ longestInput }: EmbeddingHeader) => longestInput,
  countOutputs: ({ vectorCount }: EmbeddingHeader) => vectorCount,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  hasProgress: false,
  wasCutShort: () => false,
  expectJobMs: ({ request }) => MS_PER_REQUEST_BYTE * request.length,
  countLeaves: (vectors) => (vectors <= MAX_INPUTS ? vectors : 0),
  checkHeader: (crypto: Crypto, header: EmbeddingHeader, context: EmbeddingContext) =>
    checkEmbeddingHeader(crypto, header, context),
  checkLocalHeader: (
    _crypto: Crypto,
    header: EmbeddingHeader,
    { request, response, hasTier }: LocalReplyContext<EmbeddingRequest>,
  ) => [checkInputs(header, { request, choice: 0, hasTier }), checkSize(header, response)],
  openingChecks: [
    ...['commitment-root', 'commitment-form', 'posture', 'token-count', 'vectors', 'unit-norm', 'sketch', 'blinding'],
    ...['header-order', 'inputs', 'response-size', 'sketch-bank', 'payee', 'context', 'fee'],
  ],
  replay,
} satisfies Modality;

const ZERO = new Uint8Array(32);

function replay(crypto: Crypto, record: RecordV2, opening: Opening, { tiers }: ReplayOptions = {}): ReplayedReply {
  const root = checkRoot(crypto, record, opening);
  const leaves = opening.windows.map(({ draws, sketch }) => ({ values: draws, sketch }));
  const replayed =
    root.status === 'pass'
      ? replayEmbedding(crypto, record, { ...{ blind: opening.blind, header: opening.header }, leaves }, tiers)
      : { checks: [], header: undefined, leaves: [] };
  const header = replayed.header as EmbeddingHeader;
  const claim = { modelRoot: record.modelRoot, header, leaves: replayed.leaves };
  return createWholeReply({
    ...{ modality: 'embedding', modelRoot: record.modelRoot, header: replayed.header, redactHeader },
    ...{ encodeHeader: encodeEmbeddingHeader, parseReport: parseEmbeddingReport, encodeReport: encodeEmbeddingReport },
    checks: [root, ...replayed.checks],
    checkReport: (report, jobId) => checkEmbeddingReport(report, { ...claim, jobId }),
    weigh: (report) => adjudicateEmbedding(crypto, claim, report, { tiers }),
  });
}

/** Redacts a header for a verifier: fields that identify the reply, or contain the provider's results, become zero. */
function redactHeader(header: EmbeddingHeader): EmbeddingHeader {
  return {
    ...header,
    ...{
      orderHash: ZERO,
      vocabularyHash: ZERO,
      choice: 0,
      promptTokensHash: ZERO,
      promptTokenCount: 0,
      longestInput: 0,
      payee: new Uint8Array(20),
    },
  };
}
