import { NARROW, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { describe, expect, it } from 'vitest';
import { describeEngine } from './compliance.ts';
import { collectReply, createRequest, createScoreRequest, NO_END } from './compliance-requests.ts';
import { createFakeEngine } from './fake.ts';

const PROMPTS = [
  'Once upon a time',
  'a',
  'The longest prompt of these has more bytes than one prompt chunk holds',
  'é🙂',
];

describeEngine({
  name: 'fake engine',
  open: async (options) => createFakeEngine({ ...options, readsPictures: true }),
  readsPictures: true,
  prompts: PROMPTS,
});

describeEngine({
  name: 'fake engine of shape classes',
  open: async (options) => createFakeEngine({ ...options, shaped: true }),
  prompts: PROMPTS,
});

describeEngine({
  name: 'fake engine of lanes',
  open: async (options) => createFakeEngine({ ...options, lanes: true }),
  prompts: PROMPTS,
});

describe('lanes of the fake engine', () => {
  it('are a class of their own, which every engine of the same logits runs again to the bit', async () => {
    const engines = [createFakeEngine({ lanes: true }), createFakeEngine()] as const;
    // A flat and hot reply has tails whose last bits depend on the order of a sum.
    const sampler = { ...PLAIN_SAMPLER, temperatureQ16: 3 * NAT };
    const request = createRequest('Once upon a time', { sampler, maxTokens: 60, bias: NO_END });
    for (const [own, other] of [engines, engines.toReversed()] as (typeof engines)[]) {
      const reply = await collectReply(own.generate(request));
      const claim = createScoreRequest(own, request, reply);
      const { numericClass } = own.info();
      const same = { numericClass, exact: true };
      expect(await other.score(claim)).toMatchObject({ ...same, windows: reply.windows, firstOtherChoice: -1 });
      const { row, ...traced } = await other.trace({ ...claim, position: 3 });
      expect(traced).toMatchObject(same);
      expect(row).toEqual((await own.trace({ ...claim, position: 3 })).row);
      // A claim of the other class has other bits.
      const mislabelled = await own.score({ ...claim, numericClass: other.info().numericClass });
      expect(mislabelled.windows).not.toEqual(reply.windows);
      expect(mislabelled).toMatchObject({ numericClass: other.info().numericClass, exact: true });
    }
  });
});

describe('shape classes of the fake engine', () => {
  const engine = createFakeEngine({ shaped: true });
  const request = createRequest('Once upon a time', { maxTokens: 24, bias: NO_END });

  it('differ within one reply, and score and trace are exact only under the committed ones', async () => {
    const reply = await collectReply(engine.generate(request));
    const score = createScoreRequest(engine, request, reply);
    const committed = score.shapeClasses as Uint8Array;
    expect([...new Set(committed)].sort()).toEqual([NARROW, WIDE]);
    expect((await engine.score(score)).windows).toEqual(reply.windows);
    const position = committed.lastIndexOf(WIDE);
    const { stages } = await engine.trace({ ...score, position });
    // Change the class of an earlier row, then that of the row itself.
    for (const at of [committed.indexOf(NARROW), position]) {
      const bent = { ...score, shapeClasses: committed.with(at, committed[at] === WIDE ? NARROW : WIDE) };
      expect((await engine.score(bent)).windows).not.toEqual(reply.windows);
      expect((await engine.trace({ ...bent, position })).stages).not.toEqual(stages);
    }
  });
});

describe('fake engine faults', () => {
  it('scores differently if its weights differ', async () => {
    const honest = createFakeEngine();
    const cheat = createFakeEngine({ error: 0.01 });
    const request = createRequest('Once upon a time');
    const reply = await collectReply(cheat.generate(request));
    const scored = await honest.score(createScoreRequest(honest, request, reply));
    expect(scored.windows).not.toEqual(reply.windows);
  });

  it('fails every running reply when a decode fails, and serves the next', async () => {
    const engine = createFakeEngine({ failAtDecode: 8 });
    const running = [1, 2].map(() => collectReply(engine.generate(createRequest('a', { maxTokens: 100 }))));
    for (const reply of await Promise.allSettled(running)) {
      expect(reply).toMatchObject({ status: 'rejected', reason: { code: 'engine-crashed', retryable: true } });
    }
    expect(
      (await collectReply(engine.generate(createRequest('a', { maxTokens: 3 })))).outputTokens.length,
    ).toBeGreaterThan(0);
  });

  it.each([0, 2, 3])('differs in a trace from block %i on, and in score', async (brokenLayer) => {
    const honest = createFakeEngine();
    const broken = createFakeEngine({ brokenLayer });
    const request = createRequest('Once upon a time', { maxTokens: 8, bias: NO_END });
    const reply = await collectReply(broken.generate(request));
    const score = createScoreRequest(honest, request, reply);
    const a = await honest.trace({ ...score, position: 5 });
    const b = await broken.trace({ ...score, position: 5 });
    const differing = a.stages.flatMap((hash, stage) => (Buffer.compare(hash, b.stages[stage]!) === 0 ? [] : [stage]));
    expect(differing).toEqual(a.stages.map((_, stage) => stage).filter((stage) => stage > brokenLayer));
    expect((await honest.score(score)).windows).not.toEqual(reply.windows);
  });

  it('refuses a trace if its model cannot be traced, and keeps serving', async () => {
    const engine = createFakeEngine({ canTrace: false });
    expect(engine.info().capabilities.trace).toBe(false);
    const request = createRequest('a', { maxTokens: 4, bias: NO_END });
    const score = createScoreRequest(engine, request, await collectReply(engine.generate(request)));
    await expect(engine.trace({ ...score, position: 0 })).rejects.toMatchObject({ code: 'unsupported-model' });
    expect((await engine.score(score)).exact).toBe(true);
  });
});
