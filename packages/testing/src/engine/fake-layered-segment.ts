import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, SegmentEngineInfo, SegmentPass, SegmentPlace } from '@ogong/engine/interface/segment';
import { FAKE_EXACT_CLASS } from './fake.ts';
import {
  createFakeEmbedding,
  createFakeHead,
  createFakeLayers,
  type LayeredOptions,
  normalizeRow,
} from './fake-layers.ts';
import { priorOf } from './fake-model.ts';

export interface LayeredSegmentOptions extends LayeredOptions {
  /** The first layer of the segment, and the one behind its last. */
  readonly from: number;
  readonly to: number;
  readonly contextSize: number;
  readonly sequences: number;
  readonly passRows: number;
}

const placeOf = ({ from, to, layers }: Pick<LayeredSegmentOptions, 'from' | 'to' | 'layers'>): SegmentPlace =>
  from === 0 ? 'first' : to === layers ? 'last' : 'interior';

/** Creates consecutive layers of the model that `isLayered` makes of a fake engine. A chain of them gives the bits of the whole. */
export function createLayeredSegment(options: LayeredSegmentOptions): SegmentEngine {
  const { from, to, embeddingSize, vocabularySize, contextSize, sequences, passRows } = options;
  const place = placeOf(options);
  const info: SegmentEngineInfo = {
    ...{ place, layers: to - from, embeddingSize, contextSize, sequences, passRows },
    vocabularySize: place === 'interior' ? 0 : vocabularySize,
    ...{ numericClass: FAKE_EXACT_CLASS, canDropPositions: true },
  };
  const embed = createFakeEmbedding(options);
  const writeLogits = place === 'last' ? createFakeHead(options, { priorOf }) : undefined;
  const blocks = createFakeLayers(options, { from, to });
  let isClosed = false;
  const assertOpen = (): void => {
    if (isClosed) throw new EngineError('engine-closed', 'the segment is closed');
  };
  const refuse = (reason: string): never => {
    throw new EngineError('invalid-request', reason);
  };
  const assertGroups = ({ groups }: SegmentPass): number => {
    const [head] = groups;
    if (head === undefined) return refuse('a pass has at least one row');
    groups.forEach(({ sequence, position, rows }, i) => {
      if (!Number.isInteger(sequence) || sequence >= sequences || sequence <= (groups[i - 1]?.sequence ?? -1))
        refuse(`sequences ascend and lie below ${sequences}`);
      if (rows !== head.rows || rows < 1) refuse('each sequence of a pass has the same number of rows');
      const next = blocks.positions(sequence);
      if (next !== position) refuse(`sequence ${sequence} goes on at ${next}, not ${position}`);
      if (position + rows > contextSize) refuse(`position ${position + rows - 1} is outside the context`);
    });
    const count = groups.length * head.rows;
    return count > passRows ? refuse(`a pass has ${passRows} rows at most, not ${count}`) : count;
  };
  const readRows = ({ input }: SegmentPass, count: number): ((row: number) => Float32Array) => {
    if (place === 'first') {
      if (!(input instanceof Uint32Array) || input.length !== count)
        return refuse('the first segment takes a token a row');
      if (input.some((token) => token >= vocabularySize)) return refuse('a token is outside the vocabulary');
      return (row) => embed(input[row] as number);
    }
    if (!(input instanceof Float32Array) || input.length !== count * embeddingSize)
      return refuse(`this segment takes rows of ${embeddingSize} values`);
    if (!input.every(Number.isFinite)) return refuse('a row has a value that is not finite');
    return (row) => input.subarray(row * embeddingSize, (row + 1) * embeddingSize);
  };
  return {
    info: () => info,
    async run(pass) {
      assertOpen();
      const count = assertGroups(pass);
      const inputOf = readRows(pass, count);
      const rows = new Float32Array(count * embeddingSize);
      pass.groups.forEach(({ sequence, rows: each }, group) => {
        for (let row = group * each; row < (group + 1) * each; row++)
          rows.set(blocks.push(sequence, inputOf(row)).at(-1) as Float32Array, row * embeddingSize);
      });
      if (writeLogits === undefined) return { kind: 'rows', rows };
      if (pass.kind === 'prompt') return { kind: 'logits', logits: new Float32Array(0), hidden: new Float32Array(0) };
      const logits = new Float32Array(count * vocabularySize);
      const hidden = new Float32Array(rows.length);
      for (let row = 0; row < count; row++) {
        const own = normalizeRow(rows.subarray(row * embeddingSize, (row + 1) * embeddingSize));
        hidden.set(own, row * embeddingSize);
        writeLogits(own, logits, row * vocabularySize);
      }
      return { kind: 'logits', logits, hidden };
    },
    async drop(sequence, position) {
      assertOpen();
      if (sequence >= sequences) refuse(`sequences lie below ${sequences}`);
      const end = blocks.positions(sequence);
      if (position > end) refuse(`sequence ${sequence} ends at ${end}`);
      blocks.drop(sequence, position);
    },
    async close() {
      isClosed = true;
    },
  };
}
