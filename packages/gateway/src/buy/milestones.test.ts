import { Refusal } from '@ogong/host/link/link-error';
import { fromBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { openProgress } from '@ogong/protocol/exchange/progress';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import { checkPart } from '@ogong/protocol/verdict/receipt/answer-part';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createClient } from '@ogong/sdk';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import {
  createGatewayFixture,
  type FixtureOptions,
  type GatewayFixture,
  localChecker,
} from '@ogong/testing/gateway/gateway-fixture';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from '../front/ogong-field.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

/** One for each token. */
const WORDS = Array.from({ length: 110 }, (_, i) => ` word${i}`);
const STORY = WORDS.join('');
const chat = {
  ...{ model: FAKE_MODEL, messages: [{ role: 'user' as const, content: 'Tell me a story' }] },
  ...{ max_tokens: 200, seed: 5, stream: true as const },
};
const bytesOf = (tokens: number): number => WORDS.slice(0, tokens).join('').length;

/** Its silence ends no reply before the process that checks milestones has found one wrong. */
const UNHURRIED: FixtureOptions = { options: { patience: { idleTimeoutMs: 120_000, totalTimeoutMs: 120_000 } } };

/** Two providers. The first one that is asked behaves so; the other one behaves well, or as given. */
async function open(
  first: Partial<ProviderBehaviour>,
  { second = {}, ...options }: FixtureOptions & { readonly second?: Partial<ProviderBehaviour> } = {},
) {
  const orders = () => fixture.network.orders.length;
  const behaviour: ProviderBehaviour = {
    words: WORDS,
    get dieAfter() {
      // It is read before the order is counted.
      return (orders() === 0 && first.dieAfter) || Number.POSITIVE_INFINITY;
    },
    get hangAfter() {
      return (orders() === 0 && first.hangAfter) || Number.POSITIVE_INFINITY;
    },
    get bend() {
      return orders() === 1 ? second.bend : undefined;
    },
    get signedText() {
      return orders() === 1 ? second.signedText : undefined;
    },
    get milestones() {
      return orders() === 1 ? (first.milestones ?? []) : [];
    },
    get lastMilestone() {
      return first.lastMilestone ?? 0;
    },
    get bendMilestone() {
      return first.bendMilestone;
    },
    get dieWith() {
      return first.dieWith;
    },
    end: (order, signer) => (orders() === 1 ? first.end?.(order, signer) : undefined),
    get afterMilestones() {
      return first.afterMilestones ?? [];
    },
  };
  fixture = await createGatewayFixture({ ...options, providers: [behaviour, behaviour] });
  return new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
}

async function readStream(client: OpenAI) {
  const read = { text: '', ogong: undefined as OgongField | undefined };
  for await (const chunk of await client.chat.completions.create(chat)) {
    read.text += chunk.choices[0]?.delta.content ?? '';
    read.ogong = (chunk as unknown as { ogong?: OgongField }).ogong ?? read.ogong;
  }
  const [entry] = read.ogong?.receipts ?? [];
  return { text: read.text, tries: entry?.earlier_tries ?? [], url: entry?.url };
}

interface Stored {
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly state: string;
}

async function readReceipt(url: string | undefined): Promise<Stored> {
  const json = (await (await fetch(`${fixture.url}${url}`)).json()) as Record<'request' | 'response', string> & {
    readonly status: { readonly state: string };
  };
  const { request, response, status } = json;
  return {
    receipt: parseReceipt(json),
    request: fromBase64(request),
    response: fromBase64(response),
    state: status.state,
  };
}

function verify({ receipt, request, response }: Stored) {
  const { chain } = fixture.network;
  const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
  const trust = { ledger: chain.ledger, settlement: chain.network.settlement, allow };
  return verifyReceipt(receipt, { crypto: nobleCrypto, request, response, trust, nowMs: Date.now() });
}

