import { describe, expect, it } from 'vitest';
import { EngineError } from '../interface/engine-error.ts';
import type { LlamaContext, LlamaContextOptions, LlamaModel } from '../llama-cpp/model.ts';
import { LEAST_POSITIONS, listShapes, type SearchPlan, type Setup, searchClasses } from './search.ts';
import { type ClassTable, describeClasses, groupClasses, letterOf } from './table.ts';

/** Bits that depend on tokens, positions and on whatever `kernelOf` says of a pass. */
function createModel(kernelOf: (pass: { rows: number; options: LlamaContextOptions }) => number): LlamaModel {
  const open = (options: LlamaContextOptions): LlamaContext => {
    if (options.kvType === 'q4_0') throw new EngineError('unsupported-model', 'no such cache');
    const states = new Map<number, number[]>();
    let rows: { token: number; position: number; sequence: number }[] = [];
    let hidden = new Float32Array(0);
    return {
      contextSize: options.contextSize,
      sequences: options.sequences,
      batchSize: options.batchSize,
      add(token, position, sequence) {
        const state = states.get(sequence) ?? [];
        const pending = rows.filter((row) => row.sequence === sequence).length;
        if (state.length + pending !== position)
          throw new RangeError(`position ${position} behind ${state.length + pending}`);
        if (position >= options.contextSize) throw new RangeError(`no room for position ${position}`);
        rows.push({ token, position, sequence });
      },
      decode() {
        const kernel = kernelOf({ rows: rows.length, options });
        hidden = new Float32Array(2 * rows.length);
        rows.forEach(({ token, sequence }, row) => {
          const state = states.get(sequence) ?? [];
          const next = Math.fround(((state.at(-1) ?? 1) * 3 + token) % 1009);
          states.set(sequence, [...state, next]);
          hidden.set([next, kernel], 2 * row);
        });
        rows = [];
      },
      logits: () => hidden.slice(),
      hidden: () => hidden,
      useReference: () => undefined,
      remove(sequence, from = 0) {
        states.set(sequence, (states.get(sequence) ?? []).slice(0, Math.max(0, from)));
      },
      clear: () => states.clear(),
      free: () => undefined,
    };
  };
  return {
    vocabulary: { size: 2 },
    embeddingSize: 2,
    trainContext: 64,
    hasReference: true,
    createContext: open,
    free: () => undefined,
  } as unknown as LlamaModel;
}

const flash: Setup = {
  name: 'flash',
  ...{ kvType: 'f16', flashAttention: true, kvUnified: false, threads: 1, reference: false },
};
const plan: SearchPlan = { setups: [flash], shapes: listShapes(), starts: [40], positions: LEAST_POSITIONS };
const classesOf = (model: LlamaModel, overrides: Partial<SearchPlan> = {}) =>
  groupClasses(searchClasses(model, { ...plan, ...overrides }).findings);

describe('class search', () => {
  it('finds one class where the shape of a pass changes nothing', () => {
    const [band] = classesOf(createModel(() => 0));
    expect(band?.classes).toHaveLength(1);
    expect(band?.classes[0]).toHaveLength(plan.shapes.length);
  });

  it('finds the borders that the kernels have', () => {
    const [band] = classesOf(createModel(({ rows }) => (rows < 2 ? 1 : rows <= 8 ? 2 : 3)));
    const names = band?.classes.map((members) => members.map(({ shape }) => shape).sort());
    expect(names).toHaveLength(3);
    expect(names).toContainEqual(['forced 1']);
    expect(names).toContainEqual(
      ['forced 2', 'forced 3', 'forced 4', 'forced 8', 'step 1 x 2', 'step 1 x 4', 'step 2 x 1', 'step 2 x 2']
        .concat(['step 2 x 2, longer neighbour', 'step 2 x 4', 'step 4 x 1', 'step 4 x 2', 'step 8 x 1'])
        .sort(),
    );
  });

  it('compares setups and bands, and leaves out a setup that does not run, with its reason', () => {
    const other = { ...flash, name: 'no flash', flashAttention: false };
    const refused = { ...flash, name: 'tiny cache', kvType: 'q4_0' } as const;
    const model = createModel(({ options }) => (options.flashAttention ? 0 : 1));
    const result = searchClasses(model, { ...plan, setups: [flash, other, refused], starts: [40, 300] });
    expect(result.refused).toEqual([{ setup: 'tiny cache', reason: 'no such cache' }]);
    const bands = groupClasses(result.findings);
    expect(bands.map(({ start, classes }) => [start, classes.length])).toEqual([
      [40, 2],
      [300, 2],
    ]);
    const table = { ...result, build: 'b', backend: 'cpu', isa: 'x', positions: 8 };
    const text = describeClasses({ ...table, model: { name: 'm', weights: 'f16', root: '00' } } as ClassTable);
    expect(text).toContain('| pass | flash | no flash |');
    expect(text).toMatch(/\| forced 16 \| A \| B \|/);
    expect(text).toContain('Not run, tiny cache: no such cache.');
  });

  it.each([{ positions: LEAST_POSITIONS - 1 }, { shapes: listShapes().slice(0, 1) }, { starts: [] }])(
    'refuses to call anything a class with %o',
    (overrides) =>
      expect(() =>
        classesOf(
          createModel(() => 0),
          overrides,
        ),
      ).toThrow(/compare too little/),
  );

  it('fails where nothing runs', () => {
    const none = { setups: [{ ...flash, kvType: 'q4_0' } as const] };
    expect(() =>
      classesOf(
        createModel(() => 0),
        none,
      ),
    ).toThrow(/no setup ran: no such cache/);
  });

  it('names more than 26 classes', () => expect([0, 25, 26, 52].map(letterOf)).toEqual(['A', 'Z', 'AA', 'BA']));
});
