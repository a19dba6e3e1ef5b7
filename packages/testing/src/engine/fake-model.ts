import type {
  BatchModel,
  EdgeContext,
  LocalContext,
  LocalModel,
  PushRows,
  TraceContext,
} from '@ogong/engine/decode/batch-model';
import { createPictureRows, FIRST_PICTURE_ROW, type PictureRows } from '@ogong/engine/decode/picture-rows';
import { EngineError } from '@ogong/engine/interface/engine-error';
import {
  isNearEdge,
  isShapeClass,
  NARROW,
  type ShapeClass,
  SINGLE,
  WIDE,
} from '@ogong/protocol/modality/text/commitment/shape-classes';
import { createLayeredContext } from './fake-layered-context.ts';
import { gaussian, mix } from './fake-numbers.ts';

export interface FakeModelOptions {
  /** Tokens 0..2 are special (unknown, begin, end), 3..258 the bytes; the rest are short words. At least 259. */
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  readonly contextSize: number;
  /** Another number makes another model: other logits, another root. */
  readonly weights: number;
  /** Added to one logit in a thousand: a similar model. */
  readonly error?: number;
  /** Blocks of the model. Default: FAKE_LAYERS. */
  readonly layers?: number;
  /**
   * True: each row goes through all blocks, so it is the same in a chain of segments (fake-layered-segment.ts). Such a model has no
   * pictures, no shape classes and no faults. Default: logits and hidden states are hashes of the tokens.
   */
  readonly isLayered?: boolean;
  /** The first block with a wrong result. Logits and hidden states then differ too. */
  readonly brokenLayer?: number;
  /** False: a model that cannot be traced. */
  readonly canTrace?: boolean;
  /** True: passes have shape classes, which change by position. Every row depends on the classes of all rows before it. */
  readonly shaped?: boolean;
  /** Replaces the fake's own context. Its rows have the same vocabulary and width. */
  readonly createContext?: (sequences: number) => LocalContext;
  /** True: a fault that leaves wrong guesses in the cache. */
  readonly keepsGuesses?: boolean;
  /** Its answer to every chat. Default: its hashes decide. */
  readonly says?: string;
  /** Its answers once a tool has answered. Default: that of `says`. */
  readonly concludes?: string;
  /** True: it reads pictures, of rows as wide as its hidden states. */
  readonly readsPictures?: boolean;
  /** Number of the decode that throws once, from 1. */
  readonly failAtDecode?: number;
}

/** Blocks of a fake model, if its options name no other number. */
export const FAKE_LAYERS = 4;
export const END = 2;
export const BOS = 1;
export const FIRST_BYTE = 3;
/** A word that stands for a row of a picture. */
export const PICTURE = 303;
const FIRST_WORD = 259;
const WORDS = [' the', ' cat', ' sat', ' on', ' a', ' mat', '.', ' and', ' then', ' é', ' 🙂', '\n'];

/** @throws RangeError if the vocabulary is too small. */
export function createFakeModel(options: FakeModelOptions): LocalModel {
  const { vocabularySize, embeddingSize } = options;
  if (vocabularySize < FIRST_WORD) throw new RangeError(`a fake vocabulary has at least ${FIRST_WORD} tokens`);
  let decodes = 0;
  const onDecode = () => {
    decodes++;
    if (decodes === options.failAtDecode)
      throw new EngineError('engine-crashed', 'the fake model failed to order', { retryable: true });
  };
  const pictures = options.readsPictures ? createPictureRows({ token: PICTURE, embeddingSize }) : undefined;
  const open = (sequences: number): TraceContext & EdgeContext =>
    options.isLayered
      ? createLayeredContext({ ...options, layers: options.layers ?? FAKE_LAYERS }, sequences, { onDecode, priorOf })
      : createFakeContext(options, sequences, { onDecode, pictures });
  return {
    vocabularySize,
    embeddingSize,
    pictures,
    isEnd: (token) => token === END,
    bytesOf: spellToken,
    createContext: ({ sequences }) => options.createContext?.(sequences) ?? open(sequences),
    ...(options.canTrace === false ? {} : { createTraceContext: () => open(1), createEdgeContext: () => open(1) }),
    free: () => undefined,
  };
}

/** Bytes of a token's text. */
export function spellToken(token: number): Uint8Array {
  if (token < FIRST_BYTE) return new Uint8Array(0);
  if (token < FIRST_WORD) return Uint8Array.of(token - FIRST_BYTE);
  return Buffer.from(WORDS[(token - FIRST_WORD) % WORDS.length] as string, 'utf8');
}

