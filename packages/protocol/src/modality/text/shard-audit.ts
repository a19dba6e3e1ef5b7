import { equalBytes } from '../../base/bytes.ts';
import { fail, type Outcome, pass, skip } from '../../base/checks.ts';
import { type BlobRef, computeBlobRoot } from '../../commitment/blob.ts';
import type { EdgeValues } from '../../commitment/edge-values.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_ROWS_BYTES } from '../../exchange/limits.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import { judgeOutcome } from '../../tier/outcome.ts';
import type { ServingCohort } from '../shared/serving-cohort.ts';
import type { ReportVerdict } from './adjudicate.ts';
import type { Header } from './commitment/header.ts';
import { WINDOW_TOKENS } from './commitment/window.ts';
import { findShapeProblem } from './stage1/boundary-roots.ts';
import { computeEdgeDistance, EDGE_LIMITS, isSameEdge, listEdges } from './stage2/compare-edges.ts';
import { encodeSegmentReport, parseSegmentReport, type SegmentReport } from './stage2/segment-report.ts';
import type { JobSegment } from './stage2/text-claim.ts';

/** The audit of one shard of a cohort (docs/spec/boundary.md#one-shard). */
export interface AuditedShard {
  readonly place: number;
  readonly numericClass: string;
  /** The input of its layers, by which its verifiers repeat them. */
  readonly input: ShardInput;
  /** The rows that it signed; undefined for the leader, whose windows show its work. */
  readonly values: EdgeValues | undefined;
  /** Its layers, and those of the model. */
  readonly share: { readonly layers: number; readonly all: number };
}

export interface ShardInput {
  readonly ref: BlobRef;
  /** Undefined if the leader gives the blob. */
  readonly bytes: Uint8Array | undefined;
}

interface CommittedReply {
  readonly header: Header;
  /** Stage 1 has checked it. */
  readonly opening: Opening;
  readonly outputTokens: ArrayLike<number>;
}

/**
 * Finds the shard with these layers, and the values by which it is audited.
 * @returns the reason that the opening does not show them. Then the leader answers: it has signed a record without the roots of its
 * shards, or one whose rows are too large to show.
 */
export function findAuditedShard(
  crypto: Crypto,
  { header, opening, outputTokens }: CommittedReply,
  cohort: ServingCohort | undefined,
  { firstLayer, layers }: JobSegment,
): AuditedShard | { readonly problem: string } {
  const members = cohort?.members ?? [];
  const place = members.findIndex((one) => one.firstLayer === firstLayer && one.layers === layers);
  const member = members[place];
  if (member === undefined) return { problem: 'no shard of the cohort has these layers' };
  const { edges } = listEdges(crypto, header, opening, cohort);
  const isLeader = place === members.length - 1;
  const values = edges[place]?.values;
  if (!isLeader && values === undefined) return { problem: `shard ${place} has signed no root` };
  const input =
    place === 0 ? findTokens(crypto, { header, opening, outputTokens }) : findRows(edges[place - 1]?.values);
  if (input === undefined) return { problem: `the input of shard ${place} has no root` };
  if (input.ref.bytes > MAX_ROWS_BYTES)
    return { problem: `the input of shard ${place} has ${input.ref.bytes} bytes, at most ${MAX_ROWS_BYTES} are shown` };
  const all = members.reduce((sum, one) => sum + one.layers, 0);
  return { place, numericClass: member.numericClass, input, values, share: { layers, all } };
}

const findRows = (values: EdgeValues | undefined): ShardInput | undefined =>
  values && { ref: values.rows, bytes: undefined };

/** The tokens of prompt and reply without the last one, u32 little endian; undefined if the opening does not show the prompt. */
function findTokens(
  crypto: Crypto,
  { header: { promptTokenCount }, opening: { blind, prompt }, outputTokens }: CommittedReply,
): ShardInput | undefined {
  if (prompt === undefined || prompt.tokens.length !== 4 * promptTokenCount) return undefined;
  const shown = new DataView(prompt.tokens.buffer, prompt.tokens.byteOffset, prompt.tokens.length);
  const positions = promptTokenCount + outputTokens.length - 1;
  if (positions < 1) return undefined;
  const bytes = new Uint8Array(4 * positions);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < positions; i++) {
    const token = i < promptTokenCount ? shown.getUint32(4 * i) : (outputTokens[i - promptTokenCount] as number);
    view.setUint32(4 * i, token, true);
  }
  return { ref: { bytes: bytes.length, root: computeBlobRoot(crypto, blind, bytes) }, bytes };
}

