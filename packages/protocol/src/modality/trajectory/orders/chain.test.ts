import { createSyntheticPicture, type SyntheticPictureOptions } from '@ogong/testing/synthetic/synthetic-picture';
import { describe, expect, it } from 'vitest';
import { toHex, utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import type { Check } from '../../../base/checks.ts';
import { computeCommitment, encodeOpening } from '../../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { openShown } from '../../../verdict/opened-reply.ts';
import { toReference } from '../../media/detach-media.ts';
import { encodeValues } from '../../shared/values.ts';
import { drawAuditedSteps } from '../audit-job.ts';
import type { GuidancePlan } from '../guidance-plan.ts';
import { encodeTrajectoryHeader, parseTrajectoryHeader } from '../header.ts';
import { checkLocalTrajectoryHeader } from '../header-checks.ts';
import { plantLatent } from '../planted-picture.ts';
import { encodeTrajectoryReport, type TrajectoryReport } from '../report.ts';
import { boundModelBill, boundUnits, parsePictureRequest } from '../request.ts';
import { encodePictureSummary, parsePictureSummary } from '../request-summary.ts';
import type { HeaderRange } from '../step-range.ts';
import { trajectory } from '../trajectory.ts';
import { type ChainLink, checkChain, composeLinkBody, planLinks } from './chain.ts';

const DRAW = new Uint8Array(32).fill(0xd7);
const NO_HASH = new Uint8Array(32);
type Options = Omit<SyntheticPictureOptions, 'crypto'>;
const make = (options: Options = {}) => createSyntheticPicture({ crypto, ...options });
const failures = (checks: readonly Check[]) => checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify({ model: 'ogong/verified/a/b', ...fields }));

const first = make({ steps: 6, range: { firstStep: 0, lastStep: 2 } });
const middle = make({ steps: 6, range: { firstStep: 2, lastStep: 4, latent: first.latents.at(-1) } });
const last = make({ steps: 6, range: { firstStep: 4, lastStep: 6, latent: middle.latents.at(-1) } });
const whole = make({ steps: 6 });

describe('the request of a link', () => {
  const latent = toReference(crypto, Uint8Array.of(1));

  it('names its steps, and bills them alone', () => {
    const asked = { prompt: 'a', size: '64x32', steps: 6 };
    const link = parsePictureRequest(body({ ...asked, first_step: 2, last_step: 4, latent }));
    expect([link.range, boundUnits(link)]).toEqual([{ firstStep: 2, lastStep: 4, latent }, 4]);
    expect(parsePictureRequest(body({ ...asked, first_step: 2, latent })).range).toMatchObject({ lastStep: 6 });
    expect(parsePictureRequest(body({ ...asked, first_step: 0, last_step: 6 })).range).toBeUndefined();
    const summary = encodePictureSummary(link, NO_HASH);
    expect(parsePictureSummary(summary).range).toEqual({ firstStep: 2, lastStep: 4 });
    for (const range of [
      { firstStep: 4, lastStep: 4, latent },
      { firstStep: 0, lastStep: 6, latent },
      { firstStep: 2, lastStep: 7, latent },
    ])
      expect(() => encodePictureSummary({ ...link, range }, NO_HASH)).toThrow('are no part of 6 steps');
    expect(() => encodePictureSummary({ ...link, endpoint: 'image-edit' }, NO_HASH)).toThrow('in a part of its steps');
  });

  it.each<[string, object, string]>([
    ['no steps', { last_step: 2 }, 'steps'],
    ['no latent', { steps: 6, first_step: 2 }, 'latent'],
    ['a latent in place of the noise', { steps: 6, last_step: 2, latent }, 'latent'],
    ['an address', { steps: 6, first_step: 2, latent: 'https://example.org/z' }, 'latent'],
    ['more steps than there are', { steps: 6, last_step: 7 }, 'last_step'],
    ['no step', { steps: 6, first_step: 2, last_step: 2, latent }, 'first_step'],
    ['a part of a step', { steps: 6, first_step: 1.5, latent }, 'first_step'],
  ])('is refused with %s', (_what, fields, param) => {
    expect(() => parsePictureRequest(body({ prompt: 'a', ...fields }))).toThrow(
      expect.objectContaining({ name: 'RequestError', param }),
    );
  });

  it.each(['image-edit', 'image-variation'] as const)('changes no picture: %s', (endpoint) => {
    const prompt = endpoint === 'image-edit' ? 'a' : undefined;
    const asked = body({ prompt, image: latent, steps: 6, first_step: 2, latent });
    expect(() => parsePictureRequest(asked, endpoint)).toThrow('a picture is changed in one order');
  });
});

