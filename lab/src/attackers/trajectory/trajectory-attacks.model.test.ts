import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PictureAttack } from './attack.ts';
import { PICTURE_ATTACKS } from './catalogue.ts';
import { FOLDER_EDITS } from './edited-folder.ts';
import { explainAbsence, keepOwnClass, openPictureEngines, type PictureEngines } from './engines.ts';
import { HONEST_PICTURE, type PictureTrial, playPicture } from './trial.ts';

const absence = explainAbsence();
function describeHere(name: string, tests: () => void): void {
  describe.skipIf(absence !== undefined)(absence === undefined ? name : `${name} (skipped: ${absence})`, tests);
}

let engines: PictureEngines;
if (absence === undefined)
  beforeAll(async () => {
    engines = await openPictureEngines(pathOfPictureModel('tiny-shapes-flow-dit'));
    // Both cores load them at the same time.
    await Promise.all(FOLDER_EDITS.map(engines.means.open));
  });
afterAll(() => engines?.close());

/** Even, so that half of them are steps, too. */
const STEPS = 4;
/** Audits of a cheat in some of the steps until one of them draws a false step. */
const MOST_AUDITS = 8;

const play = (attack: Parameters<typeof playPicture>[0], number = 0): Promise<PictureTrial> => {
  const { means, verifiers } = engines;
  const prompt = number % 2 === 0 ? 'a large red circle' : 'a small cyan square';
  return playPicture(attack, {
    means,
    verifiers: [verifiers.same, keepOwnClass(verifiers.wasm)],
    number,
    prompt,
    steps: STEPS,
  });
};

describeHere('an honest picture', () => {
  it('passes in its own class to the bit, and in another class by its distances', async () => {
    for (const number of [0, 1]) {
      const { refused, audits } = await play(HONEST_PICTURE, number);
      expect([refused, audits.map(({ outcome, failed }) => [outcome, failed])]).toEqual([
        [],
        [
          ['accept', []],
          ['accept', []],
        ],
      ]);
      const [same, other] = audits.map(({ distances }) => distances?.output);
      expect(same).toBe(0);
      expect(other).toBeGreaterThan(0);
      expect(other).toBeLessThan(1e-5);
    }
  });
});

/** Ids of the checks that a reply fails at the gateway, or at a verifier of its class. */
const listFound = ({ refused, audits: [same] }: PictureTrial): readonly string[] =>
  refused.length > 0 ? refused : (same?.failed ?? []);

describeHere('an honest change of a picture', () => {
  it.each(['picture', 'masked'] as const)('passes in both classes (%s)', async (changes) => {
    const { refused, audits } = await play({ ...HONEST_PICTURE, changes });
    expect([refused, audits.map(({ outcome, failed }) => [outcome, failed])]).toEqual([
      [],
      [
        ['accept', []],
        ['accept', []],
      ],
    ]);
  });
});

describeHere('a cheat', () => {
  it.each(PICTURE_ATTACKS.filter(({ isPartial }) => !isPartial))('$name is caught by $caughtBy', async (attack) => {
    const trial = await play(attack);
    expect(listFound(trial)).toEqual([attack.caughtBy]);
    // No class hides a cheat: another class is never a reason to accept it.
    for (const { outcome } of trial.audits) expect(outcome).not.toBe('accept');
  });

  it.each(PICTURE_ATTACKS.filter(({ isPartial }) => isPartial))(
    '$name is caught by $caughtBy once a false step is drawn',
    async (attack) => {
      const found = await findCaught(attack);
      expect(listFound(found)).toEqual([attack.caughtBy]);
    },
  );
});

async function findCaught(attack: PictureAttack): Promise<PictureTrial> {
  let trial = await play(attack);
  for (let number = 1; number < MOST_AUDITS && listFound(trial).length === 0; number++)
    trial = await play(attack, number);
  return trial;
}
