import { ProtocolError } from '../../base/bytes.ts';
import { MAX_WINDOWS, type Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { computeContextBound } from '../../exchange/fee.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import { getTier } from '../../tier/registry.ts';
import type { LocalReplyContext, Modality, ReplayedReply, ReplayOptions } from '../modality.ts';
import { MS_PER_REQUEST_BYTE } from '../shared/expected-time.ts';
import type { ServingCohort } from '../shared/serving-cohort.ts';
import { TEXT_CANARY } from './canary.ts';
import { type Header, parseHeader, TEXT_ENDPOINTS, TEXT_HEADER_TAG } from './commitment/header.ts';
import { WINDOW_TOKENS } from './commitment/window.ts';
import { plantText } from './honeypot-check.ts';
import { describePlantedText } from './planted-text.ts';
import { encodeFinding, readScoreReport, weighScoreReport } from './read-report.ts';
import { type AskedText, type InferenceRequest, parseRequest } from './request/request.ts';
import { boundTextTokens } from './request/request-bound.ts';
import { encodeTextSummary, parseTextSummary } from './request/request-summary.ts';
import { encodeScored, toScored } from './scored-reply.ts';
import {
  type AuditedShard,
  encodeShardFinding,
  findAuditedShard,
  readShardReport,
  weighShardReport,
} from './shard-audit.ts';
import { checkBoundaryRoots } from './stage1/boundary-roots.ts';
import { checkHeader, type HeaderContext } from './stage1/header-checks.ts';
import { checkLocalText } from './stage1/local-checks.ts';
import { type Replay, replayReply } from './stage1/replay.ts';
import { type CommittedEdges, listEdges, listShownLayers } from './stage2/compare-edges.ts';
import { findRows, listRowBlobs, type ShownRows } from './stage2/picture-rows.ts';
import { countScored } from './stage2/scored-prefix.ts';
import { expectPassesMs, type JobSegment, parseTextClaim } from './stage2/text-claim.ts';

const MS_PER_TOKEN = 50;

/** Chat and completions: tokens that are drawn one after another, and committed in windows. */
export const text = {
  name: 'text',
  units: 'tokens',
  endpoints: TEXT_ENDPOINTS,
  headerTag: TEXT_HEADER_TAG,
  parseRequest: (body: Uint8Array, endpoint: InferenceRequest['endpoint']) => parseRequest(body, endpoint),
  encodeSummary: (crypto: Crypto, request: InferenceRequest, bodyHash: Uint8Array) =>
    encodeTextSummary(crypto, request, bodyHash),
  parseSummary: parseTextSummary,
  boundTokens: (request: AskedText) => boundTextTokens(request),
  boundBilled: (request: AskedText, contextSize: number) =>
    Math.min(computeContextBound(boundTextTokens(request)), contextSize),
  expectMs: (request: AskedText, contextSize: number) =>
    MS_PER_TOKEN * Math.min(boundTextTokens(request).outputTokens, contextSize),
  parseHeader,
  boundContext: (request: InferenceRequest) => computeContextBound(boundTextTokens(request)),
  countContext: ({ promptTokenCount, outputTokenCount }: Header) => promptTokenCount + outputTokenCount,
  countOutputs: ({ outputTokenCount }: Header) => outputTokenCount,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  hasProgress: true,
  wasCutShort: ({ stopReason }: Header) => stopReason === 'cancelled',
  expectJobMs({ claim, request }) {
    const { shapeClasses = new Uint8Array(0) } = parseTextClaim(claim);
    return MS_PER_REQUEST_BYTE * request.length + expectPassesMs(shapeClasses);
  },
  countLeaves(tokens) {
    const windows = Math.ceil(tokens / WINDOW_TOKENS);
    return windows <= MAX_WINDOWS ? windows : 0;
  },
  checkHeader: (crypto: Crypto, header: Header, context: HeaderContext) => checkHeader(crypto, header, context),
  checkLocalHeader: (crypto: Crypto, header: Header, context: LocalReplyContext<InferenceRequest>) =>
    checkLocalText(crypto, header, context),
  openingChecks: [
    ...[
      'commitment-root',
      'commitment-form',
      'posture',
      'token-count',
      'listing',
      'draw-replay',
      'shape-classes',
      'blinding',
    ],
    ...[
      'header-order',
      'draw-key',
      'sampler',
      'sketch-bank',
      'payee',
      'stop-strings',
      'context',
      'response-size',
      'fee',
    ],
  ],
  listJobBlobs: ({ header }: Opening) => listRowBlobs(parseHeader(header)),
  canary: TEXT_CANARY,
  // A job without the edges of its reply would show the verifier that it is a honeypot.
  plants: ({ pictures, boundaries }: Header) => pictures.length === 0 && boundaries.length === 0,
  replay: replayText,
} satisfies Modality;

export interface ReplayedText extends ReplayedReply {
  readonly header: Header | undefined;
  readonly replay: Replay;
}

/** Returns whether a reply is a text. Read fields that only texts have after this check. */
export const isText = (reply: ReplayedReply): reply is ReplayedText => 'replay' in reply;

function replayText(
  crypto: Crypto,
  record: RecordV2,
  opening: Opening,
  { tiers, blobs }: ReplayOptions = {},
): ReplayedText {
  const replay = replayReply(crypto, record, opening, tiers);
  const header = replay.header as Header;
  const rows = replay.header === undefined ? NO_ROWS : findRows(header, blobs);
  const committed = { header, opening, outputTokens: replay.outputTokens };
  const findShard = (cohort: ServingCohort | undefined, segment: JobSegment): AuditedShard => {
    const shard = findAuditedShard(crypto, committed, cohort, segment);
    if ('problem' in shard) throw new ProtocolError('unsupported', shard.problem);
    return shard;
  };
  const roots = replay.header === undefined ? [] : checkBoundaryRoots(crypto, header, opening, replay.outputTokens);
  return {
    checks: [...replay.checks, ...rows.checks, ...roots],
    ...{ header: replay.header, refutedBy: rows.refutedBy, replay },
    ...(replay.header !== undefined && header.pictures.length > 0 && { makeJobBlobs: () => rows.blobs }),
    findShardInput(cohort, segment) {
      const shard = findAuditedShard(crypto, committed, cohort, segment);
      return 'problem' in shard ? shard : shard.input;
    },
    describeJob(endpoint, _draw, cohort, segment) {
      assertScored(header);
      const subject = { endpoint, modelRoot: record.modelRoot, blind: opening.blind };
      if (segment !== undefined) {
        const { firstLayer, layers } = segment;
        const { ref: input } = findShard(cohort, segment).input;
        return encodeScored({ ...toScored(subject, header, replay), segment: { firstLayer, layers, input } });
      }
      const edges = listShownLayers(listEdges(crypto, header, opening, cohort));
      return encodeScored(toScored(subject, header, replay, edges));
    },
    plant({ endpoint, seed, endorsedClass }) {
      assertScored(header);
      const planted = plantText(crypto, replay, seed);
      const scored = toScored({ endpoint, modelRoot: record.modelRoot, blind: opening.blind }, header, replay);
      return describePlantedText(crypto, { ...scored, ...planted, shapeClasses: replay.shapeClasses, endorsedClass });
    },
    readReport(bytes, { jobId, contextSize, cohort, segment }) {
      assertScored(header);
      const shard = segment && findShard(cohort, segment);
      if (shard?.values !== undefined) {
        const { values, numericClass: servedClass, share } = shard;
        const read = readShardReport(bytes, { jobId, modelRoot: record.modelRoot, header, values, contextSize });
        if ('problem' in read) return read;
        const { report } = read;
        return {
          ...{ numericClass: report.numericClass, servedClass, isBlank: false },
          claimsExact: isEqualityDue(report, { numericClass: servedClass }),
          tokens: countShare(report.edge.positions + 1, share),
          finding: encodeShardFinding(report),
          weigh: () => weighShardReport(header, { ...shard, values }, report),
        };
      }
      const edges = shard ? NO_EDGES : listEdges(crypto, header, opening, cohort);
      const subject = { jobId, modelRoot: record.modelRoot, header, replay, layers: listShownLayers(edges) };
      const read = readScoreReport(bytes, { ...subject, contextSize });
      if ('problem' in read) return read;
      const { report } = read;
      return {
        numericClass: report.numericClass,
        claimsExact: isEqualityDue(report, header),
        isBlank: report.windows.length === 0,
        tokens:
          report.windows.length === 0
            ? 0
            : countShare(header.promptTokenCount + countScored(report, replay.rows.length), shard?.share ?? WHOLE),
        finding: encodeFinding(report),
        // The beginning of an answer is no answer.
        ...(report.windows.length === opening.windows.length && { answer: bytes }),
        weigh: (policy) => weighScoreReport(crypto, { record, header, opening, edges }, report, policy),
      };
    },
  };
}

/** Counts the tokens of a pass through some layers, by their share of all. */
const countShare = (tokens: number, { layers, all }: AuditedShard['share']): number =>
  Math.ceil((tokens * layers) / all);

const WHOLE: AuditedShard['share'] = { layers: 1, all: 1 };

const NO_EDGES: CommittedEdges = { edges: [], members: [] };
const NO_ROWS: ShownRows = { blobs: [], checks: [] };

/** @throws ProtocolError `unsupported` if a reply shows nothing that a verifier could score. */
function assertScored({ tier }: Header): void {
  if (getTier(tier).windows === 'draws') return;
  throw new ProtocolError('unsupported', `a reply of tier ${tier} shows nothing that a verifier could score`);
}
