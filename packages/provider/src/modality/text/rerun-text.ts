import type { TextEngine } from '@ogong/engine/interface/text';
import { toHex } from '@ogong/protocol/base/bytes';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { findFirstDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { readJobRows } from '@ogong/protocol/modality/text/stage2/picture-rows';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText } from '@ogong/protocol/modality/text/text';
import type { RerunClaim, RerunFindings, RerunMeans } from '../modality.ts';
import { rerunReport } from '../rerun-report.ts';
import { type ClaimedReply, planPass } from './claimed-pass.ts';
import { parseModelRequest } from './model-request.ts';
import { openTextJob, scoreJob } from './score-text.ts';

/** Runs one pass over the claimed tokens. If it differs in the provider's own class, it also traces the first position that differs. */
export async function rerunText(claim: RerunClaim, means: RerunMeans<TextEngine>): Promise<RerunFindings> {
  const { record, opening, request, tiers, reply, media = NO_MEDIA } = claim;
  if (!isText(reply)) return rerunReport<TextEngine>(openTextJob, claim, means);
  const { engine, crypto, signal } = means;
  const { header, rows, outputTokens, shapeClasses, tailDraws } = reply.replay;
  if (header === undefined) throw new Error('a reply that replays has a header');
  const blobs = reply.makeJobBlobs?.(NO_DRAW) ?? [];
  const job = {
    jobId: new Uint8Array(16),
    blind: opening.blind,
    header,
    body: request,
    request: parseModelRequest(request, header.endpoint, header.promptDay),
    outputTokens,
    shapeClasses,
    tailDraws,
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    bankSeed: header.sketchBankSeed,
    rows: readJobRows(crypto, header, { blind: opening.blind, blobs: [...blobs] }),
    media,
  };
  const report = parseScoreReport(await scoreJob(job, { engine, crypto, signal }));
  const { outcome, checks } = adjudicateReport(crypto, { record, header, opening }, report, { tiers });
  const isExact = report.exact && report.numericClass === header.numericClass;
  const position = isExact ? findFirstDivergence(header, opening.windows, report.windows) : undefined;
  const canTrace = engine.info().capabilities.trace;
  const stages = position === undefined || !canTrace ? [] : await traceStages(engine, { ...job, position, signal });
  const difference = position === undefined ? undefined : { position, stages };
  return { outcome, checks, numericClass: report.numericClass, difference };
}

async function traceStages(
  engine: TextEngine,
  { position, signal, ...claim }: ClaimedReply & { readonly position: number; readonly signal: AbortSignal },
): Promise<string[]> {
  const traced = { ...(await planPass(claim, engine)), position };
  return (await engine.trace(traced, { signal })).stages.map(toHex);
}
