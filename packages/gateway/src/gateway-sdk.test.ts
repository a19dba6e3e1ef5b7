import { createClient, fetchReceipt, ReceiptError } from '@ogong/sdk';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterEach, describe, expect, it } from 'vitest';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

const params = { model: FAKE_MODEL, messages: [{ role: 'user', content: 'Tell me a story' }], n: 2 };

async function open(providers: ProviderBehaviour[] = [{}], change?: (text: string) => string) {
  fixture = await createGatewayFixture({ providers });
  const { ledger, network } = fixture.network.chain;
  // A gateway in the middle that changes what passes.
  const meddling: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    // Openings are no text.
    const isText = /json|event-stream/.test(response.headers.get('content-type') ?? '');
    return change && isText ? new Response(change(await response.text()), response) : response;
  };
  const trust = { ledger, settlement: network.settlement };
  // The fixture's parties are in no list.
  const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
  return createClient({ baseUrl: fixture.url, trust, allow, fetch: meddling });
}

describe('the SDK against a gateway', () => {
  it('checks whole answers and streams', async () => {
    const client = await open();
    const whole = await client.chat.completions.create(params);
    expect(whole.replies.map(({ choice }) => choice)).toEqual([0, 1]);
    const stream = await client.chat.completions.create({ ...params, stream: true });
    for await (const _ of stream);
    expect(stream.checked?.replies).toHaveLength(2);
    const { replyId, receipt } = whole.replies[1]!;
    const fetched = await fetchReceipt({ baseUrl: fixture.url, id: replyId });
    // The validator's signature for its record comes after the answer.
    expect({ ...fetched.receipt, intake: receipt.intake }).toEqual({ ...receipt, intake: receipt.intake });
    expect(fetched.status.state).toBe('delivered');
    const text = await client.completions.create({ model: FAKE_MODEL, prompt: 'Hi' });
    expect(text.checks.every(({ status }) => status !== 'fail')).toBe(true);
  });

  it('names a seed in a stream, whose choices each go on where their provider dies', async () => {
    const left = [4, 2];
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return left.pop() ?? Number.POSITIVE_INFINITY;
      },
    };
    const client = await open([mortal, mortal, mortal]);
    const stream = await client.chat.completions.create({ ...params, stream: true });
    const texts = ['', ''];
    for await (const { choices } of stream) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? '';
    }
    expect(texts[0]).not.toBe('');
    expect(texts[1]).toBe(texts[0]);
    expect(stream.checked?.replies).toHaveLength(2);
    expect(fixture.network.orders).toHaveLength(4);
  });

  it('checks completions that begin with their prompts, and continues tokens', async () => {
    const client = await open();
    const asked = { model: FAKE_MODEL, prompt: 'Hi', echo: true, n: 2 };
    const { response, replies } = await client.completions.create(asked);
    for (const { index, text } of response.choices) {
      const signed = new TextDecoder().decode(replies[index]?.response);
      expect([text, signed.length > 0]).toEqual([`Hi${signed}`, true]);
    }
    const stream = await client.completions.create({ ...asked, stream: true });
    let text = '';
    for await (const { choices } of stream)
      text += choices
        .filter(({ index }) => index === 1)
        .map((it) => it.text)
        .join('');
    expect(text).toBe(response.choices[1]?.text);
    expect(stream.checked?.replies).toHaveLength(2);
    const tokens = await client.completions.create({ model: FAKE_MODEL, prompt: [5, 6] });
    expect(tokens.checks.every(({ status }) => status !== 'fail')).toBe(true);
  });

  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
  const asked = { ...params, tools, max_tokens: 40 };

  it('checks that the calls that are shown are those of the signed text, whole and streamed', async () => {
    const client = await open();
    const { response, replies } = await client.chat.completions.create(asked);
    expect(response.choices[1]?.message.tool_calls).toMatchObject([{ function: { name: 'weather' } }]);
    for (const { checks, response: signed } of replies) {
      expect(checks.find(({ id }) => id === 'answer')?.status).toBe('pass');
      expect(new TextDecoder().decode(signed)).toContain('<tool_call>');
    }
    const stream = await client.chat.completions.create({ ...asked, stream: true });
    for await (const _ of stream);
    expect(stream.checked?.checks.find(({ id }) => id === 'answer')?.status).toBe('pass');
  });

  it.each([
    ['a call', 'weather', 'rm'],
    ['arguments', 'Paris', 'Rome'],
    ['the content', 'I look.', 'I am.'],
  ])('rejects an answer of a gateway that changes %s', async (_, from, to) => {
    // Not what was signed, nor what was asked for.
    const change = (text: string) =>
      text.replaceAll(/"(?:message|delta)":.*?"logprobs"/gs, (shown) => shown.replaceAll(from, to));
    const client = await open([{}], change);
    await expect(client.chat.completions.create(asked)).rejects.toMatchObject({ code: 'answer' });
  });

  it("rejects an answer of a gateway that hides the model's thoughts", async () => {
    const format = { calls: 'hermes', reasoning: 'opened', marks: 'seed' } as const;
    const provider = { format, words: ['I think.', '</seed:think>', 'Yes.'] };
    const client = await open([provider]);
    const { response } = await client.chat.completions.create(params);
    expect(response.choices[0]?.message).toMatchObject({ content: 'Yes.', reasoning_content: 'I think.' });
    await fixture.close();
    const deceived = await open([provider], (text) => text.replaceAll(/,"reasoning_content":"[^"]*"/g, ''));
    await expect(deceived.chat.completions.create(params)).rejects.toMatchObject({ code: 'answer' });
  });

  it('rejects an answer of a gateway that changes it', async () => {
    const client = await open([{}], (text) => text.replaceAll('small', 'large'));
    const whole = await client.chat.completions.create(params).catch((error: unknown) => error);
    expect(whole).toBeInstanceOf(ReceiptError);
    expect(whole).toMatchObject({ code: 'response-hash' });
    const stream = await client.chat.completions.create({ ...params, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: 'response-hash' });
  });
});
