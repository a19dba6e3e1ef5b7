import { createCheckedFetch } from '@ogong/sdk';
import { ALL_CASES } from '@ogong/testing/clients/all-cases';
import { type ClientFeature, LIMIT, QUESTION } from '@ogong/testing/clients/client-case';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture.close());

/** @param change the answer as a gateway in the middle changes it. */
function open(change?: (text: string) => string) {
  const replies: string[] = [];
  const { ledger, network } = fixture.network.chain;
  const checked = createCheckedFetch({
    baseUrl: fixture.url,
    trust: { ledger, settlement: network.settlement },
    // The fixture's parties are in no list.
    allow: ['router', 'validator', 'admission', 'intake', 'model-root'],
    onReceipt: ({ replyId }) => replies.push(replyId),
    async fetch(input, init) {
      const response = await fetch(input, init);
      const isText = /json|event-stream/.test(response.headers.get('content-type') ?? '');
      return change && isText ? new Response(change(await response.text()), response) : response;
    },
  });
  return { checked, replies };
}

const body = { model: FAKE_MODEL, messages: [{ role: 'user', content: QUESTION }], max_tokens: LIMIT, temperature: 0 };
const post = (checked: typeof fetch, path: string, asked: object): Promise<Response> =>
  checked(`${fixture.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
  });

/** Of a gateway about its own answer. */
const CLAIM = '"checked":[{"choice":7}]';

const FEATURES: readonly ClientFeature[] = ['answer', 'stream', 'usage', 'tools', 'several choices', 'embeddings'];

describe('other clients through the checked fetch', () => {
  let opened: ReturnType<typeof open>;
  let answer = '';
  beforeAll(async () => {
    opened = open();
    const response = await post(opened.checked, '/v1/chat/completions', body);
    answer =
      ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';
    expect(answer).not.toBe('');
  });

  const clients = [
    'openai: chat completions',
    ...['AI SDK 7: openai-compatible', 'AI SDK 6: openai-compatible', 'LangChain JS: ChatOpenAI'],
  ];
  it.each(ALL_CASES.filter(({ client, feature }) => clients.includes(client) && FEATURES.includes(feature)))(
    '$client: $feature',
    async ({ run }) => {
      const { checked, replies } = opened;
      const before = replies.length;
      const of = { model: FAKE_MODEL, embeddingModel: FAKE_MODEL, callingModel: FAKE_MODEL, stop: 'never' };
      await run({ origin: fixture.url, fetch: checked, answer, ...of });
      expect(replies.length, 'no reply was checked').toBeGreaterThan(before);
    },
  );
});

describe('the checked fetch', () => {
  const wrong = (text: string): string => text.replaceAll('"content":"', '"content":"not what the model said ');

  it('hands over no answer that fails a check, and no client tries it again', async () => {
    const response = await post(open(wrong).checked, '/v1/chat/completions', body);
    expect([response.status, await response.json()]).toMatchObject([422, { error: { code: 'ogong_check_failed' } }]);
  });

  it('ends a stream that fails a check with an error, and without an end', async () => {
    const text = await (await post(open(wrong).checked, '/v1/chat/completions', { ...body, stream: true })).text();
    expect(text).toContain('"code":"ogong_check_failed"');
    expect(text).not.toContain('[DONE]');
  });

  it('says in an answer what was checked, whatever its gateway says of that', async () => {
    const forged = (text: string): string =>
      text.replaceAll(/"ogong":\{|"choices":/g, (name) =>
        name.startsWith('"o') ? `${name}${CLAIM},` : `"ogong":{${CLAIM}},${name}`,
      );
    const isOwn = (text: string, ids: readonly string[]) => {
      expect(text).not.toContain(CLAIM);
      expect(ids).toContain('draw-replay');
    };
    const idsOf = (answer: { ogong?: { checked?: { checks: { id: string }[] }[] } }) =>
      answer.ogong?.checked?.flatMap(({ checks }) => checks.map(({ id }) => id)) ?? [];
    const whole = await (await post(open(forged).checked, '/v1/chat/completions', body)).text();
    isOwn(whole, idsOf(JSON.parse(whole)));
    const streamed = await post(open(forged).checked, '/v1/chat/completions', { ...body, stream: true });
    const text = await streamed.text();
    const chunks = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data as string));
    expect(text).toContain('[DONE]');
    isOwn(text, chunks.flatMap(idsOf));
  });

  it('hands on what the gateway refuses, in its words', async () => {
    const response = await post(open().checked, '/v1/chat/completions', { ...body, model: 'nobody/has/this' });
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
  });

  it('refuses what it cannot check, and asks no other host', async () => {
    const { checked } = open();
    const response = await post(checked, '/v1/responses', { model: FAKE_MODEL, input: QUESTION });
    expect([response.status, await response.json()]).toMatchObject([422, { error: { code: 'ogong_unchecked' } }]);
    await expect(checked('http://127.0.0.1:1/v1/models')).rejects.toThrow('alone');
    expect((await checked(`${fixture.url}/v1/models`)).status).toBe(200);
  });
});
