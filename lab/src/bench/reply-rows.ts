import { createHash } from 'node:crypto';
import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeCommitment, encodeOpening, type Opening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import {
  encodeHeader,
  type Header,
  hashTokens,
  NO_GRAMMAR,
  parseHeader,
} from '@ogong/protocol/modality/text/commitment/header';
import { NO_WISH } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { compareWindows } from '@ogong/protocol/modality/text/stage2/compare';
import { drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { closeWindows, openWindows } from '../attackers/draws/windows.ts';
import { measureBusy } from './busy-time.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

export interface BenchReply {
  readonly record: RecordV2;
  readonly opening: Opening;
  readonly tokens: number;
  readonly openingBytes: number;
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

/** One committed reply of a real model, made as a provider makes it, without a network. */
export async function generateReply(engine: TextEngine, prompt: string, maxTokens: number): Promise<BenchReply> {
  const info = engine.info();
  const body = { model: 'ogong/verified/bench/m', prompt, temperature: 0.8, top_p: 0.95, max_tokens: maxTokens };
  const request = parseRequest(new TextEncoder().encode(JSON.stringify(body)), 'completion');
  const drawKey: DrawKeyInputs = {
    mode: 'nonce',
    nonce: sha256(`nonce ${prompt}`),
    requestHash: sha256(prompt),
    replyId: sha256(prompt).subarray(0, 16),
    providerId: sha256('provider'),
    epoch: 1n,
    beacon: sha256('beacon'),
  };
  const sketch = { bankSeed: sha256('bank'), directions: 16 };
  const windows: WindowBytes[] = [];
  let promptTokens = new Uint32Array(0);
  let header: Header | undefined;
  let text = '';
  for await (const event of engine.generate({
    prompt: { kind: 'text', text: prompt },
    sampler: request.sampler,
    bias: [],
    drawKey: computeDrawKey(nodeCrypto, drawKey),
    maxTokens,
    stop: [],
    sketch,
    topLogprobs: 0,
  })) {
    if (event.kind === 'start') promptTokens = event.promptTokens as Uint32Array<ArrayBuffer>;
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'end') {
      text = event.text;
      header = {
        orderHash: new Uint8Array(32).fill(5),
        endpoint: 'completion',
        tier: 'verified',
        method: 'draw-replay',
        numericClass: info.numericClass,
        vocabularyHash: info.vocabularyHash,
        vocabularySize: info.vocabularySize,
        embeddingSize: info.embeddingSize,
        sketchDirections: sketch.directions,
        sketchBankSeed: sketch.bankSeed,
        sampler: request.sampler,
        bias: [],
        drawKey,
        choice: 0,
        maxTokens,
        promptDay: 0,
        pictures: [],
        boundaries: [],
        thinking: NO_WISH,
        promptTokensHash: hashTokens(nodeCrypto, BLIND, promptTokens),
        promptTokenCount: promptTokens.length,
        answerFormat: info.answerFormat,
        grammarHash: NO_GRAMMAR,
        outputTokensHash: hashTokens(nodeCrypto, BLIND, event.outputTokens),
        outputTokenCount: event.outputTokens.length,
        stopReason: event.stopReason,
        parts: [],
        payee: new Uint8Array(20),
      };
    }
  }
  if (header === undefined) throw new Error('the engine ended without an end event');
  const opening = { blind: BLIND, header: encodeHeader(header), windows };
  const record: RecordV2 = {
    replyId: drawKey.replyId,
    requestHash: drawKey.requestHash,
    responseHash: sha256(text),
    modelRoot: info.modelRoot,
    commitRoot: computeCommitment(nodeCrypto, opening).root,
    tokenCount: header.outputTokenCount,
    startNs: 1_700_000_000_000_000_000n,
    endNs: 1_700_000_001_000_000_000n,
  };
  return { record, opening, tokens: header.outputTokenCount, openingBytes: encodeOpening(opening).length };
}

/** Of no request. */
const BLIND = new Uint8Array(32).fill(6);

const PROMPTS = [
  'Once upon a time',
  'The little dragon wanted to',
  'One day, Lily and her brother found a',
  'There was a big red ball',
  'The cat looked at the moon and',
  'In the forest, the animals',
  'Tom was sad because',
  'Mother said that the garden',
];

/** How far the log-probabilities of another class are off, nats. */
const DRIFT = 0.005;

/** The windows of a verifier whose values differ from the provider's, listed in the verifier's order. */
function driftWindows(windows: readonly WindowBytes[], header: Header): WindowBytes[] {
  const random = createSeededRandom(17);
  const positions = openWindows(windows, header, header.sketchDirections).map(({ row, ...rest }) => {
    const moved = Array.from(row.ids, (id, i) => {
      const q = (row.q[i] as number) + Math.round(DRIFT * 65536 * drawNormal(random));
      return { id, q: Math.max(0, q) };
    }).sort((a, b) => a.q - b.q || a.id - b.id);
    const ids = Uint32Array.from(moved, ({ id }) => id);
    const q = Uint32Array.from(moved, (candidate) => candidate.q);
    return { ...rest, row: { ...row, ids, q, rank: ids.indexOf(tokenOf(row)) } };
  });
  return closeWindows(positions, header);
}

/** Repeats in one sample, because thread time is counted in steps of milliseconds. */
const REPEATS = 50;

/** Costs of both stages and opening size over real replies of about 128 tokens. */
export async function measureReplies(engine: TextEngine): Promise<Row[]> {
  const replies = await Promise.all(PROMPTS.map((prompt) => generateReply(engine, prompt, 128)));
  const tokens = replies.reduce((sum, reply) => sum + reply.tokens, 0);
  for (const { record, opening } of replies) {
    const bad = replayReply(nodeCrypto, record, opening).checks.find(({ status }) => status === 'fail');
    if (bad) throw new Error(`bench reply fails stage 1: ${bad.id}: ${bad.detail}`);
  }
  const compared = replies.map(({ opening }) => {
    const header = parseHeader(opening.header);
    return { header, claimed: opening.windows, rerun: driftWindows(opening.windows, header) };
  });
  const perToken = async (run: () => void): Promise<number> => {
    const { ms } = await measureBusy(undefined, () => {
      for (let i = 0; i < REPEATS; i++) run();
    });
    return (1000 * ms) / (REPEATS * tokens);
  };
  const { replay, compare } = await measureInTurn(9, {
    replay: () =>
      perToken(() => {
        for (const { record, opening } of replies) replayReply(nodeCrypto, record, opening);
      }),
    compare: () =>
      perToken(() => {
        for (const { header, claimed, rerun } of compared) compareWindows(nodeCrypto, header, claimed, rerun);
      }),
  });
  const bytes = replies.reduce((sum, reply) => sum + reply.openingBytes, 0) / tokens;
  const signed =
    encodeRecordV2((replies[0] as BenchReply).record).length + HYBRID_PUBLIC_KEY_BYTES + HYBRID_SIGNATURE_BYTES;
  const everything = bytes + (signed * replies.length) / tokens;
  return [
    {
      id: 'stage-1-node',
      what: 'stage 1 replay, Node (all checks: hashes, decoding, listing, draws)',
      value: median(replay),
      unit: 'us/token',
      aim: { at: 'most', value: 3 },
      why: 'in a profile of it, draws and weights of candidates take two fifths, decoding a fifth, and the sums of listed probabilities a tenth',
      next: 'weights of candidates in WebAssembly',
    },
    {
      id: 'compare-node',
      what: 'comparison with a re-run, Node (stage 2 without the model: scores and draw margins)',
      value: median(compare),
      unit: 'us/token',
      aim: { at: 'most', value: 10 },
      note: `${pairedRatio(compare, replay).toFixed(2)} times stage 1; both sides are decoded; costs ${DRIFT} nat apart`,
    },
    {
      id: 'opening-bytes',
      what: `opening bytes per token, replies of ${Math.round(tokens / replies.length)} tokens, vocabulary ${engine.info().vocabularySize}`,
      value: bytes,
      unit: 'B/token',
      aim: { at: 'most', value: 150 },
      note: `header and both parts of every window; ${everything.toFixed(0)} with record, signature and key (${signed} B a reply)`,
    },
  ];
}
