import { BlobError } from '@ogong/host/blob/blob-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { MAX_MEDIA_BYTES, MAX_MEDIA_PARTS } from '@ogong/protocol/exchange/limits';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import {
  type BenchOptions,
  createRefused,
  createTestClock,
  createTestValidator,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { areMedia, fetchMedia, namesMedia, readMedia } from './request-media.ts';

const MEDIA = [new Uint8Array(9).fill(1), new Uint8Array(70_000).fill(2)];
const image = MEDIA.map((bytes) => toReference(crypto, bytes));
const getMedia: NonNullable<BenchOptions['getMedia']> = async () => MEDIA;

async function createAudited(options: BenchOptions) {
  const jobs: (readonly Uint8Array[] | undefined)[] = [];
  const validator: TestValidator = createTestValidator({
    image,
    verifiers: (peer, job) => {
      jobs.push(job.media);
      return answerHonestly(validator.served)(peer, job);
    },
    ...options,
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  return { validator, jobs };
}

describe('the job of a request with media', () => {
  it('carries them, in the order of their references', async () => {
    const { validator, jobs } = await createAudited({ getMedia });
    await validator.deliver(0);
    await validator.certify();
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    expect(jobs.length).toBeGreaterThan(0);
    for (const media of jobs) expect(media).toEqual(MEDIA);
  });

  it('carries none if the request names none', async () => {
    const { validator, jobs } = await createAudited({ image: [] });
    await validator.deliver(0);
    await validator.certify();
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    for (const media of jobs) expect(media).toBeUndefined();
  });

  it('carries them to witnesses, who ask a silent verifier', async () => {
    const asked: unknown[] = [];
    const { validator } = await createAudited({
      getMedia,
      verifiers: async () => Promise.reject(new Error('no answer')),
      wrapContest: (contest) => ({
        ask(contested) {
          if (contested.asked === 'commitment') asked.push(contested.job.media);
          return contest.ask(contested);
        },
      }),
    });
    await validator.deliver(0);
    await validator.certify();
    await validator.runContests();
    expect(asked.length).toBeGreaterThan(0);
    for (const media of asked) expect(media).toEqual(MEDIA);
  });
});

describe('media that do not come', () => {
  it.each<[string, () => Promise<readonly Uint8Array[]>]>([
    ['are refused', () => Promise.reject(createRefused('no opening of this reply for you'))],
    ['come in part', async () => MEDIA.slice(1)],
    ['come in another order', async () => [...MEDIA].reverse()],
    ['are other bytes', async () => [MEDIA[0]!, MEDIA[0]!]],
    ['come wrong', () => Promise.reject(new BlobError('wrong-chunk', 'chunk 0 of the blob came wrong'))],
  ])('because they %s count like an opening that does not come', async (_why, answer) => {
    const clock = createTestClock();
    const { validator, jobs } = await createAudited({
      clock,
      getMedia() {
        clock.advance(10_000);
        return answer();
      },
    });
    await validator.deliver(0);
    await validator.certify();
    await validator.runWithheld();
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n }]);
    expect(parseEvidence(validator.find(validator.decided[0]!.replyId).evidence as Uint8Array).kind).toBe('withheld');
    expect(jobs).toEqual([]);
  });

  it('are not withheld where witnesses get them, who pass them on', async () => {
    const jobs: unknown[] = [];
    const findOwn = (replyId: Uint8Array) => four.own.served.get(toHex(replyId)) as TestReply;
    const four = await createFour((index) => ({
      image,
      getMedia: index === 0 ? async () => Promise.reject(createRefused('none of this reply for you')) : getMedia,
      ...(index === 0 && {
        verifiers: (peer, job) => {
          jobs.push(job.media);
          return answerHonestly(four.own.served)(peer, job);
        },
      }),
      getOpening: async (_peer, replyId) => findOwn(replyId).reply.openingBytes,
      // A witness reads there which media it has to ask for.
      getTexts: async (_peer, { replyId }) => {
        const { request, endpoint, response } = findOwn(replyId).submission;
        return { request, endpoint, response };
      },
    }));
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runWithheld();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept' }]);
    expect(jobs.length).toBeGreaterThan(0);
    for (const media of jobs) expect(media).toEqual(MEDIA);
  });
});

describe('media over a link', () => {
  const blind = new Uint8Array(32).fill(5);
  const replyId = new Uint8Array(16);
  const call = { timeoutMs: 1_000, signal: new AbortController().signal };
  const refOf = (bytes: Uint8Array) => ({ bytes: BigInt(bytes.length), root: computeBlobRoot(crypto, blind, bytes) });
  const open = (media: readonly { readonly bytes: bigint; readonly root: Uint8Array }[]) =>
    ({ getOpening: async () => ({ media }), getBlob: () => Promise.reject(new LinkError('remote', 'asked')) }) as never;

  it.each([
    ['too many', Array.from({ length: MAX_MEDIA_PARTS + 1 }, () => refOf(MEDIA[0]!))],
    ['too large', [refOf(MEDIA[0]!), { bytes: BigInt(MAX_MEDIA_BYTES), root: blind }]],
  ])('that are %s are not asked for', async (_why, media) => {
    await expect(readMedia(crypto, open(media), { replyId, blind, call })).rejects.toThrow('more than a request has');
  });
});

it('compares media with the references of a request', async () => {
  const request = utf8Encode(JSON.stringify({ image }));
  expect(namesMedia(request)).toBe(true);
  expect(namesMedia(undefined)).toBe(false);
  expect(namesMedia(utf8Encode('{}'))).toBe(false);
  expect(areMedia(crypto, request, MEDIA)).toBe(true);
  expect(areMedia(crypto, request, [])).toBe(false);
  expect(await fetchMedia(crypto, utf8Encode('{}'), () => Promise.reject(new Error('asked')))).toEqual([]);
});
