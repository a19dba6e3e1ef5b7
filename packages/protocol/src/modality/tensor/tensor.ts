import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { checkRoot } from '../../stage1/common-checks.ts';
import type { LocalReplyContext, Modality, ReplayedReply, ReplayOptions } from '../modality.ts';
import { createWholeReply } from '../shared/whole-reply.ts';
import { adjudicateTensors, checkTensorReport } from './adjudicate.ts';
import { encodeTensorHeader, parseTensorHeader, TENSOR_HEADER_TAG, type TensorHeader } from './header.ts';
import { checkResponseSize, checkTensorHeader, checkTensorRequest, type TensorContext } from './header-checks.ts';
import { MAX_LEAVES } from './leaf.ts';
import { replayTensors } from './replay.ts';
import { encodeTensorReport, parseTensorReport } from './report.ts';
import { type AskedTensors, parseTensorRequest, TENSOR_ENDPOINTS, type TensorRequest } from './request.ts';
import { encodeTensorSummary, parseTensorSummary } from './request-summary.ts';

/** Named tensors: a model reads some and returns others, in one pass. */
export const tensor = {
  name: 'tensor',
  units: 'values',
  endpoints: TENSOR_ENDPOINTS as readonly string[],
  headerTag: TENSOR_HEADER_TAG,
  parseRequest: (body: Uint8Array): TensorRequest => parseTensorRequest(body),
  encodeSummary: (_crypto: Crypto, request: TensorRequest, bodyHash: Uint8Array) =>
    encodeTensorSummary(request, bodyHash),
  parseSummary: parseTensorSummary,
  boundTokens: ({ promptTokenBound }: AskedTensors) => ({ promptTokens: promptTokenBound, outputTokens: 0 }),
  // The least lifetime of an order allows for one pass.
  expectMs: () => 0,
  boundBilled: ({ promptTokenBound }: AskedTensors) => promptTokenBound,
  parseHeader: parseTensorHeader,
  boundContext: ({ promptTokenBound }: TensorRequest) => promptTokenBound,
  countContext: ({ promptTokenCount }: TensorHeader) => promptTokenCount,
  countOutputs: ({ leafCount }: TensorHeader) => leafCount,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  hasProgress: false,
  wasCutShort: () => false,
  expectJobMs: () => 0,
  countLeaves: (leaves) => (leaves <= MAX_LEAVES ? leaves : 0),
  checkHeader: (crypto: Crypto, header: TensorHeader, context: TensorContext) =>
    checkTensorHeader(crypto, header, context),
  checkLocalHeader: (
    _crypto: Crypto,
    header: TensorHeader,
    { request, response, hasTier }: LocalReplyContext<TensorRequest>,
  ) => [checkTensorRequest(header, { request, choice: 0, hasTier }), checkResponseSize(header, response)],
  openingChecks: [
    ...['commitment-root', 'commitment-form', 'posture', 'token-count', 'tensors', 'blinding'],
    ...['header-order', 'inputs', 'response-size', 'sketch-bank', 'payee', 'context', 'fee'],
  ],
  replay,
} satisfies Modality;

const ZERO = new Uint8Array(32);

function replay(crypto: Crypto, record: RecordV2, opening: Opening, { tiers }: ReplayOptions = {}): ReplayedReply {
  const root = checkRoot(crypto, record, opening);
  const replayed =
    root.status === 'pass'
      ? replayTensors(crypto, record, opening, tiers)
      : { checks: [], header: undefined, outputs: [] };
  const header = replayed.header as TensorHeader;
  const claim = { modelRoot: record.modelRoot, header, outputs: replayed.outputs };
  return createWholeReply({
    ...{ modality: 'tensor', modelRoot: record.modelRoot, header: replayed.header, redactHeader },
    ...{ encodeHeader: encodeTensorHeader, parseReport: parseTensorReport, encodeReport: encodeTensorReport },
    checks: [root, ...replayed.checks],
    checkReport: (report, jobId) => checkTensorReport(report, { ...claim, jobId }),
    weigh: (report) => adjudicateTensors(claim, report, { tiers }),
  });
}

/** The one output of a redacted header. */
const NO_OUTPUT = { form: { name: '-', dtype: 'bool', shape: [0] }, sizeBytes: 0 } as const;

/** Redacts a header for a verifier: fields that identify the reply, or contain the provider's results, become zero. */
function redactHeader(header: TensorHeader): TensorHeader {
  return {
    ...header,
    ...{ orderHash: ZERO, vocabularyHash: ZERO, choice: 0, promptTokensHash: ZERO, promptTokenCount: 1 },
    ...{ leafCount: 1, outputs: [NO_OUTPUT], payee: new Uint8Array(20) },
  };
}
