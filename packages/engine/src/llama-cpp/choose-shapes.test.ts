import { describe, expect, it } from 'vitest';
import type { LocalContext } from '../decode/batch-model.ts';
import { chooseShapes } from './choose-shapes.ts';
import type { ShapePolicy } from './pass-shapes.ts';

interface Costs {
  /** Milliseconds of a pass, whatever it holds. */
  readonly pass: number;
  /** Of every row, padding too. */
  readonly row: number;
}

/** A device with a clock of its own. */
function createDevice({ pass, row }: Costs) {
  let clock = 0;
  let isCompiled = false;
  const freed: ShapePolicy[] = [];
  const open = (policy: ShapePolicy, sequences: number) => {
    let added = 0;
    const context: Partial<LocalContext> = {
      contextSize: 64,
      add: () => void added++,
      decode() {
        expect(added).toBe(sequences);
        if (!isCompiled) clock += 60_000;
        isCompiled = true;
        clock += policy === 'single' ? added * (pass + row) : pass + row * Math.max(9, 2 * added);
        added = 0;
      },
      logits: () => new Float32Array(0),
      free: () => void freed.push(policy),
    };
    return context as LocalContext;
  };
  return { open, now: () => clock, freed };
}

describe('chooseShapes', () => {
  it.each<[string, Costs, number, ShapePolicy]>([
    ['rows that cost nothing beside their pass, one together', { pass: 10, row: 0.02 }, 1, 'wide'],
    ['the same, with eight', { pass: 10, row: 0.1 }, 8, 'wide'],
    ['more than eight, measured as eight', { pass: 10, row: 0.1 }, 64, 'wide'],
    ['rows that cost as much as each other', { pass: 1, row: 25 }, 8, 'single'],
    ['the same, one together', { pass: 1, row: 25 }, 1, 'single'],
    ['padding that costs 2.4 %, one together', { pass: 10, row: 0.03 }, 1, 'wide'],
    ['padding that costs 3.2 %', { pass: 10, row: 0.04 }, 1, 'single'],
  ])('takes for %s what is cheaper', (_, costs, sequences, policy) => {
    const device = createDevice(costs);
    expect(chooseShapes(device.open, { sequences, now: device.now })).toBe(policy);
    expect(device.freed.sort()).toEqual(['single', 'wide']);
  });
});