/** The required subject of a report on a shard before the leader. */
export interface ShardSubject {
  readonly jobId: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly header: Header;
  /** Values that the shard signed. */
  readonly values: EdgeValues;
  /** Least context of the verifier. */
  readonly contextSize: number;
}

/**
 * Reads a report that answers a job about one shard before the leader, or the reason that it does not.
 * @throws ProtocolError
 */
export function readShardReport(
  bytes: Uint8Array,
  { jobId, modelRoot, header, values, contextSize }: ShardSubject,
): { readonly report: SegmentReport } | { readonly problem: string } {
  const report = parseSegmentReport(bytes);
  if (!equalBytes(report.jobId, jobId)) return { problem: 'the report answers another job' };
  if (!equalBytes(report.modelRoot, modelRoot)) return { problem: 'the report is about another model' };
  const problem = findShapeProblem(header, report.edge);
  if (problem !== undefined) return { problem };
  const { positions } = report.edge;
  const isWhole = report.contextSize >= values.positions;
  const wanted = isWhole ? values.positions : report.contextSize - (report.contextSize % WINDOW_TOKENS);
  if (positions !== wanted)
    return {
      problem: `${positions} positions; ${wanted} of ${values.positions} fit into ${report.contextSize} tokens`,
    };
  if (!isWhole && report.contextSize < contextSize)
    return {
      problem: `computed with a context of ${report.contextSize} tokens; the verifier announced ${contextSize}`,
    };
  return { report };
}

/** Encodes the finding of a report. Two verifiers with the same result have the same bytes. */
export const encodeShardFinding = (report: SegmentReport): Uint8Array =>
  encodeSegmentReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0, contextSize: 0 });

/**
 * Weighs a report against the rows that the shard signed. The input is committed, so only the classes of shard and verifier decide
 * whether equality is due. A reject names the shard.
 * @param report as readShardReport returns it.
 */
export function weighShardReport(
  { tier, sketchDirections: directions }: Pick<Header, 'tier' | 'sketchDirections'>,
  { place, numericClass, values }: AuditedShard & { readonly values: EdgeValues },
  report: SegmentReport,
): ReportVerdict {
  const id = 'boundary';
  const name = `shard ${place}`;
  const isWhole = report.edge.positions === values.positions;
  const isExact = isWhole && isEqualityDue(report, { numericClass });
  const judge = (outcome: Outcome, checks: ReportVerdict['checks'], fault?: ReportVerdict['fault']): ReportVerdict => ({
    ...judgeOutcome(tier, { outcome, checks, exact: isExact }),
    comparison: undefined,
    ...(outcome === 'reject' && { culprit: place }),
    ...(fault && { fault }),
    ...(!isWhole && { isPartial: true }),
  });
  if (isExact) {
    if (isSameEdge(values, report.edge)) {
      const detail = `${name}: the rows of ${values.positions} positions are equal bit for bit in ${numericClass}`;
      return judge('accept', [pass('equality', detail)]);
    }
    const check = fail(id, `${name}: other rows than the verifier's, in the exact class ${numericClass}`);
    return judge('reject', [check], { isFact: false, seen: encodeShardFinding(report) });
  }
  const distance = computeEdgeDistance(values, report.edge, directions);
  const detail = `${name}: sketches of its rows are ${distance.toPrecision(3)} from the verifier's`;
  if (!(distance <= EDGE_LIMITS.reject)) return judge('reject', [fail(id, `${detail}, at most ${EDGE_LIMITS.reject}`)]);
  if (distance > EDGE_LIMITS.doubt)
    return judge('inconclusive', [skip(id, `undecided: ${detail}, and above ${EDGE_LIMITS.doubt} is in doubt`)]);
  // Positions without rows are not accepted.
  return judge(isWhole ? 'accept' : 'inconclusive', [pass(id, detail)]);
}
