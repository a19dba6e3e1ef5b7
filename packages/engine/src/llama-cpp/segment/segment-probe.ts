import type { SegmentEngine, SegmentGroup, SegmentOutput, SegmentPass } from '../../interface/segment.ts';
import { formatNumericClass, mayBeExact, parseNumericClass } from '../numeric-class.ts';

/** Rows of each sequence's prompt. The first one is long enough for a pass that ggml tiles. */
const PROMPT_ROWS = [72, 10, 10] as const;
/** Sequences that step together after the prompts: all, with a gap, one alone. Those that the segment lacks are left out. */
const STEPS: readonly (readonly number[])[] = [[0, 1, 2], [0, 2], [0], [0, 1], [0, 1, 2], [1], [0, 2]];

/**
 * Tests whether steps of this segment on this machine equal a pass that runs the same rows again, bit for bit. A segment claims to be
 * exact only after this test; else its class says that it is unproven. Its sequences are empty afterwards.
 * @throws EngineError of the segment.
 */
export async function proveSegment(segment: SegmentEngine): Promise<SegmentEngine> {
  const info = segment.info();
  const parts = parseNumericClass(info.numericClass);
  if (parts === undefined || !mayBeExact(parts) || (await isExact(segment))) return segment;
  const unproven = { ...info, numericClass: formatNumericClass({ ...parts, isUnproven: true }) };
  return { ...segment, info: () => unproven };
}

async function isExact(segment: SegmentEngine): Promise<boolean> {
  const { contextSize, sequences, passRows } = segment.info();
  const prompts = PROMPT_ROWS.slice(0, sequences).map((rows) =>
    Math.max(1, Math.min(rows, passRows - STEPS.length, contextSize - STEPS.length)),
  );
  const positions = [...prompts];
  const stepped = prompts.map((): Float32Array[] => []);
  /** Runs rows of the probe. @param text the sequence to which the rows belong, if it is not the one in which they run. */
  const run = (kind: SegmentPass['kind'], groups: readonly SegmentGroup[], text?: number): Promise<SegmentOutput> =>
    segment.run({ kind, groups, input: inputOf(segment, groups, text) });
  for (const [sequence, rows] of prompts.entries()) await run('prompt', [{ sequence, position: 0, rows }]);
  for (const together of STEPS) {
    const stepping = together.filter((sequence) => sequence < prompts.length);
    if (stepping.length === 0) continue;
    const groups = stepping.map((sequence) => ({ sequence, position: positions[sequence] as number, rows: 1 }));
    const output = await run('step', groups);
    groups.forEach(({ sequence, position }, i) => {
      stepped[sequence]?.push(rowOf(output, i, groups.length));
      positions[sequence] = position + 1;
    });
  }
  for (const sequence of prompts.keys()) await segment.drop(sequence, 0);
  for (const [sequence, prompt] of prompts.entries()) {
    const rows = (positions[sequence] as number) - prompt;
    await run('prompt', [{ sequence: 0, position: 0, rows: prompt }], sequence);
    const again = await run('score', [{ sequence: 0, position: prompt, rows }], sequence);
    await segment.drop(0, 0);
    const isSame = (own: Float32Array, i: number): boolean => {
      const other = rowOf(again, i, rows);
      return own.every((value, j) => value === other[j]);
    };
    if (!(stepped[sequence] as Float32Array[]).every(isSame)) return false;
  }
  return true;
}

/** Copies the i-th of `rows` rows of an output. */
function rowOf(output: SegmentOutput, i: number, rows: number): Float32Array {
  const values = output.kind === 'rows' ? output.rows : output.logits;
  const width = values.length / rows;
  return values.slice(i * width, (i + 1) * width);
}

/** Tokens, or rows of values between -2 and 2, that depend on sequence and position alone. */
function inputOf(segment: SegmentEngine, groups: readonly SegmentGroup[], text?: number): SegmentPass['input'] {
  const { place, embeddingSize, vocabularySize } = segment.info();
  const places = groups.flatMap(({ sequence, position, rows }) =>
    Array.from({ length: rows }, (_, i) => (text ?? sequence) * 104_729 + (position + i) * 7919),
  );
  const usable = Math.max(1, vocabularySize - 3);
  if (place === 'first')
    return Uint32Array.from(places, (number) => Math.min(vocabularySize - 1, 3 + (number % usable)));
  const rows = new Float32Array(places.length * embeddingSize);
  places.forEach((number, row) => {
    for (let d = 0; d < embeddingSize; d++) {
      const hash = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(d + 1, 0x85ebca6b);
      rows[row * embeddingSize + d] = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >> 8) / 2 ** 22;
    }
  });
  return rows;
}
