import type { EdgeContext, LocalContext, LocalModel, TraceContext } from '../decode/batch-model.ts';
import { createGridPositions, type RowPosition } from '../decode/grid-positions.ts';
import { createPictureRows, FIRST_PICTURE_ROW, type PictureRows } from '../decode/picture-rows.ts';
import { createSingleRows } from '../decode/single-rows.ts';
import { MAX_TRACED_LAYERS } from '../decode/trace.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { LayerCapture } from './layer-capture.ts';
import type { LlamaContext, LlamaModel, LlamaVocabulary } from './model.ts';
import { isPaddedPath, isTiledPath, type KernelPath, type KvType, SINGLE_ROWS } from './numeric-class.ts';
import type { ShapePolicy } from './pass-shapes.ts';
import { createEdgeRows, type EdgeRows } from './segment/edge-rows.ts';
import { createShapedContext } from './shaped-context.ts';

export interface LlamaBatchModelOptions {
  readonly kernels: KernelPath;
  readonly kvType: KvType;
  /** Type of values. Default: that of keys. */
  readonly valueType?: KvType | undefined;
  readonly flashAttention: boolean;
  readonly kvUnified: boolean;
  readonly contextSize: number;
  readonly threads: number;
  readonly batchSize: number;
  /** Policy of the `shaped` kernels. */
  readonly shapes?: ShapePolicy | undefined;
  /** See TextEngineInfo. The `shaped` kernels take no pictures: their passes are whole. */
  readonly pictureToken?: number | undefined;
  /** Whether pictures lie in grids of positions (M-RoPE). Default: their rows have positions like tokens. */
  readonly hasGrids?: boolean | undefined;
}

/**
 * From this position on, flash attention over a KV cache padded to 512 splits by threads. The default kernels are then exact on
 * one thread only (docs/adr/exact-classes.md).
 */
export const SPLIT_POSITION = 256;

/** llama.cpp as the scheduler sees it: bounded rows, and kernels chosen per pass so that the declared class holds. */
export function createLlamaBatchModel(model: LlamaModel, options: LlamaBatchModelOptions): LocalModel {
  const { vocabulary, embeddingSize } = model;
  const isShaped = options.kernels === 'shaped';
  const { pictureToken } = options;
  const pictures =
    isShaped || pictureToken === undefined ? undefined : createPictureRows({ token: pictureToken, embeddingSize });
  const openCaptured = (capture: LayerCapture, edges?: EdgeRows): LocalContext =>
    isShaped
      ? openShapedContext(model, { ...options, shapes: 'wide' }, 1, { capture, edges })
      : createExactContext(model, { ...options, purpose: 'score', sequences: 1, capture, edges, pictures });
  return {
    vocabularySize: vocabulary.size,
    embeddingSize,
    pictures,
    ...keepWords(vocabulary),
    createContext: ({ purpose, sequences }) =>
      isShaped
        ? // This back end always names a class. A claim without one came from elsewhere; every verifier scores it with wide passes.
          openShapedContext(model, purpose === 'score' ? { ...options, shapes: 'wide' } : options, sequences)
        : createExactContext(model, { ...options, purpose, sequences, pictures }),
    createTraceContext: () => createTraceContext(model, openCaptured),
    createEdgeContext: () => createEdgeContext(model, openCaptured),
    free: () => model.free(),
  };
}

/** Words of a vocabulary; each is read from the library once. */
export function keepWords(
  vocabulary: Pick<LlamaVocabulary, 'size' | 'bos' | 'isEnd' | 'bytesOf'>,
): Pick<LocalModel, 'isEnd' | 'bytesOf'> {
  const isEnd = Uint8Array.from({ length: vocabulary.size }, (_, token) => (vocabulary.isEnd(token) ? 1 : 0));
  const bytes = new Map<number, Uint8Array>();
  return {
    // A token for the beginning of a text ends a reply, too: some models separate training texts with it and have no other end.
    isEnd: (token) => isEnd[token] === 1 || token === vocabulary.bos,
    bytesOf(token) {
      let found = bytes.get(token);
      if (found === undefined) {
        found = vocabulary.bytesOf(token);
        bytes.set(token, found);
      }
      return found;
    },
  };
}

