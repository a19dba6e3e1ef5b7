import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlots, LEAST_HELD } from './slots.ts';

const SEED = 20261120;
const tokens = (length: number, first = 0): Uint32Array => Uint32Array.from({ length }, (_, i) => first + i);
const shapeClass = 0;
const scope = 'a';
const wanted = { scope, shapeClass };

describe('slots', () => {
  it('run on from the longest beginning of a prompt, and never from the whole of it', () => {
    const slots = createSlots(3);
    for (const length of [20, 40, 30])
      slots.give(slots.take(tokens(5), wanted).slot, { tokens: tokens(length), ...wanted });
    expect(slots.take(tokens(50), wanted).held).toBe(40);
    expect(slots.take(tokens(30), wanted).held).toBe(29);
    expect(slots.take(tokens(50), wanted).held).toBe(20);
    expect(slots.free).toBe(0);
  });

  it('show no beginning to another scope, or to none', () => {
    for (const other of ['b', '', undefined]) {
      const slots = createSlots(1);
      slots.give(slots.take(tokens(5), wanted).slot, { tokens: tokens(40), ...wanted });
      expect(slots.take(tokens(40), { scope: other, shapeClass }).held).toBe(0);
    }
  });

  it('show no rows of another shape class', () => {
    const slots = createSlots(1);
    slots.give(slots.take(tokens(5), wanted).slot, { tokens: tokens(40), ...wanted });
    expect(slots.take(tokens(40), { scope, shapeClass: -1 }).held).toBe(0);
  });

  it('count a beginning up to the first other token, and a short one not at all', () => {
    const prompt = Uint32Array.of(...tokens(LEAST_HELD), 900, 901, 902);
    const slots = createSlots(1);
    slots.give(slots.take(prompt, wanted).slot, { tokens: tokens(LEAST_HELD + 2), ...wanted });
    expect(slots.take(prompt, wanted).held).toBe(LEAST_HELD);
    slots.give(0, { tokens: tokens(LEAST_HELD + 2), ...wanted });
    expect(slots.take(prompt.subarray(0, LEAST_HELD), wanted).held).toBe(0);
  });

  it('do not forget a long conversation for the sake of a short beginning, while another slot is free', () => {
    const slots = createSlots(2);
    slots.take(tokens(1), wanted);
    slots.take(tokens(1), wanted);
    slots.give(0, { tokens: tokens(100), ...wanted });
    slots.give(1);
    const prompt = Uint32Array.of(...tokens(30), 900);
    expect(slots.take(prompt, wanted)).toEqual({ slot: 1, held: 0 });
    expect(slots.take(prompt, wanted)).toEqual({ slot: 0, held: 30 });
  });

  it('take what was used last longest ago, but a neighbour of what runs first', () => {
    const slots = createSlots(4);
    for (let i = 0; i < 4; i++) slots.take(tokens(1), wanted);
    for (const slot of [2, 0, 3, 1]) slots.give(slot, { tokens: tokens(20, 1000 * (slot + 1)), ...wanted });
    expect(slots.take(tokens(20), wanted).slot).toBe(2);
    expect(slots.take(tokens(20), wanted).slot).toBe(3);
    expect(slots.take(tokens(20), wanted).slot).toBe(1);
    expect(slots.take(tokens(20), wanted).slot).toBe(0);
  });

  it('forget everything at once', () => {
    const slots = createSlots(3);
    slots.give(slots.take(tokens(1), wanted).slot, { tokens: tokens(20), ...wanted });
    expect(slots.forget()).toEqual([0]);
    expect(slots.forget()).toEqual([]);
    expect(slots.take(tokens(30), wanted).held).toBe(0);
  });

  it(`name only free slots, and only beginnings that are there, seed ${SEED}`, () => {
    const step = fc.record({
      takes: fc.boolean(),
      family: fc.nat({ max: 2 }),
      length: fc.integer({ min: 1, max: 60 }),
      scope: fc.constantFrom('a', 'b', undefined),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const slots = createSlots(4);
        const inUse: number[] = [];
        const left = new Map<number, { tokens: Uint32Array; scope: string }>();
        for (const { takes, family, length, scope: asked } of steps) {
          const prompt = tokens(length, 1000 * family);
          if (takes && slots.free > 0) {
            const { slot, held } = slots.take(prompt, { scope: asked, shapeClass });
            expect(inUse).not.toContain(slot);
            inUse.push(slot);
            const there = left.get(slot);
            if (held > 0) {
              expect(there?.scope).toBe(asked);
              expect(there?.tokens.subarray(0, held)).toEqual(prompt.subarray(0, held));
              expect(held).toBeLessThan(prompt.length);
            }
            left.delete(slot);
          } else if (!takes && inUse.length > 0) {
            const slot = inUse.splice(length % inUse.length, 1)[0] as number;
            slots.give(slot, asked === undefined ? undefined : { tokens: prompt, scope: asked, shapeClass });
            if (asked !== undefined) left.set(slot, { tokens: prompt, scope: asked });
          }
          expect(slots.free).toBe(4 - inUse.length);
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
