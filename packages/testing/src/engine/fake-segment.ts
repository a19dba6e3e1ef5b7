import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, SegmentEngineInfo, SegmentOutput, SegmentPass } from '@ogong/engine/interface/segment';

export interface FakeSegmentOptions {
  readonly place: SegmentEngineInfo['place'];
  /** Another number makes another segment: other rows. */
  readonly weights: number;
  /** Default: 8. */
  readonly embeddingSize?: number;
  /** Default: 300. */
  readonly vocabularySize?: number;
  /** Default: 64. */
  readonly contextSize?: number;
  /** Default: 2. */
  readonly sequences?: number;
  /** Default: 2. */
  readonly layers?: number;
}

/** A segment in plain TypeScript. As in a model, a row depends on all rows of its sequence before it. */
export function createFakeSegment(options: FakeSegmentOptions): SegmentEngine {
  const { place, weights, embeddingSize = 8, vocabularySize = 300, contextSize = 64, sequences = 2 } = options;
  const info: SegmentEngineInfo = {
    ...{ place, embeddingSize, contextSize, sequences, vocabularySize: place === 'interior' ? 0 : vocabularySize },
    ...{ layers: options.layers ?? 2, passRows: 32, numericClass: 'fake-class', canDropPositions: true },
  };
  /** By sequence: a number for each position, which all inputs up to it decide. */
  const held: number[][] = Array.from({ length: sequences }, () => []);
  const compute = (seed: number, width: number): Float32Array =>
    Float32Array.from({ length: width }, (_, i) => Math.fround(Math.sin(seed * (i + 1) + weights)));

  function run({ kind, groups, input }: SegmentPass): SegmentOutput {
    const count = groups.reduce((sum, { rows }) => sum + rows, 0);
    const width = input instanceof Uint32Array ? 1 : embeddingSize;
    if (input instanceof Uint32Array !== (place === 'first') || input.length !== count * width)
      throw new EngineError('invalid-request', `a pass of ${count} rows with ${input.length} values`);
    if (groups.some(({ sequence, position }) => held[sequence]?.length !== position))
      throw new EngineError('invalid-request', 'a sequence goes on at another position');
    const seeds: number[] = [];
    for (const { sequence, rows } of groups) {
      const positions = held[sequence] as number[];
      for (let i = 0; i < rows; i++) {
        const at = seeds.length * width;
        let value = 0.5 * (positions.at(-1) ?? 0);
        for (let j = 0; j < width; j++) value += (input[at + j] as number) * (j + 1);
        const seed = Math.fround(value);
        positions.push(seed);
        seeds.push(seed);
      }
    }
    const rows = join(seeds.map((seed) => compute(seed, embeddingSize)));
    if (place !== 'last') return { kind: 'rows', rows };
    if (kind === 'prompt') return { kind: 'logits', logits: new Float32Array(0), hidden: new Float32Array(0) };
    return { kind: 'logits', logits: join(seeds.map((seed) => compute(seed, vocabularySize))), hidden: rows };
  }

  return {
    info: () => info,
    run: async (pass) => run(pass),
    async drop(sequence: number, position: number) {
      held[sequence]?.splice(position);
    },
    async close() {},
  };
}

function join(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