/** A model whose passes are promises: each waits, and then runs, even if the wait fails. */
export const delayPasses = (model: LocalModel, wait: () => Promise<void>): BatchModel => ({
  ...model,
  createContext(options) {
    const context = model.createContext(options);
    const decode = async (outputs: boolean): Promise<void> => {
      try {
        await wait();
      } finally {
        // A part of a pass that fails may have run.
        context.decode(outputs);
      }
    };
    return { ...context, decode };
  },
});

/** Difference between shape classes in logits and hidden states: seldom visible in draws, always in commitments. */
const SHAPE_DRIFT = 1e-4;

/** Running 32-bit hashes after a row: of the tokens so far, and of their shape classes. */
interface RowState {
  readonly tokens: number;
  readonly shapes: number;
  /** The text's last characters, as many as the end of a tool's answer has. */
  readonly end: string;
  /** Whether a tool has answered. */
  readonly isAnswered: boolean;
  /** Bytes of the answer that are still to come; undefined if the hashes decide. */
  readonly script: Uint8Array | undefined;
}

const PROMPT_END = 'assistant:';
const ANSWER_END = '</tool_response>';
/** Far above every other logit. */
const SURE = 60;

/** Logits and hidden states are hashes of the tokens so far, with a small drift that also depends on the shape classes. */
function createFakeContext(
  options: FakeModelOptions,
  sequences: number,
  { onDecode, pictures }: { readonly onDecode: () => void; readonly pictures: PictureRows | undefined },
): TraceContext & EdgeContext {
  const { vocabularySize, embeddingSize, contextSize, weights, layers = FAKE_LAYERS, brokenLayer } = options;
  const isShaped = options.shaped === true;
  const batchSize = 64;
  /** By sequence: the state after each of its rows. */
  const states = new Map<number, RowState[]>();
  let rows: { token: number; position: number; sequence: number; asked: ShapeClass | undefined }[] = [];
  /** For every added row: its index, and the number of guesses after it. */
  let added: { row: number; guesses: number }[] = [];
  /** The shape of every row of the last decode. */
  let shapes: number[] = [];
  let decoded: typeof added = [];
  let logits = new Float32Array(0);
  let hidden = new Float32Array(0);
  let first: RowState = { tokens: 0, shapes: 0, end: '', isAnswered: false, script: undefined };
  const { says, concludes = says } = options;
  const scriptAt = ({ end, isAnswered }: Pick<RowState, 'end' | 'isAnswered'>): Uint8Array | undefined => {
    const text = end.endsWith(PROMPT_END) ? (isAnswered ? concludes : says) : undefined;
    return text === undefined ? undefined : Buffer.from(text, 'utf8');
  };
  const hiddenOf = (state: number) =>
    Float32Array.from({ length: embeddingSize }, (_, d) => gaussian(mix(state, 0x51ed0000 + d)));
  /** The row behind so many layers. */
  const rowBehind = (edge: number, { tokens, shapes }: RowState): Float32Array => {
    const isBroken = brokenLayer !== undefined && edge > brokenLayer;
    return hiddenOf(mix(isShaped ? mix(tokens, shapes) : tokens, (isBroken ? 0x77000000 : 0x33000000) + edge));
  };
  let edges: readonly number[] = [];
  let push: PushRows = () => undefined;
  return {
    contextSize,
    sequences,
    batchSize,
    promptShape: isShaped ? WIDE : 0,
    leastPromptRows: 0,
    passRows: (shapeClass) =>
      !isShaped ? batchSize : shapeClass === SINGLE ? 1 : shapeClass === NARROW ? 8 : batchSize,
    add(token, position, sequence, shapeClass) {
      const isPicture = pictures !== undefined && token >= FIRST_PICTURE_ROW;
      if (
        (!isPicture && token >= vocabularySize) ||
        position >= contextSize ||
        sequence >= sequences ||
        rows.length >= batchSize
      ) {
        throw new RangeError(`row out of bounds: token ${token}, position ${position}, sequence ${sequence}`);
      }
      added.push({ row: rows.length, guesses: 0 });
      const read = isPicture ? hashRow(pictures.rowOf(token)) : token;
      rows.push({ token: read, position, sequence, asked: isShapeClass(shapeClass) ? shapeClass : undefined });
    },
    guess(guesses, count) {
      const { position, sequence } = rows.at(-1) as (typeof rows)[number];
      // Room for every sequence's own row comes first.
      const most = Math.max(0, Math.min(count, batchSize - sequences - rows.length));
      let ran = 0;
      // A guess is left out if its row alone would have another class.
      for (; ran < most && (!isShaped || shapeAt(position + 1 + ran) === shapeAt(position)); ran++)
        rows.push({ token: guesses[ran] as number, position: position + 1 + ran, sequence, asked: undefined });
      (added.at(-1) as (typeof added)[number]).guesses = ran;
    },
    guessesRun: (index) => decoded[index]?.guesses ?? 0,
    decode(outputs) {
      const batch = rows;
      rows = [];
      [decoded, added] = [added, []];
      onDecode();
      logits = new Float32Array(outputs ? batch.length * vocabularySize : 0);
      hidden = new Float32Array(outputs ? batch.length * embeddingSize : 0);
      shapes = batch.map(({ position, asked }) => (isShaped ? (asked ?? (outputs ? shapeAt(position) : WIDE)) : 0));
      batch.forEach(({ token, position, sequence }, row) => {
        const before = states.get(sequence) ?? [];
        if (before.length !== position)
          throw new EngineError('engine-crashed', `position ${position} does not follow ${before.length}`);
        const last = before.at(-1);
        const state: RowState = {
          tokens: mix(last?.tokens ?? mix(weights, 0x9e3779b9), token + 1),
          shapes: mix(last?.shapes ?? 0, shapes[row] as number),
          ...followScript(last, token, scriptAt),
        };
        before.push(state);
        states.set(sequence, before);
        if (row === 0) first = state;
        for (const edge of edges) push(edge, rowBehind(edge, state));
        if (!outputs) return;
        const { tokens } = state;
        const drift = (at: number) => (isShaped ? SHAPE_DRIFT * gaussian(mix(mix(tokens, state.shapes), at)) : 0);
        for (let id = 0; id < vocabularySize; id++) {
          const shift = brokenLayer === undefined ? 0 : 0.1 * gaussian(mix(tokens, id + 0x77000000));
          const sure = id === nextOf(state) ? SURE : 0;
          logits[row * vocabularySize + id] = fakeLogit(tokens, id, options.error ?? 0) + shift + drift(id) + sure;
        }
        const own = hiddenOf(brokenLayer === undefined ? tokens : mix(tokens, brokenLayer));
        hidden.set(
          own.map((value, d) => value + drift(vocabularySize + d)),
          row * embeddingSize,
        );
      });
    },
    outputRow: (index) => decoded[index]?.row ?? 0,
    shapeOf: (index) => shapes[decoded[index]?.row ?? 0] as number,
    logits: () => logits,
    hidden: () => hidden,
    layerRows: () => Array.from({ length: layers + 1 }, (_, stage) => rowBehind(stage, first)),
    watch(next, nextPush) {
      edges = next;
      push = nextPush;
    },
    remove(sequence, from = 0, to) {
      if (to !== undefined)
        throw new RangeError('every state of the fake holds all before it: the first go with the last');
      if (from === 0 || options.keepsGuesses !== true) states.get(sequence)?.splice(from);
    },
    free: () => states.clear(),
  };
}