const failuresOf = ({ checks }: Awaited<ReturnType<typeof verify>>) =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('a provider that dies in mid-stream', () => {
  it('leaves a receipt of what it had signed, which is handed to its validator and held as owed', async () => {
    const client = await open({ milestones: [64, 96], dieAfter: 100 });
    const { text, tries, url } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toMatchObject([{ code: 'provider_failed', shown_bytes: bytesOf(100), signed_bytes: bytesOf(96) }]);

    const [whole, part] = [await readReceipt(url), await readReceipt(tries[0]?.url)];
    expect(await verify(whole)).toMatchObject({ ok: true, missing: [] });
    expect(await verify(part)).toMatchObject({ ok: true, missing: [] });
    expect(part.response).toEqual(utf8Encode(STORY).subarray(0, bytesOf(96)));
    expect(part.state).toBe('delivered');
    // Each part is of its own order and provider.
    const [dead, alive] = fixture.network.orders;
    expect(tries[0]).toMatchObject({ reply_id: toHex(dead!.replyId), provider: toHex(dead!.providerId) });
    expect(toHex(alive!.providerId)).not.toBe(tries[0]?.provider);
    // A part is valid for its own text, with the payer's signed statement that it has left.
    expect(failuresOf(await verify({ ...part, response: part.response.subarray(0, 9) }))).toContain('response-hash');
    const { progress: _progress, ...wordless } = part.receipt;
    expect(failuresOf(await verify({ ...part, receipt: wordless as Receipt }))).toEqual(['stop-strings']);

    const { milestones, complaints, chain } = fixture.network;
    await expect.poll(() => milestones.length).toBe(1);
    const { push, opening } = milestones[0]!;
    expect(push?.record?.record).toEqual(part.receipt.record.bytes);
    expect('bytes' in part.receipt.opening && part.receipt.opening.bytes).toEqual(opening);
    const { answer: blind } = computeBlinds(nobleCrypto, { body: part.request, replyId: dead!.replyId });
    const shown = { blind, text: part.response };
    const word = openProgress(nobleCrypto, { ledger: chain.ledger, order: dead! }, push!.progress!, shown);
    expect(word).toMatchObject({ hasLeft: true, textBytes: part.response.length });
    expect(complaints).toEqual([]);
  });

  it('leaves a part that is how the answer begins, as the SDK finds', async () => {
    await open({ milestones: [64], dieAfter: 80 });
    const { ledger, network } = fixture.network.chain;
    const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
    const trust = { ledger, settlement: network.settlement };
    const client = createClient({ baseUrl: fixture.url, trust, allow });
    const stream = await client.chat.completions.create(chat);
    for await (const _ of stream);
    const [reply] = stream.checked?.replies ?? [];
    expect(reply?.parts).toMatchObject([{ id: 'earlier-part', status: 'pass' }]);

    const [tried] = fixture.network.orders;
    const found = await readReceipt(`/v1/receipts/${toHex(tried!.replyId)}`);
    const part = { ...found, verdict: await verify(found) };
    const whole = { receipt: reply!.receipt, request: reply!.request, response: reply!.response };
    const check = (bent: object, of: object = {}) => checkPart(nobleCrypto, { ...whole, ...of }, { ...part, ...bent });
    expect(check({})).toMatchObject({ status: 'pass', detail: expect.stringContaining(`first ${bytesOf(64)} of`) });
    expect(check({}, { response: utf8Encode(`No. ${STORY}`) }).detail).toContain('does not begin with its text');
    expect(check({}, { response: whole.response.subarray(0, 9) }).detail).toContain('does not begin with its text');
    expect(check({}, { request: utf8Encode('{}') }).detail).toContain('another request');
    expect(check({}, { receipt: part.receipt }).detail).toContain('the same order');
    expect(check({ receipt: whole.receipt }).detail).toContain('no milestone');
    expect(check({ verdict: await verify({ ...found, response: utf8Encode('x') }) }).detail).toContain('response-hash');
  });

  it('and that lives leaves one more, which may come early and behind which it is not read', async () => {
    const client = await open({ milestones: [64, 65], lastMilestone: 65 });
    const { text, tries } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toMatchObject([{ code: 'provider_failed', shown_bytes: bytesOf(65), signed_bytes: bytesOf(65) }]);
    expect((await verify(await readReceipt(tries[0]?.url))).ok).toBe(true);
  });

  it('before its first milestone leaves nothing', async () => {
    const client = await open({ milestones: [64], dieAfter: 40 });
    const { text, tries } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toHaveLength(1);
    expect(tries[0]).not.toHaveProperty('signed_bytes');
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
    expect(fixture.network.milestones).toEqual([]);
  });
});