function openShapedContext(
  model: LlamaModel,
  options: LlamaBatchModelOptions,
  sequences: number,
  { capture, edges }: { readonly capture?: LayerCapture; readonly edges?: EdgeRows | undefined } = {},
): LocalContext {
  const { kvType, flashAttention, threads, contextSize, batchSize, shapes } = options;
  return createShapedContext(
    // One KV cache per sequence: in a shared one the neighbours' rows shift the order of sums.
    (size) => model.createContext({ ...size, kvType, flashAttention, kvUnified: false, sequences, threads, capture }),
    {
      ...{ sequences, contextSize, batchSize, policy: shapes ?? 'wide', edges },
      widths: { logits: model.vocabulary.size, hidden: model.embeddingSize },
    },
  );
}

/** Opens a context for scoring over a capture, which it releases. */
function openCapturing(
  model: LlamaModel,
  open: (capture: LayerCapture) => LocalContext,
): { readonly capture: LayerCapture; readonly context: LocalContext } {
  const capture = model.createCapture();
  try {
    return { capture, context: open(capture) };
  } catch (error) {
    capture.release();
    throw error;
  }
}

/** Like a context for scoring, but captures the layers of its passes with outputs. */
function createTraceContext(model: LlamaModel, open: (capture: LayerCapture) => LocalContext): TraceContext {
  const { capture, context } = openCapturing(model, open);
  const { embeddingSize } = model;
  const stages = Array.from({ length: capture.layers + 1 }, (_, stage) => stage);
  if (capture.layers > MAX_TRACED_LAYERS) {
    context.free();
    throw new EngineError('unsupported-model', `a model of ${capture.layers} blocks is too deep to be traced`);
  }
  const seen = new Map<number, Float32Array>();
  return {
    ...context,
    decode(outputs) {
      seen.clear();
      capture.watch(new Set(outputs ? stages : []), (stage, rows) => {
        if (!seen.has(stage)) seen.set(stage, rows);
      });
      context.decode(outputs);
    },
    layerRows: () =>
      stages.map((stage) => {
        // There may be padding before the row.
        const row = seen
          .get(stage)
          ?.subarray(context.outputRow(0) * embeddingSize)
          .subarray(0, embeddingSize);
        if (row?.length === embeddingSize) return row;
        const name = stage === 0 ? 'embedding' : `block ${stage - 1}`;
        throw new EngineError('unsupported-model', `llama.cpp shows no ${name} of this model`);
      }),
  };
}

/** Like a context for scoring, but gives the rows between layers. */
function createEdgeContext(
  model: LlamaModel,
  open: (capture: LayerCapture, edges: EdgeRows) => LocalContext,
): EdgeContext {
  let edges: EdgeRows | undefined;
  const { context } = openCapturing(model, (capture) => {
    edges = createEdgeRows(capture, model.embeddingSize);
    return open(capture, edges);
  });
  return { ...context, watch: (...given) => edges?.watch(...given) };
}

/** From this many rows of one sequence on, ggml tiles the attention of a pass, which changes its sums. */
export const TILED_ROWS = 64;
/** The shape of tiled rows. No window commits to it, as the prompt's length decides: hence no number that a window could hold. */
const TILED = -1;
/** The shape of a prompt's rows beside replies of single rows. It keeps a reply's rows from serving as a prompt's. */
const TOGETHER = -2;

/** The shape and the least length of pieces of prompts on these kernels; see BatchContext. */
export const promptRowsOf = (kernels: KernelPath): Pick<LocalContext, 'promptShape' | 'leastPromptRows'> =>
  isTiledPath(kernels)
    ? { promptShape: TILED, leastPromptRows: TILED_ROWS }
    : { promptShape: kernels === SINGLE_ROWS ? TOGETHER : 0, leastPromptRows: 0 };

interface Row {
  readonly token: number;
  readonly position: number;
  readonly sequence: number;
  readonly isTiled: boolean;
  /** Whether it is a pass of its own. */
  readonly isAlone: boolean;
}