/** Returns the answer's next token after a row; undefined if the hashes decide. */
const nextOf = ({ script }: RowState): number | undefined =>
  script && (script.length > 0 ? FIRST_BYTE + (script[0] as number) : END);

/** @param scriptAt returns the answer that begins after these characters. */
function followScript(
  last: RowState | undefined,
  token: number,
  scriptAt: (text: Pick<RowState, 'end' | 'isAnswered'>) => Uint8Array | undefined,
): Pick<RowState, 'end' | 'isAnswered' | 'script'> {
  const end = ((last?.end ?? '') + String.fromCharCode(token - FIRST_BYTE)).slice(-ANSWER_END.length);
  const text = { end, isAnswered: last?.isAnswered || end === ANSWER_END };
  const follows = last && token === nextOf(last);
  return { ...text, script: scriptAt(text) ?? (follows ? last.script?.subarray(1) : undefined) };
}

/** Four positions in one class, four in the other. */
const shapeAt = (position: number): ShapeClass => (isNearEdge(position) || (position >> 2) % 2 === 0 ? WIDE : NARROW);

function fakeLogit(state: number, id: number, error: number): number {
  const prior = priorOf(id);
  if (id < END) return prior;
  const noise = mix(state, id);
  return Math.fround(prior + 2 * gaussian(noise) + (noise % 1000 === 0 ? error : 0));
}

/** Words are likelier than bytes and the end is rare, so that replies have some length and look like text. */
export function priorOf(id: number): number {
  if (id < END) return -30;
  return id >= FIRST_WORD ? 2 : id === END ? -2 : -4;
}

const hashRow = (row: Float32Array): number =>
  new Uint32Array(row.buffer, row.byteOffset, row.length).reduce((hash, bits) => mix(hash, bits), 1);
