import { createHiddenPicture, type HiddenPictureOptions } from '@ogong/testing/synthetic/hidden-picture';
import { createSyntheticPicture } from '@ogong/testing/synthetic/synthetic-picture';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { encodeTrajectoryHeader, parseTrajectoryHeader, type TrajectoryHeader } from '../header.ts';
import { computeValuesRoot } from '../links.ts';
import { HIDDEN_SCHEDULER } from '../schedule/hidden-schedule.ts';
import { trajectory } from '../trajectory.ts';
import { formatTrajectory } from '../trajectory-format.ts';

function replay(options: Omit<HiddenPictureOptions, 'crypto'> = {}) {
  const { record, opening } = createHiddenPicture({ crypto, ...options });
  return trajectory.replay(crypto, record, opening).checks;
}
const failedOf = (checks: ReturnType<typeof replay>): readonly string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id, detail }) => `${id}: ${detail}`);

describe('a picture without steps', () => {
  it('passes stage 1, which says that nothing shows how it was made', () => {
    const { header, opening } = createHiddenPicture({ crypto });
    const checks = replay();
    expect(checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...['commitment-root pass', 'commitment-form pass', 'posture pass', 'token-count pass'],
      ...['links skip', 'projections skip'],
    ]);
    expect(checks.at(-1)?.detail).toBe('tier vanilla shows no steps: how the picture was made is not checked');
    expect(trajectory.listReplayBlobs(opening)).toEqual([]);
    expect(trajectory.countOutputs(header)).toBe(0);
    expect(parseTrajectoryHeader(opening.header)).toEqual(header);
    expect(formatTrajectory(opening)).toMatchObject({ steps: [], scheduler: { kind: 'hidden' } });
  });

  it.each<[what: string, options: Omit<HiddenPictureOptions, 'crypto'>, failed: RegExp]>([
    ['in a tier that checks steps', { tier: 'verified' }, /^commitment-form: .*without steps, and tier verified/],
    [
      'with a count of steps in its record',
      { bend: { record: (record) => ({ ...record, tokenCount: 5 }) } },
      /^token-count:/,
    ],
    [
      'with another latent',
      {
        bend: {
          leaves: (leaves) => ({
            ...leaves,
            finalRoot: computeValuesRoot(crypto, new Uint8Array(32), new Float32Array(1)),
          }),
        },
      },
      /^links: .*not zero/,
    ],
    [
      'with a leaf for a step',
      {
        bend: {
          leaves: ({ finalRoot }) => ({
            steps: [{ latentRoot: finalRoot, outputRoot: finalRoot, projection: new Float32Array(61) }],
            finalRoot,
          }),
        },
      },
      /^commitment-form: 2 leaves of a trajectory of 0 steps/,
    ],
  ])('fails %s', (_what, options, failed) => {
    expect(failedOf(replay(options))).toEqual([expect.stringMatching(failed)]);
  });

  it('fails with shown steps in a tier without steps', () => {
    const shown = createSyntheticPicture({ crypto, tier: 'vanilla', numericClass: 'a/b/c/signed/d/e' });
    const { checks } = trajectory.replay(crypto, shown.record, shown.opening, { blobs: shown.blobs });
    expect(failedOf(checks)).toEqual(['commitment-form: a picture with steps, and tier vanilla has none']);
  });

  it.each<[what: string, change: Partial<TrajectoryHeader>, words: RegExp]>([
    [
      'channels',
      { facts: { latentChannels: 4, latentScale: 1, scheduler: HIDDEN_SCHEDULER } },
      /states the form of a latent/,
    ],
    ['a scale', { facts: { latentChannels: 1, latentScale: 8, scheduler: HIDDEN_SCHEDULER } }, /the form of a latent/],
    ['values', { embeddingSize: 2 }, /a latent of 2 values, not 1/],
    ['other units', { outputTokenCount: 4 }, /4 units, not 5/],
  ])('has no header with %s', (_what, change, words) => {
    const { header } = createHiddenPicture({ crypto });
    expect(() => encodeTrajectoryHeader({ ...header, ...change })).toThrow(ProtocolError);
    expect(() => encodeTrajectoryHeader({ ...header, ...change })).toThrow(words);
  });

  it('has no sampler', () => {
    const { header } = createHiddenPicture({ crypto });
    const choices = { ...header.choices, sampler: 'euler' } as const;
    expect(failedOf(replay({ bend: { header: (one) => ({ ...one, choices }) } }))).toEqual([
      expect.stringMatching(/^commitment-form: .*takes no sampler/),
    ]);
  });
});
