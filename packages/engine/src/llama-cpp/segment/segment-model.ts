import { FIRST_PICTURE_ROW } from '../../decode/picture-rows.ts';
import { EngineError } from '../../interface/engine-error.ts';
import type {
  SegmentEngine,
  SegmentEngineInfo,
  SegmentGroup,
  SegmentOutput,
  SegmentPass,
} from '../../interface/segment.ts';
import { findLlamaBuild, LLAMA_VERSION } from '../device/platform.ts';
import { loadLlama } from '../library.ts';
import { findLonelyRows, SPLIT_POSITION, TILED_ROWS } from '../llama-model.ts';
import { type LlamaVocabulary, openLlamaModel } from '../model.ts';
import { mixesNeighbours } from '../model-file.ts';
import {
  exactKernelsFor,
  formatNumericClass,
  isaClassOf,
  isPaddedPath,
  isTiledPath,
  type KernelPath,
  type KvType,
  tiledKernelsFor,
} from '../numeric-class.ts';
import { createRowCapture } from './row-capture.ts';
import { inspectSegmentFile, type SegmentFacts } from './segment-file.ts';

export interface SegmentOptions {
  /** Positions of each sequence. */
  readonly contextSize: number;
  /** Default: 1. */
  readonly sequences?: number;
  /** Default: 1. */
  readonly threads?: number;
  /** Rows of one pass at most. Default: 512. */
  readonly passRows?: number;
  /** A CPU library, `auto` or `native`. Default: `auto`. */
  readonly isa?: string;
  /** `exact` runs prompts on reference kernels, `tiled` runs those of 64 rows and more on ggml's tiles. Default: `exact`. */
  readonly kernels?: 'exact' | 'tiled';
  /** Default: f16. */
  readonly kvType?: KvType;
  /** Layers of the slab that are computed, from its first one on, so that a slab of another cut can run a segment again. Default: all. */
  readonly layers?: number;
  /** Types of the whole model's weights, which name the class. Default: those of the slab. */
  readonly weights?: Pick<SegmentFacts, 'weightType' | 'hasFloatMatrices'>;
}

/** A segment in this process. */
export interface LlamaSegment {
  readonly segment: SegmentEngine;
  readonly kernels: KernelPath;
  /** Empty for an interior slab. */
  readonly vocabulary: LlamaVocabulary;
}

/**
 * Loads a slab in this process, on the CPU.
 * @throws EngineError.
 */
export const openSegmentModel = (path: string, options: SegmentOptions): SegmentEngine =>
  openLlamaSegment(path, options).segment;

