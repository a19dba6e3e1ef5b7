import { crc32, deflateSync } from 'node:zlib';
import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { Refusal } from '@ogong/host/link/link-error';
import { encodePng } from '@ogong/host/media/png';
import { toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { GuidancePlan } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { countLatentValues } from '@ogong/protocol/modality/trajectory/header';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { describe, expect, it } from 'vitest';
import { chooseDrawKey } from '../draw-keys.ts';
import { commitPicture } from './commit-picture.ts';
import { type MadePicture, makePicture } from './make-picture.ts';
import { measurePictureDrift } from './measure-drift.ts';
import { resolveChoices } from './picture-choices.ts';
import { readSource, type SourcePixels } from './read-source.ts';
import { openPictureJob } from './score-picture.ts';

const engine = createFakeTrajectoryEngine();
const signer = createNodeHybridSigner(new Uint8Array(64).fill(1));
const signal = new AbortController().signal;
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const draw = fill(32, 7);
const beacon = { value: fill(32, 8), previous: fill(32, 9) };

interface Cheat {
  /** The engine that computes. Default: an honest one. */
  readonly by?: TrajectoryEngine;
  readonly steps?: number;
  readonly prompt?: string;
  /** Fields of the request. Default: none. */
  readonly fields?: object;
  /** Choices by which the steps are made. Default: those of the request. */
  readonly guidancePlan?: GuidancePlan | undefined;
  /** Fields of a picture to change. Default: it comes from noise alone. */
  readonly edit?: { readonly image: string; readonly mask?: string; readonly strength?: number };
  /** Changes the pixels that are encoded. */
  readonly bendInput?: (input: SourcePixels | undefined) => SourcePixels | undefined;
  readonly bend?: (picture: MadePicture) => MadePicture;
}

/** Serves a picture of 6 steps, honestly or not, and runs stage 1 with its blobs. */
async function serve({
  by = engine,
  steps = 6,
  prompt = 'a red ship',
  edit,
  fields: more,
  bendInput = (input) => input,
  bend = (picture) => picture,
  ...cheat
}: Cheat = {}) {
  const fields = { prompt: 'a red ship', negative_prompt: 'blue', steps: 6, ...more, ...edit };
  const written = utf8Encode(JSON.stringify({ model: 'ogong/verified/test/fake', ...fields }));
  const { body, media } = detachMedia(crypto, written);
  const endpoint = edit === undefined ? 'image' : 'image-edit';
  const request = trajectory.parseRequest(body, endpoint);
  const { modelRoot } = engine.info();
  const order = {
    ...{ modelRoot, requestHash: hashRequest(crypto, endpoint, body), replyId: fill(16, 2), orderHash: fill(32, 3) },
    ...{ payee: fill(20, 4), choice: 0, nonce: fill(32, 5), providerId: fill(32, 6), epoch: 1n },
  };
  const info = engine.info();
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const choices = resolveChoices(request, info);
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), countLatentValues(choices, info));
  const input = bendInput(await readSource(request, media, { size: choices, info }));
  const guidancePlan = 'guidancePlan' in cheat ? cheat.guidancePlan : choices.guidancePlan;
  const asked = { request: { ...request, prompt }, choices: { ...choices, steps, guidancePlan }, input };
  const made = bend({ ...(await makePicture(by, asked, { noise, signal })), choices: { ...choices, steps } });
  const served = { order, request, body, info, beacon, drawKey, picture: made, startMs: 0, endMs: 1 };
  const committed = await commitPicture(crypto, signer, served);
  const kept = new Map(committed.blobs?.map(({ ref, bytes }) => [toHex(ref.root), bytes]));
  const replay = (blobs?: FindBlob) =>
    trajectory.replay(crypto, parseRecordV2(committed.record), parseOpening(committed.opening), { blobs });
  const reply = replay((root) => kept.get(toHex(root)));
  const inputs = reply.describeJob(endpoint, draw);
  const job: ScoreJobMessage = {
    ...{ jobId: fill(16, 1), request: body, timeoutMs: 0, ...inputs },
    ...{ blobs: [...(reply.makeJobBlobs?.(draw) ?? [])], media: [...media.values()] },
  };
  return { committed, reply, replay, job, made };
}

type Served = Awaited<ReturnType<typeof serve>>;