/** Whether a pass runs on the tiled kernels. @throws RangeError if it would not run on them alone. */
function isTiledPass(rows: readonly Row[], outputs: boolean): boolean {
  const [first, ...others] = rows;
  if (first === undefined || !rows.some(({ isTiled }) => isTiled)) return false;
  const isWhole = others.every(({ isTiled, sequence }) => isTiled === first.isTiled && sequence === first.sequence);
  if (outputs || !isWhole || rows.length < TILED_ROWS)
    throw new RangeError(`a tiled pass holds ${TILED_ROWS} rows or more of one prompt, and nothing else`);
  return true;
}

function createExactContext(
  model: LlamaModel,
  options: LlamaBatchModelOptions & {
    purpose: 'serve' | 'score';
    sequences: number;
    capture?: LayerCapture;
    edges?: EdgeRows | undefined;
    pictures: PictureRows | undefined;
  },
): LocalContext {
  const { kernels, threads, purpose, sequences, contextSize, batchSize, kvType, flashAttention, kvUnified } = options;
  const { pictures, edges, hasGrids = false, valueType } = options;
  const grids = hasGrids ? createGridPositions({ sequences, contextSize }) : undefined;
  /** Places a row: by its index, or behind the grids before it. */
  const place = ({ token, position: index, sequence }: Row): RowPosition => {
    if (grids === undefined) return { time: index, line: index, column: index };
    return grids.place(sequence, index, token >= FIRST_PICTURE_ROW ? pictures?.cellOf(token) : undefined);
  };
  const timeOf = (sequence: number, index: number | undefined): number | undefined =>
    index === undefined || grids === undefined ? index : grids.timeOf(sequence, index);
  const tiles = isTiledPath(kernels);
  const pads = isPaddedPath(kernels);
  const isSingle = kernels === SINGLE_ROWS;
  const isExact = pads || tiles || kernels === 'exact';
  // The default kernels read a quantised cache differently for one row.
  const needsReference = kvType === 'q8_0' || kvType === 'q4_0';
  const context: LlamaContext = model.createContext({
    ...{ kvType, valueType, flashAttention, kvUnified },
    // Padding rows stand one position past the last.
    contextSize: contextSize + (pads ? 1 : 0),
    sequences,
    threads,
    batchSize: pads ? batchSize + sequences : batchSize,
    capture: options.capture,
    pictureRow: pictures && ((id) => pictures.rowOf(id)),
    hasGrids,
  });
  if (kernels === 'reference') context.useReference(true);
  const rows: Row[] = [];
  const guesses: Int32Array[] = [];
  const guessCounts: number[] = [];
  let guessesRun = 0;
  const physical: number[] = [];
  let hasReference = false;
  const setReference = (on: boolean) => {
    if (on === hasReference) return;
    context.useReference(on);
    hasReference = on;
  };
  /** Runs the rows, or the part of them that one pass of llama.cpp holds. */
  const run = (rows: readonly Row[], outputs: boolean): void => {
    if (rows.length === 0) return;
    guessesRun = outputs ? countGuesses(guessCounts, rows.length, batchSize) : 0;
    const lonely = pads && guessesRun === 0 && !rows[0]?.isAlone ? findLonelyRows(rows) : undefined;
    const padded: { readonly sequence: number; readonly time: number }[] = [];
    let furthest = 0;
    let next = 0;
    rows.forEach((added, index) => {
      const { token, position, sequence } = added;
      const placed = place(added);
      const { time } = placed;
      context.add(token, time, sequence, placed);
      physical[index] = next++;
      for (let i = 0; i < guessesRun; i++, next++) {
        const guess = guesses[index]?.[i] as number;
        place({ ...added, token: guess, position: position + 1 + i });
        context.add(guess, time + 1 + i, sequence);
      }
      if (lonely?.has(index)) {
        context.add(token, time + 1, sequence, { line: time + 1, column: time + 1 });
        padded.push({ sequence, time: time + 1 });
        next++;
      }
      if (position + guessesRun > furthest) furthest = position + guessesRun;
    });
    const isStep = outputs && purpose === 'serve';
    const wantsReference = needsReference || !isStep || (threads > 1 && furthest + 1 >= SPLIT_POSITION);
    if (isExact) setReference(wantsReference && !isTiledPass(rows, outputs));
    edges?.begin(physical.slice(0, rows.length), next);
    context.decode(outputs);
    edges?.end();
    for (const { sequence, time } of padded) context.remove(sequence, time);
  };
  const widths = { logits: model.vocabulary.size, hidden: model.embeddingSize };
  const singles = isSingle ? createSingleRows(context, widths) : undefined;
  const runAll = (outputs: boolean): void => {
    if (!rows[0]?.isAlone) for (const part of splitByKind(rows, outputs)) run(part, outputs);
    else if (outputs) singles?.run(rows, (row) => run([row], true));
    else for (const row of rows) run([row], false);
  };
  return {
    contextSize,
    sequences,
    batchSize,
    ...promptRowsOf(kernels),
    passRows: (shapeClass) => (isSingle && shapeClass !== TOGETHER ? 1 : batchSize),
    add(token, position, sequence, shapeClass) {
      if (rows.length >= batchSize) throw new RangeError(`a batch holds ${batchSize} rows`);
      if (position >= contextSize)
        throw new RangeError(`position ${position} is outside the context of ${contextSize}`);
      rows.push({
        token,
        position,
        sequence,
        isTiled: tiles && shapeClass === TILED,
        isAlone: isSingle && shapeClass !== TOGETHER,
      });
      guessCounts[rows.length - 1] = 0;
    },
    guess(tokens, count) {
      guesses[rows.length - 1] = tokens;
      guessCounts[rows.length - 1] = count;
    },
    guessesRun: () => guessesRun,
    decode(outputs) {
      try {
        runAll(outputs);
      } finally {
        // Rows of a failed pass must not run again with the next one.
        rows.length = 0;
      }
    },
    outputRow: (index) => (isSingle ? index : (physical[index] as number)),
    shapeOf: () => 0,
    logits: () => (singles ?? context).logits(),
    hidden: () => (singles ?? context).hidden(),
    remove: (sequence, from, to) => context.remove(sequence, timeOf(sequence, from), timeOf(sequence, to)),
    free: () => context.free(),
  };
}

