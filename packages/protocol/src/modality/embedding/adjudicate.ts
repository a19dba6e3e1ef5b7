import { createWriter, equalBytes, toHex } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type Check, check, fail, type Outcome, pass } from '../../base/checks.ts';
import { computeSketchDistance, type SketchRow } from '../../commitment/sketch.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { TierEntry } from '../../tier/tier.ts';
import { type RerunVerdict, weighRerun } from '../shared/whole-reply.ts';
import type { EmbeddingHeader } from './header.ts';
import type { EmbeddingLeaf } from './leaf.ts';
import type { EmbeddingReport } from './report.ts';
import { encodeVector } from './vector.ts';

/** Limits for the distance of sketches if the classes are not exact: reject above `reject`, inconclusive from `doubt` on. */
export interface EmbeddingLimits {
  /** Source of the limits: `fallback`, or their measurement. */
  readonly source: string;
  readonly sketchDistance: { readonly doubt: number; readonly reject: number };
}

/**
 * Two honest classes of one model differ by at most 0.0015, and its weights in q8_0 by at least 0.015 (docs/adr/modalities.md).
 * A vector that is pooled over an input drifts far less than hidden states, to which the whitepaper's 0.10 applies.
 */
export const EMBEDDING_FALLBACK: EmbeddingLimits = {
  source: 'fallback',
  sketchDistance: { doubt: 0.005, reject: 0.02 },
};

/** An embedding that stage 1 found consistent. */
export interface EmbeddingClaim {
  readonly modelRoot: Uint8Array;
  readonly header: EmbeddingHeader;
  readonly leaves: readonly EmbeddingLeaf[];
}

/** Checks whether a report answers the job at all. If not, its verifier is marked and another one is drawn. */
export function checkEmbeddingReport(
  report: EmbeddingReport,
  { jobId, modelRoot, header, leaves }: EmbeddingClaim & { readonly jobId: Uint8Array },
): Check {
  const id = 'report-shape';
  if (!equalBytes(report.jobId, jobId)) return fail(id, 'the report answers another job');
  if (!equalBytes(report.modelRoot, modelRoot)) return fail(id, 'the report is about another model');
  if (report.sketchDirections !== header.sketchDirections) {
    return fail(id, `sketches of ${report.sketchDirections} directions, ${header.sketchDirections} were asked for`);
  }
  if (report.inputs.length !== leaves.length) {
    return fail(id, `${report.inputs.length} inputs embedded, ${leaves.length} claimed`);
  }
  return pass(id, `${leaves.length} inputs embedded by ${report.numericClass}`);
}

/** Runs stage 2: one verifier's well-formed report against the committed reply. */
export function adjudicateEmbedding(
  crypto: Crypto,
  claim: Omit<EmbeddingClaim, 'modelRoot'>,
  report: EmbeddingReport,
  {
    limits = EMBEDDING_FALLBACK,
    tiers,
  }: { readonly limits?: EmbeddingLimits; readonly tiers?: readonly TierEntry[] | undefined } = {},
): RerunVerdict {
  const { header, leaves } = claim;
  return weighRerun(header, report, {
    facts: [checkTokens(leaves, report), checkModel(header, report)],
    encodeFacts: () => encodeFacts(report),
    checkEquality: () => checkEquality(crypto, claim, report),
    judgeDistance: () => judgeDistance(claim, report, limits),
    tiers,
  });
}

const FACT_DOMAIN = encodeDomain('ogong-embedding-facts-v1');

/** Encodes the part of a report that is the same in every class: the vocabulary, and the tokens of each input. */
function encodeFacts({ vocabularyHash, embeddingSize, inputs }: EmbeddingReport): Uint8Array {
  const writer = createWriter().bytes(FACT_DOMAIN).bytes(vocabularyHash, 32).u32(embeddingSize);
  for (const { tokenCount, tokensHash } of inputs) writer.u32(tokenCount).bytes(tokensHash, 32);
  return writer.finish();
}

