import { readVisionExamples } from '@ogong/testing/models/vision-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUNDINGS } from '../trajectory/edited-folder.ts';
import { explainAbsence } from '../trajectory/engines.ts';
import { VISION_ATTACKS } from './catalogue.ts';
import { openVisionEngines, type VisionEngines } from './engines.ts';
import { HONEST_VISION, playVision, type VisionTrial } from './trial.ts';

const absence = explainAbsence();
function describeHere(name: string, tests: () => void): void {
  describe.skipIf(absence !== undefined)(absence === undefined ? name : `${name} (skipped: ${absence})`, tests);
}

let engines: VisionEngines;
if (absence === undefined)
  beforeAll(async () => {
    engines = await openVisionEngines();
    // Both cores load them at the same time.
    await Promise.all(ROUNDINGS.map(engines.means.open));
  });
afterAll(() => engines?.close());

const examples = readVisionExamples();
const exampleOf = (number: number) => examples[number % examples.length] as (typeof examples)[number];

/** @param by the engine that serves. */
function play(attack: Parameters<typeof playVision>[0], number = 0, by = engines.means.sold): Promise<VisionTrial> {
  const { means, verifiers } = engines;
  const [asked, second, earlier] = [exampleOf(number), exampleOf(number + 1), exampleOf(number + 2)];
  return playVision(attack, {
    means: { ...means, sold: by },
    verifiers: [verifiers.native, verifiers.wasm],
    number,
    question: asked.question,
    files: [asked.file, second.file, earlier.file],
  });
}

describeHere('an honest answer about a picture', () => {
  it.each(['native', 'wasm'] as const)('of a %s encoder passes in both classes of encoders', async (backend) => {
    for (const number of [0, 1, 2]) {
      const { gateway, validator, audits } = await play(HONEST_VISION, number, engines.verifiers[backend]);
      expect([gateway, validator, audits.map(({ outcome, failed }) => [outcome, failed])]).toEqual([
        [],
        [],
        [
          ['accept', []],
          ['accept', []],
        ],
      ]);
      const [native, wasm] = audits.map(({ distance }) => distance as number);
      const [same, other] = backend === 'native' ? [native, wasm] : [wasm, native];
      expect(same).toBe(0);
      expect(other).toBeGreaterThan(0);
      expect(other).toBeLessThan(1e-6);
    }
  });

  it('about two pictures passes', async () => {
    const { gateway, audits } = await play({ ...HONEST_VISION, pictures: 2 });
    expect([gateway, audits.map(({ outcome }) => outcome)]).toEqual([[], ['accept', 'accept']]);
  });
});

describeHere('a cheat', () => {
  it.each(VISION_ATTACKS)('$name is caught by $caughtBy', async (attack) => {
    const { gateway, validator, audits } = await play(attack);
    const found = [gateway, validator, ...audits.map(({ failed }) => failed)].filter(({ length }) => length > 0);
    expect(found[0]).toContain(attack.caughtBy);
    // No class of encoders hides a cheat.
    for (const { outcome, failed } of audits) {
      expect(outcome).toBe('reject');
      expect(failed).toContain(attack.caughtBy);
    }
    expect(found.length).toBeGreaterThan(0);
  });
});