/** Cuts rows where tokens and picture rows meet: a pass of llama.cpp holds one kind. */
function splitByKind(rows: readonly Row[], outputs: boolean): readonly (readonly Row[])[] {
  const isPicture = ({ token }: Row): boolean => token >= FIRST_PICTURE_ROW;
  if (!rows.some(isPicture)) return [rows];
  if (outputs) throw new RangeError('a picture row has no outputs');
  const parts: Row[][] = [];
  let last: boolean | undefined;
  for (const row of rows) {
    if (isPicture(row) !== last) parts.push([]);
    last = isPicture(row);
    parts.at(-1)?.push(row);
  }
  return parts;
}

/**
 * Returns the same number for every row: llama.cpp splits sequences of different lengths into several passes, and one of them could
 * have a single row.
 */
export function countGuesses(counts: readonly number[], rows: number, batchSize: number): number {
  let least = Math.floor(Math.min(batchSize, TILED_ROWS - 1) / rows) - 1;
  for (let i = 0; i < rows; i++) least = Math.min(least, counts[i] as number);
  return Math.max(0, least);
}

/**
 * Rows that llama.cpp would run in a pass of their own: it splits a batch where the next row's sequence does not follow.
 * A second row of the same sequence then goes along and is forgotten again.
 */
export function findLonelyRows(rows: readonly { readonly sequence: number }[]): Set<number> {
  const lonely = new Set<number>();
  const joins = (a: { readonly sequence: number } | undefined, b: { readonly sequence: number } | undefined): boolean =>
    a !== undefined && b !== undefined && (a.sequence === b.sequence || a.sequence + 1 === b.sequence);
  rows.forEach((row, index) => {
    if (!joins(rows[index - 1], row) && !joins(row, rows[index + 1])) lonely.add(index);
  });
  return lonely;
}