/** Runs a job on a verifier's engine, and weighs the report. */
async function audit({ reply, job }: Pick<Served, 'reply' | 'job'>, verifier = engine, table?: DriftTable) {
  const report = await openPictureJob(job, { engine: verifier, crypto }).score(signal);
  const read = reply.readReport(report, { jobId: job.jobId, draw, contextSize: 0 });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, checks } = read.weigh(table ? { drift: { table } } : {});
  return { outcome, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

describe('a served picture', () => {
  it('passes stage 1 with its blobs, and skips links and projections without them', async () => {
    const { reply, replay, made } = await serve();
    expect(reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    const without = replay().checks.filter(({ status }) => status !== 'pass');
    expect(without.map(({ id, status }) => [id, status])).toEqual([
      ['links', 'skip'],
      ['projections', 'skip'],
    ]);
    expect(made.pixels).toHaveLength(32 * 32 * 3);
  });

  it('is accepted by a verifier of its class, to the bit, and by one of another class', async () => {
    const served = await serve();
    expect(await audit(served)).toEqual({ outcome: 'accept', failed: [] });
    const other = createFakeTrajectoryEngine({ exact: false, error: 1e-6 });
    expect(await audit(served, other)).toEqual({ outcome: 'accept', failed: [] });
  });
});

describe('an audit rejects', () => {
  it('by the limits of a drift table outputs that the fixed limits leave open', async () => {
    const verifier = createFakeTrajectoryEngine({ exact: false, error: 1e-6 });
    const options = { crypto, replies: 50, steps: 6, codeVersion: 'test', signal };
    const row = await measurePictureDrift({ provider: engine, verifier }, options);
    const table = { version: 1, previous: fill(32, 0), families: [], rows: [], distances: [row] };
    const served = await serve({ by: createFakeTrajectoryEngine({ error: 3e-4 }) });
    expect(await audit(served, verifier)).toEqual({ outcome: 'inconclusive', failed: [] });
    expect(await audit(served, verifier, table)).toEqual({ outcome: 'reject', failed: ['output-distance'] });
    expect(await audit(await serve(), verifier, table)).toEqual({ outcome: 'accept', failed: [] });
  });

  it('the outputs of another prompt, whose links hold', async () => {
    const served = await serve({ prompt: 'a blue ship', bend: (picture) => ({ ...picture, tokens: honest.tokens }) });
    expect(served.reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(await audit(served)).toEqual({ outcome: 'reject', failed: ['equality'] });
    const other = createFakeTrajectoryEngine({ exact: false });
    expect((await audit(served, other)).failed).toContain('output-distance');
  });

  it('another model, and outputs that repeat those before', async () => {
    expect((await audit(await serve({ by: createFakeTrajectoryEngine({ weights: 2 }) }))).outcome).toBe('reject');
    const lazy: TrajectoryEngine = { ...engine, generate: repeatSteps };
    const served = await serve({ by: lazy });
    expect(served.reply.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect((await audit(served)).failed).toEqual(['equality']);
  });

  it('pixels that are not those of the last latent', async () => {
    const bend = (picture: MadePicture): MadePicture => ({
      ...picture,
      pixels: picture.pixels.map((value) => 255 - value),
    });
    const served = await serve({ bend });
    expect(served.reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect((await audit(served)).failed).toEqual(['equality']);
    const other = createFakeTrajectoryEngine({ exact: false });
    expect((await audit(served, other)).failed).toEqual(['pixel-distance']);
  });

  it('tokens of another prompt', async () => {
    const bend = (picture: MadePicture): MadePicture => ({
      ...picture,
      tokens: { ...picture.tokens, prompt: Uint32Array.of(1) },
    });
    expect(await audit(await serve({ bend }))).toEqual({ outcome: 'reject', failed: ['prompt-tokens'] });
  });

  it('a header that states properties that the model does not have', async () => {
    const served = await serve();
    const other = createFakeTrajectoryEngine({
      scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 },
    });
    expect(await audit(served, other)).toEqual({ outcome: 'reject', failed: ['model-facts'] });
    const fixed = createFakeTrajectoryEngine({ side: 48, hasFixedSize: true });
    expect(await audit(served, fixed)).toEqual({ outcome: 'reject', failed: ['model-choices'] });
  });
});

it('a picture of fewer steps than the header declares has no form of one', async () => {
  const bend = (picture: MadePicture): MadePicture => ({ ...picture, choices: honest.choices });
  await expect(serve({ steps: 3, bend })).rejects.toThrow(/without a form/);
});

describe('a verifier refuses a job', () => {
  const bendBlobs = (job: ScoreJobMessage, change: (blobs: Uint8Array[]) => Uint8Array[]) => ({
    ...job,
    blobs: change((job.blobs ?? []).map((blob) => Uint8Array.from(blob))),
  });

  it.each<[string, (blobs: Uint8Array[]) => Uint8Array[], RegExp]>([
    ['no latents', () => [], /0 latents came, and the claim names 3/],
    ['a short latent', ([first, ...more]) => [first!.subarray(4), ...more], /a latent of 1020 bytes came/],
    ['latents in another order', ([a, b, c]) => [b!, a!, c!], /latent 0 is not the one that the claim names/],
    [
      'a latent of which one bit is changed',
      ([a, b, c]) => {
        c![0]! ^= 1;
        return [a!, b!, c!];
      },
      /latent 2 is not the one that the claim names/,
    ],
  ])('with %s', async (_name, change, message) => {
    const { job } = await serve();
    const open = () => openPictureJob(bendBlobs(job, change), { engine, crypto });
    expect(open).toThrow(Refusal);
    expect(open).toThrow(message);
  });

  it('of another endpoint or modality', async () => {
    const { job } = await serve();
    expect(() => openPictureJob({ ...job, endpoint: 'chat' }, { engine, crypto })).toThrow(/makes pictures; chat/);
    expect(() => openPictureJob({ ...job, modality: 'text' }, { engine, crypto })).toThrow(/another modality/);
  });
});

describe('an engine', () => {
  it('fails by an output with a value that is not a number, and by latents of other arithmetic', async () => {
    const bent = (change: (step: number, latent: Float32Array, output: Float32Array | undefined) => void) => ({
      ...engine,
      async *generate(...call: Parameters<TrajectoryEngine['generate']>) {
        for await (const step of engine.generate(...call)) {
          change(step.step, step.latent, step.output);
          yield step;
        }
      },
    });
    const nan = bent((step, _latent, output) => step === 2 && output?.fill(Number.NaN, 5, 6));
    await expect(serve({ by: nan })).rejects.toThrow(/value 5 of the output of step 2 is NaN/);
    const far = bent((step, latent) => step === 3 && latent.fill(1, 0, 1));
    await expect(serve({ by: far })).rejects.toThrow(/latent 3 does not follow from the step before/);
  });
});

const PNG = async (paint: (x: number, y: number) => readonly number[]): Promise<string> => {
  const pixels = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => {
    const at = Math.floor(i / 3);
    return paint(at % 40, Math.floor(at / 40))[i % 3] as number;
  });
  return `data:image/png;base64,${toBase64(await encodePng({ width: 40, height: 24, pixels }))}`;
};
const PICTURE = await PNG((x, y) => [6 * x, 10 * y, 128]);
/** 32x32 pixels of gray and opacity: the left half is transparent. */
const MASK = packMask((x) => (x < 16 ? 0 : 255));

describe('a changed picture', () => {
  it.each<[string, NonNullable<Cheat['edit']>, number]>([
    ['with the usual strength', { image: PICTURE }, 4],
    ['of half the schedule', { image: PICTURE, strength: 0.5 }, 3],
    ['with a mask', { image: PICTURE, mask: MASK }, 6],
    ['with a mask and half the schedule', { image: PICTURE, mask: MASK, strength: 0.5 }, 3],
  ])('%s passes stage 1 and its audit, in its class and in another one', async (_what, edit, steps) => {
    const served = await serve({ edit });
    expect(served.reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(served.made.steps).toHaveLength(steps);
    expect(await audit(served)).toEqual({ outcome: 'accept', failed: [] });
    const other = createFakeTrajectoryEngine({ exact: false, error: 1e-6 });
    expect(await audit(served, other)).toEqual({ outcome: 'accept', failed: [] });
  });

  it('keeps what the mask does not cover', async () => {
    const { made } = await serve({ edit: { image: PICTURE, mask: MASK } });
    const { final, source } = made;
    const isKept = (i: number): boolean => source?.mask?.[i % 64] === 0;
    expect(final.filter((_, i) => isKept(i))).toEqual(source?.latent.filter((_, i) => isKept(i)));
    expect(final.filter((_, i) => !isKept(i))).not.toEqual(source?.latent.filter((_, i) => !isKept(i)));
  });

  it('of another picture, or with another mask, is rejected', async () => {
    const paint = (input: SourcePixels | undefined) => input && { ...input, pixels: input.pixels.map((v) => 255 - v) };
    const other = await serve({ edit: { image: PICTURE }, bendInput: paint });
    expect(other.reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(await audit(other)).toEqual({ outcome: 'reject', failed: ['equality'] });
    const far = await audit(other, createFakeTrajectoryEngine({ exact: false }));
    expect(far).toEqual({ outcome: 'reject', failed: ['encoding-distance'] });

    const turn = (input: SourcePixels | undefined) =>
      input && { ...input, mask: input.mask?.map((value) => 1 - value) };
    const unmasked = await serve({ edit: { image: PICTURE, mask: MASK }, bendInput: turn });
    expect(await audit(unmasked)).toEqual({ outcome: 'reject', failed: ['mask'] });
  });

  it('of a file that is no picture is refused, and a verifier whose model has no encoder rejects', async () => {
    const image = 'data:image/png;base64,AAAA';
    await expect(serve({ edit: { image } })).rejects.toThrow('the picture is neither PNG, JPEG, WebP nor GIF');
    const pixels = new Uint8Array(32 * 32 * 3);
    const made = await serve({ edit: { image: PICTURE }, bendInput: () => ({ pixels, mask: undefined }) });
    const blank = createFakeTrajectoryEngine({ canEdit: false });
    expect((await audit(made, blank)).outcome).toBe('reject');
  });
});

describe('a picture of guidance with a window and momentum', () => {
  const fields = { guidance_start: 0.3, guidance_end: 0.9, guidance_momentum: 0.5 };
  const plan = { startQ16: 19_661, endQ16: 58_982, momentumQ16: 32_768 };
  const listFailed = ({ reply }: Served) => reply.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

  it.each<[string, Cheat]>([
    ['alone', { fields }],
    ['of a changed picture', { fields, edit: { image: PICTURE, strength: 0.8 } }],
    ['without momentum', { fields: { guidance_end: 0.5 } }],
  ])('%s passes stage 1 and its audit, in its class and in another one', async (_what, cheat) => {
    const served = await serve(cheat);
    expect(served.reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(await audit(served)).toEqual({ outcome: 'accept', failed: [] });
    const other = createFakeTrajectoryEngine({ exact: false, error: 1e-6 });
    expect(await audit(served, other)).toEqual({ outcome: 'accept', failed: [] });
    expect(served.made.pixels).not.toEqual(honest.pixels);
  });

  it('commits both answers in the window, twice the bytes of one output', async () => {
    const { committed } = await serve({ fields });
    expect(committed.blobs?.map(({ bytes }) => bytes.length)).toEqual([1024, 1024, 2048, 2048, 2048, 2048]);
  });

  it('is refuted by its links if another momentum was used', async () => {
    const served = await serve({ fields, guidancePlan: { ...plan, momentumQ16: 16_384 } });
    expect(listFailed(served)).toEqual(['links']);
  });

  it.each([
    ['without momentum', { ...plan, momentumQ16: 0 }],
    ['with momentum outside the window', { ...plan, startQ16: 0 }],
  ])('has no form of one if it was made %s', async (_what, guidancePlan) => {
    await expect(serve({ fields, guidancePlan })).rejects.toThrow(/without a form/);
  });

  it('is rejected by an audit if steps outside the window were guided', async () => {
    const served = await serve({ fields: { guidance_end: 0.2 }, guidancePlan: undefined });
    expect(listFailed(served)).toEqual([]);
    expect(await audit(served)).toEqual({ outcome: 'reject', failed: ['equality'] });
  });
});

const honest = (await serve()).made;

/** Computes the first step alone, and moves on with its output. */
async function* repeatSteps(...[request, options]: Parameters<TrajectoryEngine['generate']>) {
  const { planSchedule } = await import('@ogong/protocol/modality/trajectory/schedule/scheduler-config');
  const { advanceLatent } = await import('@ogong/protocol/modality/trajectory/schedule/schedule');
  const { steps, noiseScale } = planSchedule(engine.info().scheduler, request.steps);
  let latent: Float32Array = options.noise.map((value) => value * noiseScale);
  const { output } = await engine.runStep(request, { step: 0, latent });
  for (const [step, row] of steps.entries()) {
    yield { step, latent, output };
    latent = advanceLatent(row, { latent, output });
  }
  yield { step: steps.length, latent };
}

/** A PNG of 32x32 pixels of black, with the opacity of each column. */
function packMask(opacityOf: (x: number) => number): string {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const head = Buffer.from('0000002000000020' + '0804000000', 'hex');
  const row = [0, ...Array.from({ length: 32 }, (_, x) => [0, opacityOf(x)]).flat()];
  const rows = deflateSync(Uint8Array.from(Array.from({ length: 32 }, () => row).flat()));
  const chunks = [chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', new Uint8Array())];
  return `data:image/png;base64,${Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]).toString('base64')}`;
}
