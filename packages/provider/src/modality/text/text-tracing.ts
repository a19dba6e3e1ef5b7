import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, expandRuns, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { Tracing } from '../modality.ts';
import { parseEndpointName, parseModelRequest } from './model-request.ts';
import { parseScoreJob } from './score-text.ts';
import { assertTracedRequest, parseTracedRecord, traceClaim } from './trace-claim.ts';

export const textTracing: Tracing<TextEngine> = {
  openJob(message, { record, position }, means) {
    const { crypto, engine } = means;
    assertTracedRequest(crypto, parseTracedRecord(engine, { record, position }), message);
    const job = parseScoreJob(message, crypto);
    return {
      outputs: job.outputTokens.length,
      trace: (signal) => traceClaim({ ...job, record, position }, { ...means, signal }),
    };
  },
  async openReply(message, findOpening, means) {
    const { crypto, engine } = means;
    const record = parseTracedRecord(engine, message);
    const kept = await findOpening(record.replyId);
    if (kept === undefined) throw new Refusal('not-found', 'no opening of this reply is kept here');
    const opening = parseOpening(kept.bytes);
    if (!equalBytes(computeCommitment(crypto, opening).root, record.commitRoot)) {
      throw new Refusal('invalid', 'the record commits to another reply than the one that was served here');
    }
    // The blind of the kept opening follows from the exact body, so another body is refused before it is parsed.
    const { answer } = computeBlinds(crypto, { body: message.request, replyId: record.replyId });
    if (!equalBytes(answer, opening.blind)) throw new Refusal('invalid', 'the record is about another request');
    assertTracedRequest(crypto, record, message);
    const header = parseHeader(opening.header);
    if (header.pictures.length > 0) throw new Refusal('unsupported', 'a reply about pictures is not traced');
    const windows = opening.windows.map(({ draws }) => decodeDraws(draws, header));
    const rows = windows.flatMap((window) => window.rows);
    const claim = {
      record: message.record,
      header,
      request: parseModelRequest(message.request, parseEndpointName(message.endpoint), header.promptDay),
      body: message.request,
      outputTokens: Uint32Array.from(rows, tokenOf),
      listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
      shapeClasses: Uint8Array.from(windows.flatMap(({ runs }) => expandRuns(runs))),
      bankSeed: header.sketchBankSeed,
      position: message.position,
    };
    return { outputs: rows.length, trace: (signal) => traceClaim(claim, { ...means, signal }) };
  },
};
