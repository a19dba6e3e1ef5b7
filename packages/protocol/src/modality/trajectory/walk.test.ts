import { createSyntheticPicture, type SyntheticPictureOptions } from '@ogong/testing/synthetic/synthetic-picture';
import { describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../../base/bytes.ts';
import { encodeOpening } from '../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { MAX_LATENT_BYTES, MAX_PICTURE_BYTES, MAX_REPLAY_BYTES, MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { openReply } from '../../verdict/opened-reply.ts';
import { driveWalk, type WantedJob } from '../blob-walk.ts';
import { embedding } from '../embedding/embedding.ts';
import type { PlantTerms } from '../modality.ts';
import { VALUE_BYTES } from '../shared/values.ts';
import { text } from '../text/text.ts';
import { encodeTrajectoryHeader, type TrajectoryHeader } from './header.ts';
import { createLatentNoise, walkNoise } from './noise.ts';
import { countUnits, MAX_PIXELS } from './picture-size.ts';
import { parsePictureRequest } from './request.ts';
import type { SchedulerConfig } from './schedule/scheduler-config.ts';
import { trajectory } from './trajectory.ts';

type Picture = ReturnType<typeof createSyntheticPicture>;
const make = (options: Omit<SyntheticPictureOptions, 'crypto'> = {}) => createSyntheticPicture({ crypto, ...options });
const DRAW = new Uint8Array(32).fill(0xd7);
/** An odd first byte plants another latent. */
const PLANT_SEED = new Uint8Array(32).fill(0x55);
const DIFFUSION: SchedulerConfig = {
  kind: 'diffusion',
  sampler: 'dpm-solver++',
  settings: {
    ...{ trainSteps: 1000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear', prediction: 'epsilon' },
    ...{ spacing: 'leading', stepsOffset: 1, endsClean: false },
  },
};

/** Walks a picture's blobs, and lists the roots that were read. */
async function walk({ record, opening, blobs }: Picture, job?: WantedJob) {
  const roots: string[] = [];
  const walked = await driveWalk(trajectory.walkBlobs(crypto, record, opening, job), {
    async read({ root }) {
      roots.push(toHex(root));
      return blobs(root) as Uint8Array;
    },
    pause: async () => undefined,
  });
  return { walked, roots };
}

const nudge = (values: Float32Array): Float32Array => values.map((value, i) => (i === 5 ? value + 1e-3 : value));

describe('a walk over the outputs of a picture', () => {
  it.each<[string, Omit<SyntheticPictureOptions, 'crypto'>]>([
    ['a picture from noise', {}],
    ['a sampler of two steps', { scheduler: DIFFUSION }],
    ['a picture changed under a mask', { source: { strengthQ16: 65_536, hasMask: true } }],
    ['a broken link', { bend: { latent: (latent, i) => (i === 3 ? nudge(latent) : latent) } }],
    ['noise of its own', { bend: { latent: (latent, i) => (i === 0 ? nudge(latent) : latent) } }],
    [
      'a projection of another output',
      {
        bend: {
          leaves: ({ steps, finalRoot }) => ({
            finalRoot,
            steps: steps.map((step) => ({ ...step, projection: nudge(step.projection) })),
          }),
        },
      },
    ],
  ])('ends as a replay of all of them does: %s', async (_what, options) => {
    const picture = make(options);
    const { record, opening, blobs } = picture;
    const { walked, roots } = await walk(picture, { draw: DRAW });
    const whole = trajectory.replay(crypto, record, opening, { blobs });
    const short = trajectory.replay(crypto, record, opening, { walked });
    expect(short.checks).toEqual(whole.checks);
    expect(short.refutedBy).toEqual(whole.refutedBy);
    expect(short.makeJobBlobs?.(DRAW)).toEqual(whole.makeJobBlobs?.(DRAW));
    const listed = trajectory.listReplayBlobs(opening).map(({ root }) => toHex(root));
    expect(roots).toEqual(listed.slice(0, roots.length));
    if (whole.refutedBy === undefined) expect(roots).toEqual(listed);
  });

  it('keeps the latents of the job and of its honeypot, and no other', async () => {
    const picture = make({ steps: 12 });
    const { record, opening, blobs, leaves } = picture;
    const { walked } = await walk(picture, { draw: DRAW, plantSeed: PLANT_SEED });
    const reply = trajectory.replay(crypto, record, opening, { walked });
    const terms = { endpoint: 'image', draw: DRAW, seed: PLANT_SEED, endorsedClass: '' } satisfies PlantTerms;
    const whole = trajectory.replay(crypto, record, opening, { blobs });
    expect(reply.plant?.(terms).makeBlobs?.()).toEqual(whole.plant?.(terms).makeBlobs?.());
    expect(walked.kept?.filter((latent) => latent !== undefined).length).toBe(4);
    expect(walked.kept?.length).toBe(leaves.steps.length + 1);
    expect(() => reply.makeJobBlobs?.(new Uint8Array(32).fill(1))).toThrow('was not kept');
    const { walked: bare } = await walk(picture);
    expect(bare.kept?.every((latent) => latent === undefined)).toBe(true);
  });

  it('counts for its own commitment alone, and opens a reply as its blobs do', async () => {
    const [picture, other] = [make(), make({ weight: 0.25 })];
    const { walked } = await walk(picture, { draw: DRAW });
    expect(() => trajectory.replay(crypto, other.record, other.opening, { walked })).toThrow(TypeError);
    const opened = openReply(crypto, picture.record, encodeOpening(picture.opening), walked);
    expect([opened?.outcome, opened?.reply.makeJobBlobs?.(DRAW)?.length]).toEqual(['consistent', 3]);
    await expect(walk({ ...picture, opening: other.opening })).rejects.toThrow();
  });

  it('computes the same noise in parts', () => {
    const key = new Uint8Array(32).fill(4);
    const parts = walkNoise(crypto, key, 40_001);
    let pauses = 0;
    let at = parts.next();
    for (; !at.done; at = parts.next()) pauses++;
    expect(pauses).toBe(2);
    const whole = createLatentNoise(crypto, key, 50_000);
    expect(at.value).toEqual(whole.subarray(0, 40_001));
  });
});

describe('the bounds of a picture', () => {
  const { header } = make();
  const flux = { latentChannels: 16, latentScale: 8, scheduler: header.facts.scheduler };

  /** A header of another size, with the counts that follow from it. */
  function sized(
    size: { readonly width: number; readonly height: number; readonly steps?: number },
    facts: TrajectoryHeader['facts'] = flux,
  ): TrajectoryHeader {
    const choices = { ...header.choices, steps: 1, ...size };
    const { latentChannels, latentScale } = facts;
    const embeddingSize = (latentChannels * choices.width * choices.height) / latentScale ** 2;
    return { ...header, choices, facts, embeddingSize, outputTokenCount: countUnits(choices, choices.steps) };
  }

  const ask = (size: string) =>
    parsePictureRequest(utf8Encode(JSON.stringify({ model: 'ogong/verified/a/b', prompt: 'a', size })));

  it('are 6 MiB of pixels: one row or column more is refused', () => {
    expect(MAX_PIXELS).toBe(2048 * 1024);
    expect(3 * (MAX_PIXELS + 1)).toBeGreaterThan(MAX_PICTURE_BYTES);
    expect(ask('2048x1024').size).toEqual({ width: 2048, height: 1024 });
    expect(() => ask('2049x1024')).toThrow('at most 2097152 pixels');
    const pixels = { ...flux, latentChannels: 1, latentScale: 1 } as const;
    expect(() => encodeTrajectoryHeader(sized({ width: 2048, height: 1025 }, pixels))).toThrow(
      'at most 2097152 pixels',
    );
  });

  it.each([
    ['1024x1024', { width: 1024, height: 1024 }],
    ['1280x1024', { width: 1280, height: 1024 }],
    ['1152x896', { width: 1152, height: 896 }],
    ['1536x1024', { width: 1536, height: 1024 }],
    ['1024x1792', { width: 1024, height: 1792 }],
  ])('have room for 50 steps of 16 channels at %s', (_name, size) => {
    const { embeddingSize } = sized(size);
    const most = Math.floor(MAX_REPLAY_BYTES / (VALUE_BYTES * embeddingSize));
    expect(most).toBeGreaterThanOrEqual(50 * Math.min(1, 2 ** 20 / (VALUE_BYTES * embeddingSize)));
    expect(() => encodeTrajectoryHeader(sized({ ...size, steps: most }))).not.toThrow();
    expect(() => encodeTrajectoryHeader(sized({ ...size, steps: most + 1 }))).toThrow('too many to replay');
  });

  it('are 2 MiB of a latent: three of them fit beside the job of a verifier', () => {
    const wide = { ...flux, latentChannels: 8, latentScale: 4 };
    expect(8 * (1024 / 4) * (1024 / 4) * VALUE_BYTES).toBe(MAX_LATENT_BYTES);
    expect(() => encodeTrajectoryHeader(sized({ width: 1024, height: 1024 }, wide))).not.toThrow();
    expect(() => encodeTrajectoryHeader(sized({ width: 1024, height: 1028 }, wide))).toThrow('too large for an audit');
  });

  it('are those of the modality: texts and vectors keep their own', () => {
    const bounds = [text, embedding, trajectory].map(({ maxResponseBytes }) => maxResponseBytes);
    expect(bounds).toEqual([MAX_RESPONSE_BYTES, MAX_RESPONSE_BYTES, MAX_PICTURE_BYTES]);
  });
});
