import type { TextEngine } from '@ogong/engine/interface/text';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type Check, fail, type Outcome, pass } from '@ogong/protocol/base/checks';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ReplayedReply } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { findFirstDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText, type ReplayedText } from '@ogong/protocol/modality/text/text';
import { isLocalReceipt, type LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { LOCAL_TIERS } from '@ogong/protocol/tier/local';
import { TIERS } from '@ogong/protocol/tier/registry';
import type { TierEntry } from '@ogong/protocol/tier/tier';
import { type ClaimedReply, planPass } from '@ogong/provider/engine/claimed-pass';
import { parseModelRequest } from '@ogong/provider/engine/model-request';
import { scoreJob } from '@ogong/provider/verifier/score-job';
import { parseScorable, type ScoringEngine } from '@ogong/provider/verifier/scorer';

/** What the re-run of a reply on this machine found. */
export interface Rerun {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** The class in which the pass ran here. */
  readonly numericClass: string | undefined;
  /** Where a text differs from what this machine computes in the provider's own class, and what it computes there. */
  readonly difference: { readonly position: number; readonly stages: readonly string[] } | undefined;
}

interface Means<E extends ScoringEngine = ScoringEngine> {
  readonly engine: E;
  readonly crypto: Crypto;
  readonly signal: AbortSignal;
}

/**
 * Re-runs a reply on an engine at hand and compares, as an audit does: stage 1, then one pass over the claimed tokens of a text, or
 * over the request's own inputs.
 * @param receipt with its opening.
 * @throws ProtocolError where the receipt cannot be read, EngineError, Refusal.
 */
export async function rerunReceipt(
  { receipt, request }: { readonly receipt: Receipt | LocalReceipt; readonly request: Uint8Array },
  means: Means,
): Promise<Rerun> {
  if ('url' in receipt.opening) throw new ProtocolError('unsupported', 'a compact receipt; fetch its opening first');
  const { engine, crypto } = means;
  const { endpoint } = receipt;
  const record = parseRecordV2(receipt.record.bytes);
  const opening = parseOpening(receipt.opening.bytes);
  const tiers = isLocalReceipt(receipt) ? LOCAL_TIERS : TIERS;
  const reply = findModality(endpoint).replay(crypto, record, opening, tiers);
  const { modelRoot } = engine.info();
  const checks = [
    ...reply.checks,
    isRequest(crypto, record, { endpoint, body: request })
      ? pass('request-hash', 'the record names this request')
      : fail('request-hash', 'the record names another request'),
    equalBytes(record.modelRoot, modelRoot)
      ? pass('model-root', `model ${toHex(record.modelRoot).slice(0, 16)}`)
      : fail('model-root', `the reply is of model ${toHex(record.modelRoot)}, this one is ${toHex(modelRoot)}`),
  ];
  if (reply.header === undefined || checks.some(({ status }) => status === 'fail')) {
    return { outcome: 'reject', checks, numericClass: undefined, difference: undefined };
  }
  const claim = { record, opening, request, tiers };
  const found =
    isText(reply) && engine.specificationVersion === 'text-v1'
      ? await rerunText({ ...claim, reply }, { ...means, engine })
      : await rerunInputs({ ...claim, endpoint, reply }, means);
  return { ...found, checks: [...checks, ...found.checks] };
}

interface Claim {
  readonly record: RecordV2;
  readonly opening: Opening;
  readonly request: Uint8Array;
  readonly tiers: readonly TierEntry[];
}

async function rerunText(
  { record, opening, request, tiers, reply }: Claim & { readonly reply: ReplayedText },
  { engine, crypto, signal }: Means<TextEngine>,
): Promise<Rerun> {
  const { header, rows, outputTokens, shapeClasses, tailDraws } = reply.replay;
  if (header === undefined) throw new Error('a reply that replays has a header');
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

/** Vectors, or scores: the modality's own report about its own inputs. @throws Refusal where the model is one of another modality. */
async function rerunInputs(
  { request, endpoint, reply }: Claim & { readonly endpoint: string; readonly reply: ReplayedReply },
  { engine, crypto, signal }: Means,
): Promise<Rerun> {
  const job = { jobId: new Uint8Array(16), request, timeoutMs: 0, contextSize: 0, ...reply.describeJob(endpoint) };
  const read = reply.readReport(await parseScorable(job, engine, crypto).score(signal), job);
  if ('problem' in read) throw new ProtocolError('malformed', read.problem);
  const { outcome, checks } = read.weigh({});
  return { outcome, checks, numericClass: read.numericClass, difference: undefined };
}

async function traceStages(
  engine: TextEngine,
  { position, signal, ...claim }: ClaimedReply & { readonly position: number; readonly signal: AbortSignal },
): Promise<string[]> {
  const asked = { ...(await planPass(claim, engine)), position };
  return (await engine.trace(asked, { signal })).stages.map(toHex);
}
