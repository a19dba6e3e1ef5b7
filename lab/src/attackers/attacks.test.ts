import type { TextEngine } from '@ogong/engine/interface/text';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { isOk } from '@ogong/protocol/base/checks';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeCommitment, encodeOpening, type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import type { RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { encodeHeader, type Header, hashTokens, NO_GRAMMAR } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import {
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  type ScoreReport,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { createAttack } from './create-attack.ts';
import { createTamperAttackOf, type TamperTarget } from './tamper.ts';

/** The model that is sold, and one that stands for a cheaper quantisation of it: same vocabulary, another distribution. */
const engine = createFakeEngine({ weights: 1 });
const cheapEngine = createFakeEngine({ weights: 2 });
const verifier = createFakeEngine({ weights: 1 });
afterAll(() => Promise.all([engine, cheapEngine, verifier].map((each) => each.close())));

/** Of no request. */
const BLIND = new Uint8Array(32).fill(0xb2);
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

interface Served {
  readonly record: RecordV2;
  readonly header: Header;
  readonly opening: Opening;
  readonly openingBytes: Uint8Array;
  readonly streamed: string;
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
}

/** Does with an engine what the provider role does, without a link. */
async function serve(provider: TextEngine, nonce = 11): Promise<Served> {
  const body = utf8Encode(
    '{"model":"ogong/verified/test/fake","messages":[{"role":"user","content":"Hi"}],"max_tokens":48}',
  );
  const asked = parseRequest(body, 'chat');
  const requestHash = hashReadRequest(crypto, asked, body);
  const info = provider.info();
  const drawKey: DrawKeyInputs = {
    mode: 'nonce',
    nonce: fill(nonce),
    requestHash,
    replyId: fill(2, 16),
    providerId: fill(3),
    epoch: 4n,
    beacon: fill(5),
  };
  const bankSeed = computeBankSeed(crypto, info.modelRoot, fill(6));
  const windows: WindowBytes[] = [];
  let streamed = '';
  let promptTokens = new Uint32Array(0);
  const events = provider.generate({
    prompt: { kind: 'chat', messages: asked.messages },
    sampler: asked.sampler,
    bias: asked.bias,
    drawKey: computeDrawKey(crypto, drawKey),
    maxTokens: asked.maxTokens,
    stop: [],
    sketch: { bankSeed, directions: DEFAULT_DIRECTIONS },
    topLogprobs: 0,
  });
  for await (const event of events) {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'token') streamed += event.text;
    else {
      const header: Header = {
        orderHash: new Uint8Array(32),
        endpoint: 'chat',
        tier: 'verified',
        method: 'draw-replay',
        numericClass: info.numericClass,
        vocabularyHash: info.vocabularyHash,
        vocabularySize: info.vocabularySize,
        embeddingSize: info.embeddingSize,
        sketchDirections: DEFAULT_DIRECTIONS,
        sketchBankSeed: bankSeed,
        sampler: asked.sampler,
        bias: asked.bias,
        drawKey,
        choice: 0,
        maxTokens: asked.maxTokens,
        promptDay: 0,
        pictures: [],
        boundaries: [],
        thinking: asked.thinking,
        promptTokensHash: hashTokens(crypto, BLIND, promptTokens),
        promptTokenCount: promptTokens.length,
        answerFormat: info.answerFormat,
        grammarHash: NO_GRAMMAR,
        outputTokensHash: hashTokens(crypto, BLIND, event.outputTokens),
        outputTokenCount: event.outputTokens.length,
        stopReason: event.stopReason,
        parts: [],
        payee: fill(7, 20),
      };
      const opening = { blind: BLIND, header: encodeHeader(header), windows };
      streamed += event.text.slice(streamed.length);
      const record: RecordV2 = {
        replyId: drawKey.replyId,
        requestHash,
        responseHash: hashResponse(crypto, BLIND, utf8Encode(event.text)),
        modelRoot: info.modelRoot,
        commitRoot: computeCommitment(crypto, opening).root,
        tokenCount: event.outputTokens.length,
        startNs: 1n,
        endNs: 2n,
      };
      return {
        record,
        header,
        opening,
        openingBytes: encodeOpening(opening),
        streamed,
        promptTokens,
        outputTokens: event.outputTokens,
      };
    }
  }
  throw new Error('the engine ended without an answer');
}

const failedOf = ({ record, opening }: Pick<Served, 'record' | 'opening'>): string[] =>
  replayReply(crypto, record, opening)
    .checks.filter(({ status }) => status === 'fail')
    .map(({ id }) => id);

/** Stage 2 alone, by a verifier with the true model. */
async function score({ record, header, opening, promptTokens, outputTokens }: Served) {
  const { rows, tailDraws } = replayReply(crypto, record, opening);
  const result = await verifier.score({
    promptTokens,
    outputTokens,
    sampler: header.sampler,
    bias: header.bias,
    sketch: { bankSeed: header.sketchBankSeed, directions: header.sketchDirections },
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    tailDraws,
    numericClass: header.numericClass,
  });
  const report: ScoreReport = {
    jobId: fill(8, 16),
    modelRoot: record.modelRoot,
    numericClass: result.numericClass,
    exact: result.exact,
    promptTokensHash: header.promptTokensHash,
    promptTokenCount: promptTokens.length,
    vocabularyHash: header.vocabularyHash,
    responseHash: hashResponse(
      crypto,
      BLIND,
      utf8Encode(renderReply(await verifier.detokenize(outputTokens), [], header.stopReason)),
    ),
    firstStopToken: header.stopReason === 'stop-token' ? outputTokens.length - 1 : NO_STOP_TOKEN,
    firstOtherChoice: result.firstOtherChoice < 0 ? NO_OTHER_CHOICE : result.firstOtherChoice,
    tailGap: result.tailGap ?? NO_TAIL_GAP,
    contextSize: engine.info().contextSize,
    elapsedMs: 1,
    pictureDistance: 0,
    windows: result.windows,
    edges: [],
  };
  return adjudicateReport(crypto, { record, header, opening }, report);
}

describe('an honest provider', () => {
  it('passes both stages', async () => {
    const served = await serve(engine);
    expect(failedOf(served)).toEqual([]);
    expect((await score(served)).outcome).toBe('accept');
  });
});

describe('the pre-fill attack', () => {
  it("has values that equal the verifier's bit for bit, and draws that stage 1 rejects", async () => {
    const attack = createAttack('prefill', { engine, cheapEngine });
    const served = await serve(attack.engine);
    const values = await score(served);
    expect(values.comparison?.identical).toBe(true);
    // Stage 2 sees only one thing: unlisted tokens that the cheap model drew.
    expect(values.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['own-choice']);
    expect(failedOf(served)).toEqual(['draw-replay']);
  });

  it('claims the model that is sold', () => {
    const attack = createAttack('prefill', { engine, cheapEngine });
    expect(attack.engine.info()).toEqual(engine.info());
  });

  it('needs the cheaper model', () => {
    expect(() => createAttack('prefill', { engine })).toThrow(/cheaper model/);
  });
});

describe('plain substitution', () => {
  it('passes the replay of its draws, and is rejected by stage 2', async () => {
    const attack = createAttack('substitute', { engine, cheapEngine });
    const served = await serve(attack.engine);
    expect(isOk(replayReply(crypto, served.record, served.opening).checks)).toBe(true);
    const verdict = await score(served);
    expect(verdict.outcome).toBe('reject');
    expect(verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['equality']);
  });
});

describe('tampering', () => {
  const tamper = (target: TamperTarget) => createTamperAttackOf({ targets: [target] })({ engine });

  it('with the answer before signing: its tokens spell another answer', async () => {
    const served = await serve(tamper('text').engine);
    expect(failedOf(served)).toEqual([]);
    expect(hashResponse(crypto, BLIND, utf8Encode(served.streamed))).toEqual(served.record.responseHash);
    const verdict = await score(served);
    expect(verdict.outcome).toBe('reject');
    expect(verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['response-text']);
  });

  it('with the answer after signing: the consumer gets another text than the signed one', async () => {
    const served = await serve(tamper('response').engine);
    expect(failedOf(served)).toEqual([]);
    expect(hashResponse(crypto, BLIND, utf8Encode(served.streamed))).not.toEqual(served.record.responseHash);
  });

  it('with a leaf after signing: it does not hash to the signed root', async () => {
    const attack = tamper('leaf');
    const served = await serve(attack.engine);
    const opened = attack.openOpening?.(served.openingBytes) as Uint8Array;
    expect(failedOf({ ...served, opening: parseOpening(opened) })).toEqual(['commitment-root']);
    // The same bytes each time, or two validators that ask would disagree.
    expect(attack.openOpening?.(served.openingBytes)).toEqual(opened);
  });

  it('with a byte before signing: the draws no longer replay, or cannot be read, unless the byte decides no draw', async () => {
    const nonces = [11, 12, 13, 14, 15, 16];
    const served = await Promise.all(nonces.map((nonce) => serve(tamper('committed').engine, nonce)));
    const failed = served.map(failedOf);
    // A second run decides the values that decide no draw.
    const caught = failed.flatMap(([first]) => first ?? []);
    expect(caught).not.toEqual([]);
    for (const id of caught) expect(['draw-replay', 'listing', 'commitment-form', 'token-count']).toContain(id);
    expect(failed.flat()).not.toContain('commitment-root');
  });

  it('changes only the openings that it marked', async () => {
    const attack = tamper('leaf');
    const { openingBytes } = await serve(engine);
    expect(attack.openOpening?.(openingBytes)).toBe(openingBytes);
  });
});

describe('withholding', () => {
  it('serves an honest reply, and opens nothing', async () => {
    const attack = createAttack('withhold', { engine });
    const served = await serve(attack.engine);
    expect(failedOf(served)).toEqual([]);
    expect(() => attack.openOpening?.(served.openingBytes)).toThrow(/withheld/);
  });
});