/** Checks the tokens of each input. A truncated or replaced input has other tokens. */
function checkTokens(leaves: readonly EmbeddingLeaf[], { inputs }: EmbeddingReport): Check {
  const id = 'prompt-tokens';
  const wrong = leaves.findIndex(({ tokenCount, tokensHash }, i) => {
    const own = inputs[i];
    return own === undefined || own.tokenCount !== tokenCount || !equalBytes(own.tokensHash, tokensHash);
  });
  if (wrong < 0) return pass(id, `${leaves.length} inputs with the tokens that the request makes`);
  return fail(
    id,
    `input ${wrong} makes ${inputs[wrong]?.tokenCount} tokens; the reply commits ${leaves[wrong]?.tokenCount}, or others`,
    wrong,
  );
}

function checkModel(header: EmbeddingHeader, report: EmbeddingReport): Check {
  const same =
    equalBytes(report.vocabularyHash, header.vocabularyHash) && report.embeddingSize === header.embeddingSize;
  return check('vocabulary', same, [
    `hash ${toHex(report.vocabularyHash.subarray(0, 6))}, vectors of ${report.embeddingSize} values`,
    `the model has another vocabulary, or vectors of ${report.embeddingSize} values and not ${header.embeddingSize}`,
  ]);
}

function checkEquality(
  crypto: Crypto,
  { header, leaves }: Omit<EmbeddingClaim, 'modelRoot'>,
  { inputs }: EmbeddingReport,
): Check {
  const differing = leaves.findIndex(
    ({ vector }, i) => !equalBytes(crypto.sha256(encodeVector(vector)), inputs[i]?.vectorHash as Uint8Array),
  );
  if (differing < 0) {
    return pass('equality', `${leaves.length} vectors equal bit for bit in ${header.numericClass}`);
  }
  return fail('equality', `vector ${differing} differs, in the exact class ${header.numericClass}`, differing);
}

function judgeDistance(
  { header, leaves }: Omit<EmbeddingClaim, 'modelRoot'>,
  { inputs }: EmbeddingReport,
  { source, sketchDistance }: EmbeddingLimits,
): { readonly outcome: Outcome; readonly check: Check } {
  const isScored = header.endpoint === 'rerank';
  const measure = isScored ? computeScoreDistance : computeVectorDistance;
  const distances = leaves.map((leaf, i) => measure(leaf, (inputs[i] as EmbeddingReport['inputs'][number]).sketch));
  const worst = distances.reduce((most, distance) => Math.max(most, distance), 0);
  const detail = `worst input ${worst.toFixed(4)}, reject above ${sketchDistance.reject} (${source})`;
  // A distance that is not a number must never pass.
  if (!(worst <= sketchDistance.reject)) return { outcome: 'reject', check: fail('sketch-distance', detail) };
  // Scores of a likelihood lie near zero for most documents, so made-up zeros are as near to them as honest drift.
  const outcome = isScored || worst > sketchDistance.doubt ? 'inconclusive' : 'accept';
  return { outcome, check: pass('sketch-distance', detail) };
}

const computeVectorDistance = ({ sketch }: EmbeddingLeaf, own: SketchRow): number => computeSketchDistance(sketch, own);

/**
 * Computes the distance of two scores. Each value of a score's sketch is the rounded score, or its negative. A small difference
 * beside zero is large in proportion, so scores below one are compared by their difference.
 */
function computeScoreDistance({ vector, sketch }: EmbeddingLeaf, own: SketchRow): number {
  const shownBy = ({ exponent, values }: SketchRow, j: number): number => (values[j] as number) * 2 ** exponent;
  const differences = Array.from(own.values, (_, j) => Math.abs(shownBy(sketch, j) - shownBy(own, j)));
  return Math.max(...differences) / Math.max(1, Math.abs(vector[0] as number));
}
