import { BlobError } from '@ogong/host/blob/blob-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { type BlobRef, createBlobHasher } from '@ogong/protocol/commitment/blob';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import type { PlantedReply, PlantTerms } from '@ogong/protocol/modality/modality';
import { text } from '@ogong/protocol/modality/text/text';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
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
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OwnVrf } from './honeypot-state.ts';
import { areReplayBlobs, createHeldBlobs } from './replay-blobs.ts';

const BLOBS = [new Uint8Array(9).fill(1), new Uint8Array(70_000).fill(2)];

function commit(bytes: Uint8Array, blind: Uint8Array): BlobRef {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return hasher.finish().ref;
}

const PLANTED = [new Uint8Array(9).fill(7), new Uint8Array(70_000).fill(2)];

/** Texts have no blobs, so these tests let each text name two, and plant two. */
const draws: string[] = [];
const { replay } = text;
beforeEach(() => {
  draws.length = 0;
  vi.spyOn(text, 'replay').mockImplementation((given, record, opening, options) => {
    const reply = replay(given, record, opening, options);
    const findBlobs = () => BLOBS.map((bytes) => options?.blobs?.(commit(bytes, opening.blind).root) as Uint8Array);
    return {
      ...reply,
      makeJobBlobs(draw: Uint8Array) {
        draws.push(toHex(draw));
        return findBlobs();
      },
      plant: (terms: PlantTerms) => ({
        ...(reply.plant?.(terms) as PlantedReply),
        makeBlobs: () => (findBlobs().includes(undefined as never) ? undefined : PLANTED),
      }),
    };
  });
  Object.assign(text, {
    listJobBlobs: ({ blind }: { readonly blind: Uint8Array }) => BLOBS.map((bytes) => commit(bytes, blind)),
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  Reflect.deleteProperty(text, 'listJobBlobs');
});

/** A provider that gives each of its blobs. */
const getBlob: NonNullable<BenchOptions['getBlob']> = async (_provider, _replyId, ref, blind) => {
  const found = BLOBS.find((bytes) => toHex(commit(bytes, blind).root) === toHex(ref.root));
  if (found === undefined) throw createRefused('no such blob');
  return found;
};

async function createAudited(options: BenchOptions) {
  const jobs: (readonly Uint8Array[] | undefined)[] = [];
  const validator: TestValidator = createTestValidator({
    verifiers: (peer, job) => {
      jobs.push(job.blobs);
      return answerHonestly(validator.served)(peer, job);
    },
    ...options,
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  return { validator, jobs };
}

describe('the job of an audit', () => {
  it('carries the blobs that the beacon draws, in their order', async () => {
    const { validator, jobs } = await createAudited({ getBlob });
    await validator.deliver(0);
    await validator.certify();
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    expect(jobs.length).toBeGreaterThan(0);
    for (const blobs of jobs) expect(blobs).toEqual(BLOBS);
    expect(new Set(draws).size).toBe(1);
    expect(draws[0]).not.toBe(toHex(new Uint8Array(32)));
  });

  it('waits for blobs that come late', async () => {
    let calls = 0;
    const { validator, jobs } = await createAudited({
      async getBlob(...asked) {
        if (calls++ < 2) throw new BlobError('withheld', 'late', { cause: new LinkError('timeout', 'late') });
        return getBlob(...asked);
      },
    });
    await validator.deliver(0);
    await validator.certify();
    await validator.runWithheld();
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    for (const blobs of jobs) expect(blobs).toEqual(BLOBS);
  });

  it('carries blobs to witnesses, who ask a silent verifier', async () => {
    const asked: unknown[] = [];
    const { validator } = await createAudited({
      getBlob,
      verifiers: async () => Promise.reject(new Error('no answer')),
      wrapContest: (contest) => ({
        ask(contested) {
          if (contested.asked === 'commitment') asked.push(contested.job.blobs);
          return contest.ask(contested);
        },
      }),
    });
    await validator.deliver(0);
    await validator.certify();
    await validator.runContests();
    expect(asked.length).toBeGreaterThan(0);
    for (const blobs of asked) expect(blobs).toEqual(BLOBS);
  });
});

describe('the job of a honeypot', () => {
  const ALWAYS = 1_000_000;
  async function createPlanted(options: BenchOptions) {
    const { validator, jobs } = await createAudited({ audit: { pairPpm: ALWAYS, honeypotPpm: ALWAYS }, ...options });
    for (const name of ['v2', 'v3', 'v4']) await validator.announceVerifier(name);
    await validator.deliver(0);
    await validator.certify();
    const outcome = () => validator.store.prepare('SELECT outcome FROM honeypots').all()[0]?.outcome;
    return { validator, jobs, outcome };
  }

  it('carries the blobs that the reply plants, from the same fetch as those of the audit', async () => {
    let calls = 0;
    const { validator, jobs, outcome } = await createPlanted({
      async getBlob(...asked) {
        calls++;
        return getBlob(...asked);
      },
    });
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'accept', verifiers: [{}, {}, { outcome: 'credited' }] }]);
    expect(outcome()).toBe('passed');
    expect(jobs.filter((blobs) => String(blobs?.[0]) === String(PLANTED[0]))).toEqual([PLANTED]);
    expect(calls).toBe(BLOBS.length);
  });

  it('fetches its blobs again if they are not in memory, and marks nobody while they do not come', async () => {
    const seed = new Uint8Array(32).fill(9);
    const known: { key?: Awaited<ReturnType<OwnVrf['findKey']>> } = {};
    let isRefused = false;
    const { validator, jobs, outcome } = await createPlanted({
      async getBlob(...asked) {
        if (isRefused) throw createRefused('no blob of this reply for you');
        return getBlob(...asked);
      },
      // Nothing is planned while the set of the epoch is unknown.
      vrf: { prove: (input) => proveVrf(seed, input), findKey: async () => known.key },
    });
    await validator.runSittings();
    const before = jobs.length;
    Object.assign(known, { key: { vrfKey: computeVrfPublicKey(seed) } });
    isRefused = true;
    const go = async () => {
      validator.clock.advance(8_000);
      await validator.runAudits();
    };
    await go();
    expect([outcome(), jobs.length]).toEqual([null, before]);
    isRefused = false;
    await go();
    await go();
    expect(outcome()).toBe('passed');
    expect(jobs.slice(before)).toEqual([PLANTED]);
  });
});

describe('blobs that do not come', () => {
  it.each<[string, unknown]>([
    ['are refused', createRefused('no blob of this reply for you')],
    ['come wrong', new BlobError('wrong-chunk', 'chunk 0 of the blob came wrong')],
    ['come in part', new BlobError('withheld', 'the provider sent 1 of 2 chunks')],
  ])('because they %s count like an opening that does not come', async (_why, error) => {
    const clock = createTestClock();
    const { validator, jobs } = await createAudited({
      clock,
      async getBlob() {
        clock.advance(10_000);
        throw error;
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
    const four = await createFour((index) => ({
      getBlob: index === 0 ? async () => Promise.reject(createRefused('no blob of this reply for you')) : getBlob,
      ...(index === 0 && {
        verifiers: (peer, job) => {
          jobs.push(job.blobs);
          return answerHonestly(four.own.served)(peer, job);
        },
      }),
      getOpening: async (_peer, replyId) => (four.own.served.get(toHex(replyId)) as TestReply).reply.openingBytes,
    }));
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runWithheld();
    expect(four.own.decided).toMatchObject([{ verdict: 'accept' }]);
    expect(jobs.length).toBeGreaterThan(0);
    for (const blobs of jobs) expect(blobs).toEqual(BLOBS);
  });

  it('are withheld where witnesses get none either', async () => {
    const four = await createFour({
      getBlob: async () => Promise.reject(createRefused('no blob of this reply for you')),
      getOpening: async (_peer, replyId) => (four.own.served.get(toHex(replyId)) as TestReply).reply.openingBytes,
    });
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runWithheld();
    expect(four.own.decided).toMatchObject([{ verdict: 'reject', feeAtomic: 0n }]);
  });
});

it('takes from a witness the blobs that stage 1 reads, or none', async () => {
  const { reply } = await createTestValidator().deliver(0);
  const opened = openReply(crypto, reply.record, reply.openingBytes) as OpenedReply;
  const [first, second] = BLOBS as [Uint8Array, Uint8Array];
  const areThose = (...blobs: readonly Uint8Array[]): boolean => areReplayBlobs(crypto, opened, blobs);
  expect(areThose(first, second)).toBe(true);
  expect(areThose(second, first)).toBe(false);
  expect(areThose(first)).toBe(false);
  expect(areThose(first, second, second)).toBe(false);
  expect(areThose(first, second.slice().fill(3))).toBe(false);
  expect(areThose(new Uint8Array(), second)).toBe(false);
});

it('blobs in memory make room for newer ones', () => {
  const held = createHeldBlobs(10);
  const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
  held.hold(id(1), [new Uint8Array(6)]);
  held.hold(id(2), [new Uint8Array(4)]);
  expect(held.find(id(1))).toHaveLength(1);
  held.hold(id(3), [new Uint8Array(1)]);
  expect([1, 2, 3].map((byte) => held.find(id(byte))?.length)).toEqual([undefined, 1, 1]);
  held.release(id(2));
  held.hold(id(4), [new Uint8Array(11)]);
  expect([2, 3, 4].map((byte) => held.find(id(byte))?.length)).toEqual([undefined, undefined, 1]);
});
