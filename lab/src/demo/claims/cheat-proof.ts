import type { TextEngine } from '@ogong/engine/interface/text';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { NO_OTHER_CHOICE, NO_TAIL_GAP, parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { parseModelRequest } from '@ogong/provider/modality/text/model-request';
import { scoreJob } from '@ogong/provider/modality/text/score-text';
import type { ServedEvidence } from '../../attackers/served-evidence.ts';
import type { CheatProof } from '../run-record.ts';

/**
 * Checks one signed reply of the cheat twice, with the production code. Stage 1 replays the draws without a model. Stage 2 compares
 * the values with an honest pass of the true model.
 * @param engine the model that the network sells.
 */
export async function proveCheat(
  { replyId, record: recordBytes, signature, publicKey, opening: openingBytes }: ServedEvidence,
  { engine, crypto, request }: { readonly engine: TextEngine; readonly crypto: Crypto; readonly request: Uint8Array },
): Promise<CheatProof> {
  const record = parseRecordV2(recordBytes);
  const opening = parseOpening(openingBytes);
  const header = parseHeader(opening.header);
  const isAsked = isRequest(crypto, record, { endpoint: header.endpoint, body: request });
  if (!isAsked) throw new TypeError('the request is of another reply');
  const replay = replayReply(crypto, record, opening);
  const report = await scoreJob(
    {
      jobId: fromHex(replyId),
      blind: opening.blind,
      header,
      body: request,
      request: parseModelRequest(request, header.endpoint, header.promptDay),
      outputTokens: replay.outputTokens,
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      shapeClasses: replay.shapeClasses,
      tailDraws: replay.tailDraws,
      bankSeed: header.sketchBankSeed,
    },
    { engine, crypto, signal: AbortSignal.timeout(120_000) },
  );
  // Compare values only: the other checks of stage 2 concern the draws.
  const values = { ...parseScoreReport(report), firstOtherChoice: NO_OTHER_CHOICE, tailGap: NO_TAIL_GAP };
  const verdict = adjudicateReport(crypto, { record, header, opening }, values);
  const isOfValues = ({ id }: Check): boolean => id !== 'own-choice' && id !== 'tail-place';
  return {
    replyId,
    recordBytes,
    isSignedByCheat: verifyHybrid(crypto, { publicKey, message: recordBytes, signature }),
    stage1: replay.checks,
    stage2: { ...verdict, checks: verdict.checks.filter(isOfValues) },
  };
}