describe('a window that does not hold', () => {
  const row: NonNullable<NonNullable<ProviderBehaviour['bendMilestone']>['row']> = (honest, at) =>
    at === 70 ? { ...honest, rank: honest.rank === 0 ? 1 : 0 } : honest;

  it('is found while the stream runs and moves it to another provider; the earlier part is kept', async () => {
    const client = await open({ milestones: [64, 96], bendMilestone: { row }, hangAfter: 100 }, UNHURRIED);
    const { text, tries } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toMatchObject([
      { code: 'ogong_check_failed', reason: expect.stringContaining('draw-replay'), signed_bytes: bytesOf(64) },
    ]);
    expect((await verify(await readReceipt(tries[0]?.url))).ok).toBe(true);
    const { complaints, proofs, milestones } = fixture.network;
    await expect.poll(() => complaints.map(({ reason }) => reason)).toEqual(['draw-replay']);
    await expect.poll(() => proofs.length).toBe(1);
    await expect.poll(() => milestones.length).toBe(1);
  });

  it.each<[string, Partial<ProviderBehaviour>]>([
    ['a milestone without a record', { afterMilestones: [{ textBytes: 9 }] }],
    [
      'an end that says that its order was not admitted',
      {
        dieAfter: Number.POSITIVE_INFINITY,
        end: ({ orderHash }, signer) => signEnd(signer, { orderHash, code: 'not-admitted', timeMs: 1 }),
      },
    ],
    ['a refusal of the request', { dieWith: new Refusal('invalid', 'the prompt is too long') }],
  ])('is not hidden by %s behind it', async (_what, behind) => {
    const hiding = { milestones: [64, 96], bendMilestone: { row }, dieAfter: 100, ...behind };
    const client = await open(hiding, { milestonePauseMs: 60_000 });
    const { text, tries } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toMatchObject([{ reason: expect.stringContaining('draw-replay'), signed_bytes: bytesOf(64) }]);
    const { complaints, proofs } = fixture.network;
    await expect.poll(() => complaints.map(({ reason }) => reason)).toEqual(['draw-replay']);
    await expect.poll(() => proofs.length).toBe(1);
  });

  it('and milestones that come too often are refused', async () => {
    const client = await open({ milestones: [64, 65], hangAfter: 70 }, UNHURRIED);
    const { text, tries } = await readStream(client);
    expect(text).toBe(STORY);
    expect(tries).toMatchObject([{ code: 'ogong_check_failed', reason: expect.stringContaining('milestone') }]);
  });
});

describe('a provider that goes on behind a beginning of a friend that no draw gave', () => {
  const SHOWN = 12;
  it.each<[string, string, Pick<ProviderBehaviour, 'bend' | 'signedText'>]>([
    [
      'and signs its tokens, too',
      'draw-replay',
      { bend: { row: (row, at) => (at < SHOWN ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row) } },
    ],
    [
      'and names other draws',
      'draw-replay',
      {
        bend: {
          header(header) {
            const { drawKey } = header;
            if (drawKey.mode !== 'seed') throw new Error('the request has a seed');
            return { ...header, drawKey: { ...drawKey, seed: drawKey.seed + 1n } };
          },
        },
      },
    ],
    ['and signs the rest alone', 'response-hash', { signedText: WORDS.slice(SHOWN).join('') }],
  ])('%s: its stream ends with an error, and it is complained of', async (_what, reason, second) => {
    const client = await open({ dieAfter: SHOWN }, { second });
    await expect(readStream(client)).rejects.toThrow(reason);
    const { complaints, orders } = fixture.network;
    expect(orders.length).toBe(2);
    await expect.poll(() => complaints.map((complaint) => complaint.reason)).toEqual(['abandoned', reason]);
  });
});

it('of a fast text is checked what is newest when the provider dies, and nothing where the whole reply follows', async () => {
  const checked: number[] = [];
  const counting = {
    ...localChecker,
    check(job: Parameters<typeof localChecker.check>[0]) {
      checked.push(job.response.length);
      return localChecker.check(job);
    },
  };
  const later = { checker: counting, milestonePauseMs: 60_000 };
  const client = await open({ milestones: [64, 96], dieAfter: 100 }, later);
  const { text, tries } = await readStream(client);
  expect([text, tries[0]?.signed_bytes]).toEqual([STORY, bytesOf(96)]);
  expect(checked).toEqual([bytesOf(96), bytesOf(110)]);
  await fixture.close();

  checked.length = 0;
  const living = await open({ milestones: [64, 96] }, { milestonePauseMs: 60_000, checker: counting });
  expect((await readStream(living)).text).toBe(STORY);
  expect(checked).toEqual([bytesOf(110)]);
});
