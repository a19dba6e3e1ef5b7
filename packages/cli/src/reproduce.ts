import type { TextEngine } from '@ogong/engine/interface/text';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type Check, fail, type Outcome, pass } from '@ogong/protocol/base/checks';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { isTextEndpoint } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { findFirstDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isLocalReceipt, type LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { LOCAL_TIERS } from '@ogong/protocol/tier/local';
import { TIERS } from '@ogong/protocol/tier/registry';
import { type ClaimedReply, planPass } from '@ogong/provider/engine/claimed-pass';
import { parseModelRequest } from '@ogong/provider/engine/model-request';
import { scoreJob } from '@ogong/provider/verifier/score-job';

/** What the re-run of a reply on this machine found. */
export interface Reproduction {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** The class in which the pass ran here. */
  readonly numericClass: string | undefined;
  /** Where the reply differs from what this machine computes in the provider's own class, and what it computes there. */
  readonly difference: { readonly position: number; readonly stages: readonly string[] } | undefined;
}

/**
 * Re-runs a reply on an engine at hand and compares, as an audit does: stage 1, then one pass over the claimed tokens.
 * @param receipt with its opening.
 * @throws ProtocolError where the receipt cannot be read, EngineError, Refusal.
 */
export async function reproduceReceipt(
  { receipt, request }: { readonly receipt: Receipt | LocalReceipt; readonly request: Uint8Array },
  { engine, crypto, signal }: { readonly engine: TextEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Reproduction> {
  if (!isTextEndpoint(receipt.endpoint))
    throw new ProtocolError('unsupported', `a receipt of ${receipt.endpoint}: only texts are run again`);
  if ('url' in receipt.opening) throw new ProtocolError('unsupported', 'a compact receipt; fetch its opening first');
  const record = parseRecordV2(receipt.record.bytes);
  const opening: Opening = parseOpening(receipt.opening.bytes);
  const tiers = isLocalReceipt(receipt) ? LOCAL_TIERS : TIERS;
  const replay = replayReply(crypto, record, opening, tiers);
  const { header, rows, outputTokens, shapeClasses, tailDraws } = replay;
  const info = engine.info();
  const checks = [
    ...replay.checks,
    isRequest(crypto, record, { endpoint: receipt.endpoint, body: request })
      ? pass('request-hash', 'the record names this request')
      : fail('request-hash', 'the record names another request'),
    equalBytes(record.modelRoot, info.modelRoot)
      ? pass('model-root', `model ${toHex(record.modelRoot).slice(0, 16)}`)
      : fail('model-root', `the reply is of model ${toHex(record.modelRoot)}, this one is ${toHex(info.modelRoot)}`),
  ];
  const nothing = { numericClass: undefined, difference: undefined };
  if (header === undefined || checks.some(({ status }) => status === 'fail')) {
    return { outcome: 'reject', checks, ...nothing };
  }
  const job = {
    jobId: new Uint8Array(16),
    header,
    request: parseModelRequest(request, header.endpoint, header.promptDay),
    outputTokens,
    shapeClasses,
    tailDraws,
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    bankSeed: header.sketchBankSeed,
  };
  const report = parseScoreReport(await scoreJob(job, { engine, crypto, signal }));
  const verdict = adjudicateReport(crypto, { record, header, opening }, report, { tiers });
  const isExact = report.exact && report.numericClass === header.numericClass;
  const position = isExact ? findFirstDivergence(header, opening.windows, report.windows) : undefined;
  const stages =
    position === undefined || !info.capabilities.trace ? [] : await traceStages(engine, { ...job, position, signal });
  return {
    outcome: verdict.outcome,
    checks: [...checks, ...verdict.checks],
    numericClass: report.numericClass,
    difference: position === undefined ? undefined : { position, stages },
  };
}

async function traceStages(
  engine: TextEngine,
  {
    position,
    signal,
    ...claim
  }: ClaimedReply & {
    readonly position: number;
    readonly signal: AbortSignal;
  },
): Promise<string[]> {
  const asked = { ...(await planPass(claim, engine)), position };
  return (await engine.trace(asked, { signal })).stages.map(toHex);
}