describe('stage 1 of a link', () => {
  it.each([
    ['the first', first],
    ['a later', middle],
    ['the last', last],
  ])('replays %s link, and its blobs fix all latents', (_what, link) => {
    const { checks } = trajectory.replay(crypto, link.record, link.opening, { blobs: link.blobs });
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    const roots = trajectory.listReplayBlobs(link.opening).map(({ root }) => toHex(root));
    const outputs = link.leaves.steps.map(({ outputRoot }) => toHex(outputRoot));
    const start = link === first ? [] : [toHex(link.leaves.steps[0]?.latentRoot as Uint8Array)];
    expect(roots.sort()).toEqual([...outputs, ...start].sort());
  });

  it('computes the picture of one run', () => {
    const values = [...first.latents, ...middle.latents.slice(1), ...last.latents.slice(1)];
    expect(values).toEqual(whole.latents);
    expect(last.response).toEqual(whole.response);
    expect(first.response).toEqual(encodeValues(first.latents.at(-1) as Float32Array));
  });

  const nudge = (values: Float32Array): Float32Array => values.map((value, i) => (i === 5 ? value + 1e-3 : value));
  it.each<[string, Options['bend'], number]>([
    ['another first latent than that of the request', { latent: (z, i) => (i === 0 ? nudge(z) : z) }, 1],
    [
      'another answer than its last latent',
      { pixels: (bytes) => bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) },
      1,
    ],
    ['a latent that does not follow', { latent: (z, i) => (i === 1 ? nudge(z) : z) }, 2],
    [
      'the latent of another request',
      { header: (header) => ({ ...header, range: { ...(header.range as HeaderRange), latentHash: NO_HASH } }) },
      1,
    ],
    [
      'a first latent that is not finite',
      { latent: (z, i) => (i === 0 ? z.map(() => Number.NaN) : z), output: (v) => v.map(() => 0) },
      1,
    ],
  ])('refutes %s, by its values alone', (_what, bend = {}, count) => {
    const bent = make({ steps: 6, range: { firstStep: 2, lastStep: 4 }, bend });
    const { checks, refutedBy: blobs = [] } = trajectory.replay(crypto, bent.record, bent.opening, {
      blobs: bent.blobs,
    });
    expect([failures(checks), blobs.length]).toEqual([['links'], count]);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', ['links']]);
    const own = [middle.latents[0], middle.latents[2]].map((values) => encodeValues(values as Float32Array));
    const held = openShown(crypto, middle.record, { opening: encodeOpening(middle.opening), blobs: own });
    expect(held?.outcome).toBe('consistent');
  });

  it('refuses leaves of another range', () => {
    const opening = {
      ...middle.opening,
      header: encodeTrajectoryHeader({
        ...middle.header,
        range: { ...middle.header.range!, lastStep: 5 },
        outputTokenCount: 3,
      }),
    };
    const record = { ...middle.record, commitRoot: computeCommitment(crypto, opening).root };
    expect(failures(trajectory.replay(crypto, record, opening).checks)).toEqual(['commitment-form']);
  });

  it.each<[string, Partial<HeaderRange>, RegExp]>([
    ['more steps than there are', { lastStep: 7 }, /no part of 6 steps/],
    ['no step', { lastStep: 2 }, /no part of 6 steps/],
    ['no latent', { latentHash: undefined }, /from step 2 without a latent/],
    ['a latent in place of the noise', { firstStep: 0 }, /from step 0 with a latent/],
  ])('refuses a header of %s', (_what, change, message) => {
    const range = { ...(middle.header.range as HeaderRange), ...change };
    expect(() => encodeTrajectoryHeader({ ...middle.header, range })).toThrow(message);
  });

  it('refuses a header of the whole picture as a link, and one of a changed picture', () => {
    const range = { firstStep: 0, lastStep: 6, latentHash: undefined };
    expect(() => encodeTrajectoryHeader({ ...whole.header, range })).toThrow('no part of 6 steps');
    const changed = make({ steps: 6, source: { strengthQ16: 65_536, hasMask: false } });
    expect(() => encodeTrajectoryHeader({ ...changed.header, range: { ...range, lastStep: 2 } })).toThrow(
      'a picture to change in a part of its steps',
    );
  });

  const latent = toReference(crypto, first.response);
  const asked = { prompt: 'a red circle', size: '16x16', steps: 6, guidance: 3 };
  const check = (fields: object, response = middle.response) => {
    const request = parsePictureRequest(body({ ...asked, ...fields }));
    const context = { request, record: middle.record, response, hasTier: true };
    return checkLocalTrajectoryHeader(crypto, middle.header, context).filter(({ status }) => status === 'fail');
  };

  it.each<[string, object, RegExp]>([
    ['another latent', { first_step: 2, last_step: 4, latent: toReference(crypto, NO_HASH) }, /: latent$/],
    ['other steps', { first_step: 1, last_step: 3, latent }, /: first_step, last_step$/],
    ['the whole picture', {}, /: first_step, last_step$/],
  ])('differs from a request of %s', (_what, fields, message) => {
    expect(check(fields)).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: 'choices', detail: expect.stringMatching(message) })]),
    );
  });

  it('has the size of a latent', () => {
    const link = { first_step: 2, last_step: 4, latent };
    const ids = (response: Uint8Array) => failures(check(link, response)).filter((id) => id !== 'draw-key');
    expect(ids(middle.response)).toEqual([]);
    expect(ids(middle.response.subarray(1))).toEqual(['response-size']);
    expect(ids(first.response)).toEqual(['pixels']);
  });
});

