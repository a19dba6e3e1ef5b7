import { createSyntheticPicture } from '@ogong/testing/synthetic/synthetic-picture';
import { describe, expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import type { PlantedReply } from '../modality.ts';
import { encodeValues } from '../shared/values.ts';
import { drawAuditedSteps, parseTrajectoryClaim } from './audit-job.ts';
import { computeValuesRoot } from './links.ts';
import { type PlantedLatent, plantLatent } from './planted-picture.ts';
import { projectValues } from './projection.ts';
import { encodeTrajectoryReport, type TrajectoryReport } from './report.ts';
import { trajectory } from './trajectory.ts';

const DRAW = new Uint8Array(32).fill(0xd7);
const JOB = { jobId: new Uint8Array(16).fill(1) };
const OTHER = 'fake-1/js/f64/fast/hash/kv-none';
/** An even first byte shows the latents unchanged, an odd one replaces a latent. */
const UNCHANGED = new Uint8Array(32).fill(2);
const CHANGED = new Uint8Array(32).fill(3);

const picture = createSyntheticPicture({ crypto });
const edited = createSyntheticPicture({ crypto, source: { strengthQ16: 65_536, hasMask: true } });

function open(of: typeof picture, hasBlobs = true) {
  const reply = trajectory.replay(crypto, of.record, of.opening, hasBlobs ? { blobs: of.blobs } : {});
  const drawn = drawAuditedSteps(crypto, { draw: DRAW, replyId: of.record.replyId, steps: of.leaves.steps });
  const plant = (seed: Uint8Array, endorsedClass = of.header.numericClass): PlantedReply =>
    reply.plant?.({ endpoint: of.header.endpoint, draw: DRAW, seed, endorsedClass }) as PlantedReply;
  return { reply, drawn, plant };
}

const { reply, drawn, plant } = open(picture);
const planted = plantLatent(crypto, picture.leaves, drawn, { seed: CHANGED }) as PlantedLatent;
const known = encodeTrajectoryReport(picture.report(drawn));

/** The result of an honest verifier that runs the planted step on the latent of the job. */
function runPlanted(change: Partial<TrajectoryReport> = {}): TrajectoryReport {
  const honest = picture.report(drawn, change);
  const values = (picture.latents[planted.latent] as Float32Array).map((value) => value / 3);
  const rootOf = computeValuesRoot(crypto, picture.opening.blind, values);
  const own = projectValues(crypto, picture.header.sketchBankSeed, values);
  const steps = honest.steps.map((one) =>
    one.step === planted.step ? { ...one, outputRoot: rootOf, projection: own } : one,
  );
  return { ...honest, steps };
}

function compare(report: TrajectoryReport, seed = UNCHANGED, by = plant(seed)) {
  const read = by.read(encodeTrajectoryReport(report), JOB);
  return 'problem' in read ? read : read.compare(known, undefined);
}

describe('the job of a planted picture', () => {
  it('is that of the pair, or has another latent of the reply at one drawn step', () => {
    const own = reply.describeJob('image', DRAW);
    expect(plant(UNCHANGED).inputs).toEqual(own);
    expect(plant(UNCHANGED).makeBlobs?.()).toEqual(reply.makeJobBlobs?.(DRAW));
    const { claim, ...rest } = plant(CHANGED).inputs;
    expect({ ...own, claim }).toEqual({ ...rest, claim });
    const shown = parseTrajectoryClaim(claim);
    const before = parseTrajectoryClaim(own.claim);
    expect(shown.finalRoot).toEqual(before.finalRoot);
    expect(shown.steps.map(({ step }) => step)).toEqual(drawn);
    const changed = shown.steps.filter(
      ({ latentRoot }, i) => String(latentRoot) !== String(before.steps[i]?.latentRoot),
    );
    expect(changed.map(({ step }) => step)).toEqual([planted.step]);
    const blobs = plant(CHANGED).makeBlobs?.() ?? [];
    expect(blobs[drawn.indexOf(planted.step)]).toEqual(encodeValues(picture.latents[planted.latent] as Float32Array));
  });

  it('shows no latent twice, and each drawn step is replaced at times', () => {
    const replaced = new Set<number>();
    for (let n = 1; n < 80; n += 2) {
      const { step, latent } = plantLatent(crypto, picture.leaves, drawn, {
        seed: new Uint8Array(32).fill(n),
      }) as PlantedLatent;
      expect([...drawn, picture.latents.length - 1]).not.toContain(latent);
      replaced.add(step);
    }
    expect([...replaced].sort()).toEqual(drawn);
  });

  it('is unchanged if no other latent is left, or all others have the same root', () => {
    const single = createSyntheticPicture({ crypto, steps: 1 });
    expect(plantLatent(crypto, single.leaves, [0], { seed: CHANGED })).toBeUndefined();
    const steps = picture.leaves.steps.map((one) => ({ ...one, latentRoot: picture.leaves.finalRoot }));
    expect(plantLatent(crypto, { ...picture.leaves, steps }, drawn, { seed: CHANGED })).toBeUndefined();
  });

  it('follows from the opening alone, so a co-signer without latents computes it too', () => {
    const bare = open(picture, false).plant(CHANGED);
    expect(bare.inputs).toEqual(plant(CHANGED).inputs);
    expect(bare.makeBlobs?.()).toBeUndefined();
  });
});

describe('an answer about a planted picture', () => {
  it('is credited with the units of its work if it is true', () => {
    expect(compare(picture.report(drawn))).toEqual({ outcome: 'credited' });
    expect(compare(runPlanted(), CHANGED)).toEqual({ outcome: 'credited' });
    const read = plant(CHANGED).read(encodeTrajectoryReport(runPlanted()), JOB);
    expect(read).toMatchObject({ tokens: 3 });
  });

  const first = drawn[0] as number;
  const bendStep = (change: object, at = first): Partial<TrajectoryReport> => ({
    steps: picture.report(drawn).steps.map((one) => (one.step === at ? { ...one, ...change } : one)),
  });
  const other = new Float32Array(61).fill(2);

  it.each<[string, Partial<TrajectoryReport>]>([
    ['another output', bendStep({ outputRoot: new Uint8Array(32) })],
    ['another projection of an output', bendStep({ projection: other })],
    ['another picture', { responseHash: new Uint8Array(32) }],
    ['another projection of the picture', { pixels: other }],
    ['another prompt', { promptTokensHash: new Uint8Array(32) }],
    ['another tokenizer', { vocabularyHash: new Uint8Array(32) }],
    ['another guidance', { choices: { ...picture.header.choices, guidanceQ16: 1 } }],
  ])('is refuted with %s', (_what, change) => {
    expect(compare(picture.report(drawn, change))).toEqual({ outcome: 'refuted' });
  });

  it('is refuted with a wrong picture or another step beside the planted one', () => {
    expect(compare(runPlanted({ responseHash: new Uint8Array(32) }), CHANGED)).toEqual({ outcome: 'refuted' });
    const beside = drawn.find((step) => step !== planted.step);
    const steps = runPlanted().steps.map((one) =>
      one.step === beside ? { ...one, outputRoot: new Uint8Array(32) } : one,
    );
    expect(compare(runPlanted({ steps }), CHANGED)).toEqual({ outcome: 'refuted' });
  });

  it.each([picture.header.numericClass, OTHER])(
    'in class %s is refuted if it repeats the answer of the pair',
    (numericClass) => {
      const isExact = numericClass !== OTHER;
      const copied = picture.report(drawn, { numericClass, exact: isExact });
      const by = plant(CHANGED, numericClass);
      expect(compare(copied, CHANGED, by)).toEqual({ outcome: 'refuted' });
      const rootAlone = runPlanted({ numericClass, exact: isExact });
      const steps = rootAlone.steps.map((one, i) => ({
        ...one,
        outputRoot: copied.steps[i]?.outputRoot as Uint8Array,
      }));
      expect(compare({ ...rootAlone, steps }, CHANGED, by)).toEqual({ outcome: 'refuted' });
    },
  );

  it('in another class counts for nobody by fixed limits', () => {
    const far = picture.report(drawn, { numericClass: OTHER, exact: false, ...bendStep({ projection: other }) });
    expect(compare(far, UNCHANGED, plant(UNCHANGED, OTHER))).toEqual({ outcome: 'credited', isSuspect: false });
  });

  it('marks nobody if its verifier denies the class that it signed', () => {
    expect(compare(picture.report(drawn, { exact: false }))).toMatchObject({
      problem: expect.stringContaining('denies it'),
      isWellFormed: true,
    });
  });

  it.each<[string, Partial<TrajectoryReport>]>([
    ['another job', { jobId: new Uint8Array(16) }],
    ['another model', { modelRoot: new Uint8Array(32) }],
    ['a step less', { steps: picture.report(drawn).steps.slice(0, 1) }],
  ])('is no answer if it is about %s', (_what, change) => {
    const read = compare(picture.report(drawn, change));
    expect(read).toHaveProperty('problem');
    expect(read).not.toHaveProperty('isWellFormed');
  });

  it('about a changed picture is refuted with another latent of the picture to change', () => {
    const own = open(edited);
    const honest = edited.report(own.drawn);
    const compareEdit = (report: TrajectoryReport) => {
      const read = own.plant(UNCHANGED).read(encodeTrajectoryReport(report), JOB);
      return 'problem' in read ? read : read.compare(encodeTrajectoryReport(honest), undefined);
    };
    expect(compareEdit(honest)).toEqual({ outcome: 'credited' });
    const source = { ...(honest.source as NonNullable<typeof honest.source>), latentRoot: new Uint8Array(32) };
    expect(compareEdit({ ...honest, source })).toEqual({ outcome: 'refuted' });
  });
});
