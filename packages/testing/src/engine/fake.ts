import type { BatchModel } from '@ogong/engine/decode/batch-model';
import { createModelDrafter } from '@ogong/engine/decode/model-drafter';
import { nativeHash } from '@ogong/engine/decode/native-hash';
import { refuseFill } from '@ogong/engine/decode/text/fill-prompt';
import { moveToolPictures } from '@ogong/engine/decode/text/tool-pictures';
import { writeTools } from '@ogong/engine/decode/text/tool-text';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, UpstreamRows } from '@ogong/engine/interface/segment';
import {
  FULL_CAPABILITIES,
  type Prompt,
  type TemplateThinking,
  type TextEngine,
  type TextEngineInfo,
  type TextGenerationEvent,
} from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { createChainedModel } from '@ogong/engine/llama-cpp/segment/chained-model';
import { createRequestPort } from '@ogong/engine/process/request-port';
import { createTextHost } from '@ogong/engine/process/text-host';
import type { TextCall, TextCallResults } from '@ogong/engine/process/text-messages';
import { type AnswerFormat, DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { NO_WISH } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import {
  BOS,
  createFakeModel,
  delayPasses,
  END,
  FAKE_LAYERS,
  type FakeModelOptions,
  FIRST_BYTE,
  PICTURE,
  spellToken,
} from './fake-model.ts';

export interface FakeEngineOptions extends Partial<FakeModelOptions> {
  readonly sequences?: number;
  /** Replies that a pass scores. Default: 1. */
  readonly scoresTogether?: number;
  readonly maxQueue?: number;
  /** False: an engine that declares itself inexact. */
  readonly exact?: boolean;
  /** True: the class sums its vocabulary in lanes. */
  readonly lanes?: boolean;
  /** Pause before every decode step. */
  readonly stepMs?: number;
  /** Tokens that a step may guess ahead. Default: 0. */
  readonly drafts?: number;
  /** True: a fake draft model guesses. Default: guesses follow repetitions of the text. */
  readonly draftModel?: Partial<FakeModelOptions>;
  /** Default: that of a model without a template. */
  readonly answerFormat?: AnswerFormat;
  /** Default: no template. */
  readonly thinking?: TemplateThinking;
  /** Whether its template refuses messages, so that another text writes them. Default: no. */
  readonly refusesMessages?: boolean;
  /** True: it also writes the text between two texts. */
  readonly fills?: boolean;
  /** Relative error of the rows of its encoder. Default: 0. */
  readonly encoderError?: number;
  /** False: no prefix cache. */
  readonly prefixCache?: boolean;
  /** Each pass waits for it, as one does that other processes compute. Default: passes wait for nothing. */
  readonly beforePass?: () => Promise<void>;
  /** Groups of sequences whose passes may be under way at the same time. Default: 1. */
  readonly groups?: number;
  /** Segments that compute the passes, of a layered model. There are no traces then. */
  readonly chain?: FakeChain;
}

export interface FakeChain {
  /** It has one sequence more than the engine, in which replies run again. */
  readonly last: SegmentEngine;
  readonly before: UpstreamRows;
}

/** Numeric class of the exact fake engine, and of segments of its model. */
export const FAKE_EXACT_CLASS = 'fake-1/js/f64/exact/hash/kv-none';

function nameClass({ exact, shaped, lanes }: FakeEngineOptions): string {
  const logits =
    exact === false || shaped ? `fake-1/js/f64/${shaped ? 'shaped' : 'fast'}/hash/kv-none` : FAKE_EXACT_CLASS;
  return lanes ? `${logits}/lanes` : logits;
}

/** Marks around the two texts: words that occur in no text. */
const [PREFIX, SUFFIX, MIDDLE] = [300, 301, 302];

/** Rows of a picture: hashes of its file. */
function encodePicture(
  file: Uint8Array,
  { embeddingSize, error }: { readonly embeddingSize: number; readonly error: number },
): EncodedPicture {
  if (file.length < 4) throw new EngineError('invalid-request', 'the file is no picture');
  const rows = Float32Array.from({ length: FAKE_PICTURE_ROWS * embeddingSize }, (_, i) => {
    const hash = nativeHash.sha256(file, Uint8Array.of(i >> 8, i));
    return ((hash[0] as number) / 128 - 1) * (1 + (i % 2 === 0 ? error : -error));
  });
  return { pieces: [FAKE_PICTURE_ROWS], rows };
}

/** Rows of every picture. */
const FAKE_PICTURE_ROWS = 3;

/**
 * A tiny language model made of hashes, behind the same scheduler, capture and scorer as the real one: fast, exact, with faults
 * on request. For tests and simulations.
 */
export function createFakeEngine(options: FakeEngineOptions = {}): TextEngine {
  const vocabularySize = options.vocabularySize ?? 320;
  const embeddingSize = options.embeddingSize ?? 32;
  const contextSize = options.contextSize ?? 256;
  const sequences = options.sequences ?? 8;
  const weights = options.weights ?? 1;
  const exact = options.exact !== false;
  const shape = { vocabularySize, embeddingSize, contextSize, weights, layers: options.layers ?? FAKE_LAYERS };
  const model = openModel({ ...options, ...shape }, sequences);
  const openDrafter = (drafting: FakeModelOptions) => {
    const guessing = createFakeModel(drafting);
    const context = guessing.createContext({ purpose: 'serve', sequences });
    return createModelDrafter({ model: guessing, context, most: options.drafts ?? 0 });
  };
  const info: TextEngineInfo = {
    modelRoot: nativeHash.sha256(Buffer.from(`ogong-fake-model-${weights}`)),
    vocabularyHash: nativeHash.sha256(Buffer.from(`ogong-fake-vocabulary-${vocabularySize}`)),
    vocabularySize,
    stopTokens: Uint32Array.of(END),
    embeddingSize,
    ...(options.readsPictures && { pictureToken: PICTURE }),
    contextSize,
    sequences,
    ...(options.scoresTogether !== undefined && { scoresTogether: options.scoresTogether }),
    numericClass: nameClass(options),
    ...(options.canTrace !== false && options.chain === undefined && { layers: options.layers ?? FAKE_LAYERS }),
    ...(options.shaped ? { shapes: 'mixed' } : {}),
    exact,
    weightType: 'hash',
    hasChatTemplate: true,
    answerFormat: options.answerFormat ?? DEFAULT_FORMAT,
    ...(options.thinking && { thinking: options.thinking }),
    capabilities: { ...FULL_CAPABILITIES, exact, trace: options.canTrace !== false && options.chain === undefined },
  };
  const tokenizePrompt = (prompt: Prompt): Uint32Array => {
    if (prompt.kind === 'tokens') return prompt.tokens;
    const spell = (text: string): number[] => Array.from(Buffer.from(text, 'utf8'), (byte) => byte + FIRST_BYTE);
    const writePiece = (piece: string | number) =>
      typeof piece === 'string' ? spell(piece) : Array.from({ length: piece }, () => PICTURE);
    if (prompt.kind === 'text') return Uint32Array.of(BOS, ...spell(prompt.text));
    if (prompt.kind === 'fill') {
      if (!options.fills) throw refuseFill();
      const { prefix, suffix } = prompt;
      return Uint32Array.of(BOS, PREFIX, ...spell(prefix), SUFFIX, ...spell(suffix), MIDDLE);
    }
    const { wanted } = prompt.thinking ?? NO_WISH;
    const wish = wanted === 'unsaid' ? '' : `think: ${wanted}\n`;
    const pictures = [...(prompt.pictures ?? [])];
    const lines = writeTools(moveToolPictures(prompt.messages), prompt.tools ?? []).flatMap(
      ({ role, content, parts }) => [
        ...spell(`${role}: `),
        ...(parts ?? [{ text: content }]).flatMap((part) =>
          'text' in part ? spell(part.text) : (pictures.shift()?.pieces ?? []).flatMap(writePiece),
        ),
        ...spell('\n'),
      ],
    );
    return Uint32Array.of(BOS, ...spell(wish), ...lines, ...spell('assistant:'));
  };

  const port = createRequestPort();
  let closed = false;
  const host = createTextHost({
    model,
    info,
    promptChunk: 16,
    maxQueue: options.maxQueue ?? 4 * sequences,
    maxDrafts: options.drafts ?? 0,
    drafter: options.draftModel && openDrafter({ ...shape, ...options.draftModel }),
    prefixCache: options.prefixCache,
    groups: options.groups,
    tokenizePrompt,
    usesTemplate: () => options.refusesMessages !== true,
    stepDelayMs: options.stepMs ?? 0,
    send: (message) => port.receive(message),
  });
  const assertOpen = () => {
    if (closed) throw new EngineError('engine-closed', 'the engine is closed');
  };
  const call = <K extends TextCall['kind']>(
    request: Extract<TextCall, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<TextCallResults[K]> =>
    port.call((id) => host.call(id, request), { signal, cancel: (id) => host.cancel(id) }) as Promise<
      TextCallResults[K]
    >;

  return {
    specificationVersion: 'text-v1',
    info: () => info,
    async *generate(request, { signal } = {}): AsyncGenerator<TextGenerationEvent> {
      assertOpen();
      yield* port.stream(() => ({ post: (id) => host.generate(id, request), cancel: (id) => host.cancel(id) }), signal);
    },
    async score(request, { signal } = {}) {
      assertOpen();
      return call({ kind: 'score', request }, signal);
    },
    async trace(request, { signal } = {}) {
      assertOpen();
      return call({ kind: 'trace', request }, signal);
    },
    async tokenizePrompt(prompt) {
      assertOpen();
      return call({ kind: 'tokenize', prompt });
    },
    async usesTemplate(prompt) {
      assertOpen();
      return call({ kind: 'template', prompt });
    },
    async encodePicture(file) {
      assertOpen();
      if (!options.readsPictures) throw new EngineError('unsupported-model', 'this fake reads no pictures');
      return encodePicture(file, { embeddingSize, error: options.encoderError ?? 0 });
    },
    ...(options.readsPictures && {
      async measurePicture(file: Uint8Array) {
        return encodePicture(file, { embeddingSize, error: 0 }).pieces;
      },
    }),
    async detokenize(tokens) {
      assertOpen();
      return call({ kind: 'detokenize', tokens });
    },
    async close() {
      if (closed) return;
      closed = true;
      port.failAll(new EngineError('engine-closed', 'the engine was closed'));
      host.close();
    },
  };
}

function openModel(options: FakeEngineOptions & FakeModelOptions, sequences: number): BatchModel {
  const { chain, vocabularySize: size, beforePass } = options;
  if (chain !== undefined) {
    const vocabulary = { size, bos: END, isEnd: (token: number) => token === END, bytesOf: spellToken };
    const last = { segment: chain.last, kernels: 'exact' as const, vocabulary };
    return createChainedModel({ last, before: chain.before, sequences });
  }
  const local = createFakeModel(options);
  return beforePass === undefined ? local : delayPasses(local, beforePass);
}
