import { describe, expect, it } from 'vitest';
import type { LocalContext, LocalModel } from '../decode/batch-model.ts';
import { probeExactness, probeScoresTogether } from './exactness-probe.ts';

/** From this many rows of one sequence on, a pass of the library below adds otherwise. */
const TILED_ROWS = 64;

/**
 * Rows that depend on all rows before them in their sequence, and on which of those ran in tiled passes: as rows of ggml do.
 * @param leastPromptRows that the context asks for.
 * @param mixesStates lets a sequence that is not the first depend on the one before it in the same pass.
 * @param tilesMixed whether a pass of several sequences is tiled, too.
 */
function createTilingModel(
  leastPromptRows: number,
  { contextSize = 256, mixesStates = false, tilesMixed = true } = {},
): LocalModel {
  const open = (): LocalContext => {
    const states = new Map<number, number[]>();
    let rows: { token: number; position: number; sequence: number }[] = [];
    let outputs = new Float32Array(0);
    return {
      ...{ contextSize, sequences: 3, batchSize: 256, promptShape: -1, leastPromptRows },
      passRows: () => 256,
      add: (token, position, sequence) => rows.push({ token, position, sequence }),
      guess: () => undefined,
      guessesRun: () => 0,
      decode() {
        const isMixedPass = rows.some(({ sequence }) => sequence !== rows[0]?.sequence);
        const isTiled = rows.length >= TILED_ROWS && (tilesMixed || !isMixedPass);
        outputs = Float32Array.from(rows, ({ token, position, sequence }, index) => {
          const isMixed = mixesStates && index > 0 && rows[index - 1]?.sequence !== sequence;
          const own = states.get(sequence) ?? [];
          states.set(sequence, own);
          const before = own[position - 1] ?? 1;
          own[position] = (before * 31 + token + (isTiled ? 7 : 0) + (isMixed ? 1 : 0)) % 1_000_003;
          return own[position] as number;
        });
        rows = [];
      },
      outputRow: (index) => index,
      shapeOf: () => 0,
      logits: () => outputs,
      hidden: () => outputs,
      remove: (sequence) => states.delete(sequence),
      free: () => undefined,
    };
  };
  return {
    ...{ vocabularySize: 1, embeddingSize: 1 },
    isEnd: () => false,
    bytesOf: () => new Uint8Array(0),
    createContext: open,
    free: () => undefined,
  };
}

describe('the probe of a class with tiled prompts', () => {
  it('holds where every piece is tiled', () =>
    expect(probeExactness(createTilingModel(TILED_ROWS), { drafts: 0 })).toBe(true));

  it.each([0, 24, 63])('does not hold where a piece of %i rows is allowed', (least) =>
    expect(probeExactness(createTilingModel(least), { drafts: 0 })).toBe(false),
  );

  it('does not hold where only the rows behind another sequence differ', () =>
    expect(probeExactness(createTilingModel(TILED_ROWS, { mixesStates: true }), { drafts: 0 })).toBe(false));

  it('does not hold where the context has no room for two pieces', () =>
    expect(probeExactness(createTilingModel(TILED_ROWS, { contextSize: 199 }), { drafts: 0 })).toBe(false));
});

describe('the probe of scores in one pass', () => {
  it('holds where rows depend on their own sequence alone', () => {
    // A pass of several replies has 66 rows: a library that tiled it would differ, unlike one that tiles prompts only.
    expect(probeScoresTogether(createTilingModel(TILED_ROWS, { tilesMixed: false }))).toBe(true);
  });

  it('does not hold where a pass of several sequences is tiled', () =>
    expect(probeScoresTogether(createTilingModel(TILED_ROWS))).toBe(false));

  it('does not hold where a row depends on a neighbour', () =>
    expect(probeScoresTogether(createTilingModel(TILED_ROWS, { tilesMixed: false, mixesStates: true }))).toBe(false));
});
