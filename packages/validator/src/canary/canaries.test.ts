import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseTestReport, type Test, verifyTestReport } from '@ogong/protocol/audit/test-report';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { encodeTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { boundUnits, parsePictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { createSyntheticPicture } from '@ogong/testing/synthetic/synthetic-picture';
import { createTestValidator, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { describe, expect, it } from 'vitest';
import { findModelEndpoint } from '../store/replies/reply-store.ts';
import { listTestedSpeeds } from '../store/test-store.ts';
import { classifyAnswer } from './buy-canary.ts';
import { createCanaries } from './canaries.ts';
import { composeAlone, composeCanary, findCanaryForm, joinTexts } from './compose-canary.ts';
import type { TestOutcome } from './drawn-tests.ts';
import { reportTests } from './report-tests.ts';

const vrfSeed = new Uint8Array(32).fill(5);
const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`canary beacon ${epoch}`));
const texts = joinTexts([
  'Some words that nobody needs to keep for themselves, and a few more of them "quoted".',
  'ünd\nmore',
]);

describe('canaries', () => {
  it('go to whom the beacon draws, and their report proves it', async () => {
    const validator = createTestValidator();
    await validator.announce(provider);
    const bought: string[] = [];
    const outcomes: string[] = [];
    let ratePpm = 200_000;
    const canaries = createCanaries({
      ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, vrfSeed, texts },
      ...{ epochMs: 1, random: createSeededRandom(1), ratePpm: () => ratePpm },
      shops: Array.from({ length: 2 }, () => async ({ body }, to) => {
        bought.push(`${toHex(to.providerId)} ${JSON.parse(utf8Decode(body)).model}`);
        const outcome = (['answered', 'missed', 'missed', 'unknown'] as const)[bought.length % 4] as 'answered';
        return { outcome, ...(outcome === 'answered' && { pace: { tokens: 50, firstMs: 20, tookMs: 500 } }) };
      }),
      onTest: (_test, { outcome }) => outcomes.push(outcome),
      onError: (error) => {
        throw error;
      },
    });
    const epochs = 60n;
    for (let epoch = 1n; epoch <= epochs; epoch++) {
      canaries.notice({ epoch, value: beaconOf(epoch) });
      await canaries.idle();
    }
    // An epoch is tested once.
    canaries.notice({ epoch: 1n, value: beaconOf(1n) });
    // From here on the network wants none.
    ratePpm = 0;
    for (let epoch = epochs + 1n; epoch <= 2n * epochs; epoch++) canaries.notice({ epoch, value: beaconOf(epoch) });
    const read = () => {
      const subject = { chainId: 31_337n, validator: new Uint8Array(20).fill(1), latest: epochs + 2n };
      return parseTestReport(reportTests(validator.store, 'canary', subject));
    };
    await canaries.idle();
    await canaries.stop();
    expect(read().tests).toHaveLength(outcomes.filter((outcome) => outcome !== 'unknown').length);
    expect(bought).toHaveLength(outcomes.length + outcomes.filter((outcome) => outcome === 'missed').length);
    expect(new Set(bought.map((line) => line.split(' ')[0]))).toEqual(new Set([toHex(providerId)]));
    const report = read();
    expect(report.tests.some(({ isMissed }) => isMissed)).toBe(true);
    expect(report.tests.some(({ isMissed }) => !isMissed)).toBe(true);
    const speeds = listTestedSpeeds(validator.store, report.tests[0]?.modelRoot as Uint8Array).get(toHex(providerId));
    expect(new Set(speeds)).toEqual(new Set([100]));
    expect(speeds?.length).toBeGreaterThanOrEqual(report.tests.filter(({ isMissed }) => !isMissed).length);
    expect(listTestedSpeeds(validator.store, new Uint8Array(32)).size).toBe(0);
    const terms = {
      ...({ chainId: 31_337n, kind: 'canary', beaconOf, greatestPpm: 200_000 } as const),
      validator: { address: report.validator, vrfKey: computeVrfPublicKey(vrfSeed) },
    };
    expect(verifyTestReport(crypto, report, terms).tests).toEqual(report.tests);
    const later = { chainId: 31_337n, validator: report.validator, latest: 2n * epochs + 2n };
    const told = parseTestReport(reportTests(validator.store, 'canary', later)).draws;
    expect(told.filter(({ epoch }) => epoch > epochs)).toEqual([]);
    // The running epoch and the one before are not told: their proofs would show who is tested now.
    const last = report.draws.at(-1)?.epoch as bigint;
    const early = reportTests(validator.store, 'canary', { ...terms, validator: report.validator, latest: last + 1n });
    expect(parseTestReport(early).draws.map(({ epoch }) => epoch)).not.toContain(last);
    await validator.close();
  });

  /** Buys tests at gateways that end so. */
  async function testAt(
    { epochs, ratePpm }: { readonly epochs: bigint; readonly ratePpm: number },
    found: readonly (TestOutcome | Promise<TestOutcome>)[],
  ) {
    const validator = createTestValidator();
    await validator.announce(provider);
    const bodies: string[] = [];
    const ended: Test[] = [];
    const canaries = createCanaries({
      ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, vrfSeed, texts },
      ...{ epochMs: 1, random: createSeededRandom(1), ratePpm: () => ratePpm },
      shops: found.map((outcome) => async ({ body }) => {
        bodies.push(utf8Decode(body));
        return { outcome: await outcome };
      }),
      onTest: (test) => ended.push(test),
      onError: (error) => {
        throw error;
      },
    });
    for (let epoch = 1n; epoch <= epochs; epoch++) canaries.notice({ epoch, value: beaconOf(epoch) });
    const read = () => {
      const subject = { chainId: 31_337n, validator: new Uint8Array(20).fill(1), latest: 30n };
      return parseTestReport(reportTests(validator.store, 'canary', subject));
    };
    return { validator, canaries, bodies, ended, read };
  }

  it.each([
    ['missed where a second gateway misses them too', ['missed', 'missed'], [true]],
    ['answered where a second gateway gets an answer', ['missed', 'answered'], [false]],
    ['not counted where one gateway alone says that they are missed', ['missed'], []],
    ['answered where one gateway gets an answer', ['answered'], [false]],
  ] as const)('are %s', async (_how, found, missed) => {
    const { validator, canaries, bodies, read } = await testAt({ epochs: 20n, ratePpm: 500_000 }, found);
    await canaries.idle();
    expect([...new Set(read().tests.map(({ isMissed }) => isMissed))]).toEqual(missed);
    // A second request has other words, so its provider does not know it again.
    expect(bodies.length).toBeGreaterThan(3);
    expect(new Set(bodies).size).toBe(bodies.length);
    await canaries.stop();
    await validator.close();
  });

  it('are not shown before the last test of their epoch has ended', async () => {
    const { promise, resolve } = Promise.withResolvers<'answered'>();
    const { validator, canaries, bodies, ended, read } = await testAt({ epochs: 1n, ratePpm: 4_000_000 }, [
      'answered',
      promise,
    ]);
    await expect.poll(() => ended.length > 0 && bodies.length > ended.length).toBe(true);
    expect(read()).toMatchObject({ draws: [], tests: [] });
    resolve('answered');
    await canaries.idle();
    expect(read()).toMatchObject({ draws: [{ epoch: 1n }], tests: { length: bodies.length } });
    await canaries.stop();
    await validator.close();
  });

  it('have the shape of a request and none of its words', () => {
    const request = {
      ...{ temperature: 0.7, model: 'x', stream: true, max_tokens: 77 },
      messages: [
        { role: 'system', content: 'My name is "Ada"\n' },
        { role: 'user', content: 'Grüße' },
      ],
    };
    const body = utf8Encode(JSON.stringify(request));
    const given = { model: 'x', texts, random: createSeededRandom(3) };
    const made = composeCanary({ endpoint: 'chat', body }, given);
    expect(made?.body.length).toBe(body.length);
    const read = JSON.parse(utf8Decode(made?.body as Uint8Array));
    expect(Object.keys(read)).toEqual(Object.keys(request));
    expect(read).toMatchObject({ temperature: 0.7, stream: true, max_tokens: 77, messages: [{ role: 'system' }, {}] });
    expect(JSON.stringify(read)).not.toMatch(/Ada|Gr/);
    const other = (change: object) =>
      composeCanary({ endpoint: 'chat', body: utf8Encode(JSON.stringify({ ...request, ...change })) }, given);
    for (const change of [
      { user: 'ada' },
      { tools: [] },
      { messages: 'x' },
      { messages: [{ role: 'user', content: [] }] },
    ]) {
      expect(other(change)).toBeUndefined();
    }
    const completion = { model: 'x', prompt: 'Once' };
    expect(
      composeCanary({ endpoint: 'completion', body: utf8Encode(JSON.stringify(completion)) }, given)?.body.length,
    ).toBe(JSON.stringify(completion).length);
    expect(() => joinTexts(['short'])).toThrow(RangeError);
  });

  describe('of pictures', () => {
    const model = 'ogong/verified/a/b';
    const given = { model, texts, random: createSeededRandom(3) };
    const asked = { ...{ model: 'x', prompt: 'A portrait of Ada', size: '64x64' }, steps: 20, guidance_scale: 7.5 };
    const copy = (change: object, endpoint: 'image' | 'image-edit' = 'image') =>
      composeCanary({ endpoint, body: utf8Encode(JSON.stringify({ ...asked, ...change })) }, given);

    it('have size, steps and guidance of a request, and none of its words', () => {
      const made = copy({ negative_prompt: 'Ada in blue' });
      const read = JSON.parse(utf8Decode(made?.body as Uint8Array));
      expect(read).toMatchObject({ model, size: '64x64', steps: 20, guidance_scale: 7.5 });
      expect([read.prompt.length, read.negative_prompt.length]).toEqual([17, 11]);
      expect(JSON.stringify(read)).not.toContain('Ada');
      expect(made?.endpoint).toBe('image');
    });

    it('copy a request without a size that has as few steps', () => {
      expect(copy({ size: 'auto', steps: 8 })).toBeDefined();
      expect(copy({ size: 'auto', steps: 9 })).toBeUndefined();
    });

    it.each<[string, object]>([
      ['costs too much', { size: '512x512', n: 4 }],
      ['has the size of the model, and many steps', { size: 'auto', steps: 50 }],
      ['fixes the noise', { seed: 7 }],
      ['is streamed', { stream: true }],
      ['has no prompt', { prompt: 7 }],
      ['names its user', { user: 'ada' }],
    ])('copy no request that %s', (_why, change) => expect(copy(change)).toBeUndefined());

    it('change no picture of a consumer', () => expect(copy({}, 'image-edit')).toBeUndefined());

    it('have few steps for a model without running requests', () => {
      const form = findCanaryForm('image') as NonNullable<ReturnType<typeof findCanaryForm>>;
      for (let i = 0; i < 20; i++) {
        const made = composeAlone(form, given);
        const read = JSON.parse(utf8Decode(made.body));
        expect(Object.keys(read)).toEqual(['model', 'prompt', 'steps']);
        expect(boundUnits(parsePictureRequest(made.body))).toBeLessThanOrEqual(16_384);
      }
    });

    it('are answered by pictures, and by nothing else', () => {
      const judge = (answer: object) =>
        classifyAnswer(JSON.stringify(answer), { endpoint: 'image', waitedMs: 9 }).outcome;
      expect(judge({ created: 1, data: [{ b64_json: 'AA==' }] })).toBe('answered');
      for (const answer of [{ data: [] }, { choices: [] }, {}]) expect(judge(answer)).toBe('unknown');
      expect(judge({ error: { code: 'provider_failed' } })).toBe('missed');
    });
  });

  it('ask a model at an endpoint at which it was answered', async () => {
    const validator: TestValidator = createTestValidator({
      verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    const bought: string[] = [];
    const canaries = createCanaries({
      ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, vrfSeed, texts },
      ...{ epochMs: 1, random: createSeededRandom(1), ratePpm: () => 1_000_000 },
      shops: [
        async ({ endpoint }) => {
          bought.push(endpoint);
          return { outcome: 'unknown' };
        },
      ],
      onError: (error) => {
        throw error;
      },
    });
    const test = async (epoch: bigint): Promise<string[]> => {
      bought.length = 0;
      for (let i = 0n; i < 4n; i++) canaries.notice({ epoch: epoch + i, value: beaconOf(epoch + i) });
      await canaries.idle();
      return [...new Set(bought)];
    };
    expect(await test(1n)).toEqual(['chat']);
    const { record } = (await validator.deliver(0)).reply;
    const { header } = createSyntheticPicture({ crypto });
    const bytes = encodeTrajectoryHeader(header);
    await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toHaveLength(1);
    validator.store.database.prepare('UPDATE replies SET header = ?').run(bytes);
    expect(findModelEndpoint(validator.store, record.modelRoot)).toBe('image');
    expect(findModelEndpoint(validator.store, new Uint8Array(32))).toBeUndefined();
    expect(await test(11n)).toEqual(['image']);
    await canaries.stop();
    await validator.close();
  });

  it('are missed if the provider failed, and not if anybody else did', () => {
    const error = (code: string): string => JSON.stringify({ error: { code, message: '' } });
    const judge = (text: string) => classifyAnswer(text, { endpoint: 'chat', waitedMs: 1_000 }).outcome;
    expect(judge('{"choices":[]}')).toBe('answered');
    expect(judge('data: {"choices":[]}\n\ndata: [DONE]\n\n')).toBe('answered');
    expect(judge('data: {"choices":[]}\n\n')).toBe('unknown');
    for (const code of [
      ...['provider_failed', 'provider_ended', 'provider_timeout', 'provider_unreachable'],
      'ogong_check_failed',
    ]) {
      expect(judge(error(code))).toBe('missed');
      expect(judge(`: ping\n\ndata: {"choices":[]}\n\ndata: ${error(code)}\n\n`)).toBe('missed');
    }
    for (const code of [
      'no_provider',
      'router_unreachable',
      'escrow_exhausted',
      'provider_busy',
      'order_not_admitted',
    ]) {
      expect(judge(error(code))).toBe('unknown');
    }
    expect(judge('<html>')).toBe('unknown');
  });

  it('say how fast an answer was, by the gateway and never above what this validator waited', () => {
    const measured = { output_tokens: 40, first_token_ms: 30, took_ms: 400 };
    const say = (entry: object) => JSON.stringify({ choices: [], ogong: { receipts: [entry] } });
    const paceOf = (entry: object, waitedMs = 9_000) => classifyAnswer(say(entry), { endpoint: 'chat', waitedMs }).pace;
    expect(paceOf(measured)).toEqual({ tokens: 40, firstMs: 30, tookMs: 400 });
    const stream = `data: {"choices":[]}\n\ndata: ${say(measured)}\n\ndata: [DONE]\n\n`;
    expect(classifyAnswer(stream, { endpoint: 'chat', waitedMs: 9_000 }).pace).toEqual(paceOf(measured));
    // A gateway that says more than this validator has waited is wrong.
    expect(paceOf(measured, 20.2)).toEqual({ tokens: 40, firstMs: 21, tookMs: 21 });
    for (const bend of [
      { output_tokens: 0 },
      { took_ms: '400' },
      { took_ms: 0.5 },
      { first_token_ms: -1 },
      { took_ms: null },
    ]) {
      expect(classifyAnswer(say({ ...measured, ...bend }), { endpoint: 'chat', waitedMs: 9_000 })).toEqual({
        outcome: 'answered',
        pace: undefined,
      });
    }
    expect(
      classifyAnswer('{"choices":[],"ogong":{"receipts":[]}}', { endpoint: 'chat', waitedMs: 1 }).pace,
    ).toBeUndefined();
    expect(
      classifyAnswer('{"choices":[],"ogong":{"receipts":7}}', { endpoint: 'chat', waitedMs: 1 }).pace,
    ).toBeUndefined();
  });
});