describe('stage 2 of a link', () => {
  const weigh = (link: typeof first, change: Partial<TrajectoryReport> = {}) => {
    const reply = trajectory.replay(crypto, link.record, link.opening, { blobs: link.blobs });
    const drawn = drawAuditedSteps(crypto, { draw: DRAW, replyId: link.record.replyId, steps: link.leaves.steps });
    const bytes = encodeTrajectoryReport(link.report(drawn, change));
    const read = reply.readReport(bytes, { jobId: new Uint8Array(16).fill(1), draw: DRAW, contextSize: 0 });
    if ('problem' in read) throw new Error(read.problem);
    const { outcome, checks } = read.weigh({});
    return { outcome, failed: failures(checks), tokens: read.tokens };
  };

  it('pays for the drawn steps, and for a decoding if the link ends with the picture', () => {
    expect(weigh(middle)).toEqual({ outcome: 'accept', failed: [], tokens: 2 });
    expect(weigh(last)).toEqual({ outcome: 'accept', failed: [], tokens: 3 });
  });

  it('rejects the outputs of another model', () => {
    const bent = make({ steps: 6, range: { firstStep: 2, lastStep: 4 }, weight: 0.51 });
    expect(weigh(bent)).toMatchObject({ outcome: 'reject', failed: ['equality'] });
  });

  it('plants no latent that the request names, and none in its place', () => {
    const link = make({ steps: 8, range: { firstStep: 2, lastStep: 6 } });
    for (let n = 1; n < 80; n += 2) {
      const seed = new Uint8Array(32).fill(n);
      const planted = plantLatent(crypto, link.leaves, [0, 2], { seed, isBegun: true });
      expect([planted?.step, planted?.latent]).not.toContain(0);
    }
    expect(plantLatent(crypto, link.leaves, [0], { seed: new Uint8Array(32).fill(1), isBegun: true })).toBeUndefined();
  });
});

