import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { getLargest, MIN_DISTANCE_REPLIES } from '@ogong/protocol/modality/text/drift/distance-rows';
import { findTrajectoryLimits } from '@ogong/protocol/modality/trajectory/measured-limits';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, describe, expect, it } from 'vitest';
import { measurePictureDrift } from './measure-drift.ts';

const ERROR = 1e-5;
const provider = createFakeTrajectoryEngine();
const verifier = createFakeTrajectoryEngine({ exact: false, error: ERROR });
const other = createFakeTrajectoryEngine({ exact: false, weights: 2 });
afterAll(() => Promise.all([provider, verifier, other].map((engine) => engine.close())));

const options = {
  ...{ crypto, replies: MIN_DISTANCE_REPLIES, steps: 3, codeVersion: 'test' },
  signal: new AbortController().signal,
};

describe('the drift of a model of pictures', () => {
  it('is the largest distance over all steps, from which the limits follow', async () => {
    const measured: number[] = [];
    const onProgress = (done: number): void => void measured.push(done);
    const row = await measurePictureDrift({ provider, verifier }, { ...options, onProgress });
    const { modelRoot, numericClass: providerClass } = provider.info();
    expect(row).toMatchObject({ modelRoot, providerClass, verifierClass: verifier.info().numericClass, replies: 50 });
    expect(measured).toHaveLength(MIN_DISTANCE_REPLIES);
    const output = getLargest(row, 'output') as number;
    expect(output).toBeGreaterThan(ERROR / 100);
    expect(output).toBeLessThan(100 * ERROR);
    // The model's own guidance is 3, and a half more is measured, too.
    expect(getLargest(row, 'guidance')).toBe(4.5 * 65_536);
    const table = { version: 1, previous: new Uint8Array(32), families: [], rows: [], distances: [row] };
    const choices = { width: 32, height: 32, guidanceQ16: 3 * 65_536 };
    const found = findTrajectoryLimits(table, modelRoot, {
      header: { numericClass: providerClass, choices },
      report: verifier.info(),
    });
    expect(found.output).toEqual({ doubt: 4 * output, reject: 16 * output });
  });

  it.each([
    ['too few pictures', { provider, verifier }, { replies: MIN_DISTANCE_REPLIES - 1 }, /49 pictures/],
    ['two models', { provider, verifier: other }, {}, /different models/],
    ['one class', { provider, verifier: provider }, {}, /both engines compute in/],
  ])('is not measured from %s', async (_name, engines, change, message) => {
    await expect(measurePictureDrift(engines, { ...options, ...change })).rejects.toThrow(message);
  });
});