/** Loads a slab in this process, on the CPU. @throws EngineError. */
export function openLlamaSegment(path: string, options: SegmentOptions): LlamaSegment {
  const facts = inspectSegmentFile(path);
  const { embeddingSize } = facts;
  const { contextSize, sequences = 1, threads = 1, passRows = 512, isa = 'auto', kvType = 'f16' } = options;
  const slabLayers = facts.to - facts.from;
  const { layers = slabLayers } = options;
  if (!Number.isInteger(layers) || layers < 1 || layers > slabLayers)
    throw new EngineError('invalid-request', `${path} has ${slabLayers} layers, so ${layers} cannot be computed`);
  const endsEarly = layers < slabLayers;
  const place = endsEarly && facts.place === 'last' ? 'interior' : facts.place;
  if (sequences > 1 && mixesNeighbours(facts.architecture))
    throw new EngineError(
      'unsupported-model',
      `${path} is of the architecture ${facts.architecture}, which runs one sequence at a time`,
    );
  const weights = options.weights ?? facts;
  const kernels = options.kernels === 'tiled' ? tiledKernelsFor(weights) : exactKernelsFor(weights);
  const pads = isPaddedPath(kernels);
  const tiles = isTiledPath(kernels);
  const library = loadLlama(findLlamaBuild(), isa);
  const model = openLlamaModel(library, path);
  const refuseLoad = (reason: string): never => {
    model.free();
    throw new EngineError('unsupported-model', `${path} ${reason}`);
  };
  if (model.embeddingSize !== embeddingSize) refuseLoad(`has rows of ${model.embeddingSize}, not ${embeddingSize}`);
  if (!model.hasReference) refuseLoad('needs reference kernels, which this build of llama.cpp lacks');
  if (model.isRecurrent && pads)
    refuseLoad('has recurrent layers, which forget no single row; exact kernels need that for float weights. Use q8_0');
  const capture = createRowCapture(library, {
    embeddingSize,
    // The block of zeros in the first slab stands behind the last layer, and is not computed.
    block: place === 'last' ? undefined : layers - 1,
    stops: place === 'first' || endsEarly,
    restoresInput: facts.scalesInput && place !== 'first',
  });
  let input: Float32Array | undefined;
  const context = (() => {
    try {
      return model.createContext({
        ...{ sequences, threads, kvType, capture },
        // Padding rows stand one position past the last.
        contextSize: contextSize + (pads ? 1 : 0),
        batchSize: passRows + (pads ? sequences : 0),
        pictureRow: (id) => rowAt(input as Float32Array, id - FIRST_PICTURE_ROW, embeddingSize),
      });
    } catch (error) {
      capture.release();
      model.free();
      throw error;
    }
  })();
  /** The next position of each sequence; undefined after a failure, until the sequence is dropped. */
  const next: (number | undefined)[] = Array.from({ length: sequences }, () => 0);
  let isClosed = false;
  const info: SegmentEngineInfo = {
    ...{ place, layers, embeddingSize, contextSize, sequences, passRows },
    vocabularySize: place === 'interior' ? 0 : facts.vocabularySize,
    numericClass: formatNumericClass({
      ...{ build: `llama.cpp-${LLAMA_VERSION}`, backend: library.backend, isa: isaClassOf(library.isa), kernels },
      ...{ weights: weights.weightType, kv: kvType, flashAttention: true, kvUnified: false },
    }),
    canDropPositions: !model.isRecurrent,
  };

  const assertOpen = (): void => {
    if (isClosed) throw new EngineError('engine-closed', 'the segment is closed');
  };
  const refuse = (reason: string): never => {
    throw new EngineError('invalid-request', reason);
  };
  const assertPass = ({ groups, input }: SegmentPass): number => {
    const [head] = groups;
    if (head === undefined) return refuse('a pass has at least one row');
    groups.forEach(({ sequence, position, rows }, i) => {
      if (!(sequence in next) || sequence <= (groups[i - 1]?.sequence ?? -1))
        refuse(`sequences ascend and lie below ${sequences}`);
      if (rows !== head.rows || !Number.isInteger(rows) || rows < 1)
        refuse('each sequence of a pass has the same number of rows');
      if (next[sequence] !== position) refuse(`sequence ${sequence} goes on at ${next[sequence]}, not ${position}`);
      if (position + rows > contextSize)
        refuse(`position ${position + rows - 1} is outside the context of ${contextSize}`);
    });
    const count = groups.length * head.rows;
    if (count > passRows) refuse(`a pass has ${passRows} rows at most, not ${count}`);
    if (place === 'first') {
      if (!(input instanceof Uint32Array) || input.length !== count) refuse('the first segment takes a token a row');
      if (input.some((token) => token >= facts.vocabularySize)) refuse('a token is outside the vocabulary');
    } else {
      if (!(input instanceof Float32Array) || input.length !== count * embeddingSize)
        refuse(`this segment takes rows of ${embeddingSize} values`);
      if (!input.every(Number.isFinite)) refuse('a row has a value that is not finite');
    }
    return count;
  };

  /** Adds the rows of a pass, with a second row for those that would run alone. @returns the place of each row in the pass. */
  const addRows = ({ groups, input }: SegmentPass): { readonly places: readonly number[]; readonly total: number } => {
    const rows = groups.flatMap((group, at) =>
      Array.from({ length: group.rows }, (_, i) => ({
        sequence: group.sequence,
        position: group.position + i,
        token: place === 'first' ? (input[at * group.rows + i] as number) : FIRST_PICTURE_ROW + at * group.rows + i,
      })),
    );
    const lonely = pads ? findLonelyRows(rows) : undefined;
    let total = 0;
    const places = rows.map(({ token, position, sequence }, i) => {
      context.add(token, position, sequence);
      const at = total++;
      if (lonely?.has(i)) {
        context.add(token, position + 1, sequence);
        total++;
      }
      return at;
    });
    return { places, total };
  };

  const compute = (pass: SegmentPass, count: number): SegmentOutput => {
    const { kind, groups } = pass;
    input = pass.input instanceof Float32Array ? pass.input : undefined;
    const { places, total } = addRows(pass);
    capture.begin(input && gatherRows(input, places, total, embeddingSize));
    context.useReference(wantsReference(pass, count));
    context.decode(place === 'last' ? kind !== 'prompt' : place === 'interior' && !endsEarly);
    const captured = capture.take(total);
    if (total > count) for (const group of groups) context.remove(group.sequence, group.position + group.rows);
    if (place !== 'last') return { kind: 'rows', rows: pickRows(captured, places, embeddingSize) };
    const outputs = kind === 'prompt' ? [] : places;
    return {
      kind: 'logits',
      logits: pickRows(outputs.length === 0 ? captured : context.logits(), outputs, facts.vocabularySize),
      hidden: pickRows(outputs.length === 0 ? captured : context.hidden(), outputs, embeddingSize),
    };
  };

  /**
   * Chooses the kernels of a pass. Its kind comes from another machine, so it decides only between kernels that give the same bits. Below
   * 64 rows the fast kernels equal the reference.
   */
  const wantsReference = ({ kind, groups }: SegmentPass, count: number): boolean => {
    if (count >= TILED_ROWS) return !(tiles && groups.length === 1 && kind === 'prompt');
    if (kind !== 'step' || kvType === 'q8_0' || kvType === 'q4_0') return true;
    const furthest = groups.reduce((most, { position, rows }) => Math.max(most, position + rows), 0);
    return threads > 1 && furthest >= SPLIT_POSITION;
  };

  const segment: SegmentEngine = {
    info: () => info,
    async run(pass) {
      assertOpen();
      const count = assertPass(pass);
      const moveTo = (position: (group: SegmentGroup) => number | undefined): void => {
        for (const group of pass.groups) next[group.sequence] = position(group);
      };
      moveTo(() => undefined);
      const output = compute(pass, count);
      moveTo(({ position, rows }) => position + rows);
      return output;
    },
    async drop(sequence, position) {
      assertOpen();
      if (!(sequence in next)) refuse(`sequences lie below ${sequences}`);
      const end = next[sequence];
      if (position === end) return;
      if (position > 0 && (end === undefined || !(position < end))) refuse(`sequence ${sequence} ends at ${end}`);
      if (position > 0 && model.isRecurrent)
        throw new EngineError('unsupported-model', 'recurrent layers cannot drop single positions');
      context.remove(sequence, position > 0 ? position : undefined);
      next[sequence] = position;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      context.free();
      model.free();
    },
  };
  return { segment, kernels, vocabulary: model.vocabulary };
}

const rowAt = (rows: Float32Array, index: number, width: number): Float32Array =>
  rows.subarray(index * width, (index + 1) * width);

/** Copies rows in the order of `places`. */
function pickRows(rows: Float32Array, places: readonly number[], width: number): Float32Array {
  const picked = new Float32Array(places.length * width);
  places.forEach((at, i) => {
    picked.set(rowAt(rows, at, width), i * width);
  });
  return picked;
}

/** Returns the rows as they stand in the pass: a second row repeats the one before it. */
function gatherRows(rows: Float32Array, places: readonly number[], total: number, width: number): Float32Array {
  if (total === places.length) return rows;
  const gathered = new Float32Array(total * width);
  places.forEach((at, i) => {
    for (let copy = at; copy < (places[i + 1] ?? total); copy++) gathered.set(rowAt(rows, i, width), copy * width);
  });
  return gathered;
}