describe('a chain', () => {
  const request = body({ prompt: 'a red circle', steps: 6 });
  const toLink = ({ header, record, response }: typeof first, before?: typeof first): ChainLink => {
    const { firstStep, lastStep } = header.range as HeaderRange;
    const latent = before && toReference(crypto, before.response);
    const asked = composeLinkBody(request, { firstStep, lastStep, latent });
    return { request: asked, header, modelRoot: record.modelRoot, response };
  };
  const links = [toLink(first), toLink(middle, first), toLink(last, middle)] as const;
  const [one, two, three] = links;

  it('holds if each link begins with the answer of the one before', () => {
    expect(checkChain(crypto, request, links)).toMatchObject({ id: 'chain', status: 'pass' });
    expect(JSON.parse(utf8Decode(two.request))).toMatchObject({ prompt: 'a red circle', first_step: 2, last_step: 4 });
    expect(parseTrajectoryHeader(encodeTrajectoryHeader(middle.header))).toEqual(middle.header);
  });

  const choices = { ...middle.header.choices, guidanceQ16: 65_536 };
  it.each<[string, readonly ChainLink[], RegExp]>([
    ['no link', [], /no link/],
    ['a link that is missing', [one, three], /link 1 begins with step 4, and step 2 is due/],
    ['links in another order', [two, one, three], /link 0 begins with step 2/],
    ['no end', [one, two], /ends before step 4 of 6/],
    ['another answer', [{ ...one, response: whole.response }, two, three], /link 1 does not begin with the answer/],
    ['another model', [one, { ...two, modelRoot: NO_HASH }, three], /link 1 is of another model/],
    ['another guidance', [one, { ...two, header: { ...middle.header, choices } }, three], /link 1 has another size/],
    [
      'another prompt',
      [one, { ...two, request: body({ ...JSON.parse(utf8Decode(two.request)), prompt: 'b' }) }, three],
      /link 1 answers another request/,
    ],
    ['a whole picture', [{ ...one, header: whole.header }], /link 0 is a whole picture/],
  ])('fails with %s', (_what, given, detail) => {
    expect(checkChain(crypto, request, given)).toMatchObject({ status: 'fail', detail: expect.stringMatching(detail) });
  });

  it('is planned with links of about equally many steps that are short enough', () => {
    const size = { width: 32, height: 32 };
    const usual = { size, range: undefined, source: undefined };
    const plan = (steps: number | undefined, expectedMs: number, longestMs: number, guidancePlan?: GuidancePlan) =>
      planLinks({ ...usual, steps, guidancePlan }, { expectedMs, longestMs })?.map(
        ({ firstStep, lastStep }) => lastStep - firstStep,
      );
    expect(plan(8, 400, 150)).toEqual([2, 3, 3]);
    expect(plan(8, 400, 400)).toBeUndefined();
    expect(plan(8, 400, 399)).toEqual([4, 4]);
    expect(plan(2, 400, 1)).toEqual([1, 1]);
    expect(plan(1, 400, 1)).toBeUndefined();
    expect(plan(undefined, 400, 1)).toBeUndefined();
    const unsized = { ...usual, size: undefined, steps: 8, guidancePlan: undefined };
    expect(planLinks(unsized, { expectedMs: 400, longestMs: 1 })).toBeUndefined();
    const window = { startQ16: 0, endQ16: 32_768, momentumQ16: 0 };
    expect(plan(8, 400, 399, window)).toEqual([4, 4]);
    expect(plan(8, 400, 399, { ...window, momentumQ16: -32_768 })).toBeUndefined();
  });
});

it('a request without a size bills no more pixels than the largest picture of the model has', () => {
  const size = { width: 64, height: 64 };
  const asked = { size: undefined, steps: 12, range: undefined };
  // 150 steps over 4,096 pixels.
  expect(boundModelBill(asked, 600)).toBe(48);
  expect(boundModelBill({ ...asked, steps: undefined }, 600)).toBe(200);
  expect(boundModelBill({ ...asked, range: { firstStep: 2, lastStep: 5 } }, 600)).toBe(12);
  expect(boundModelBill({ ...asked, size }, 150)).toBe(48);
  expect(boundModelBill(asked, 10 ** 9)).toBe(boundUnits(asked));
});
