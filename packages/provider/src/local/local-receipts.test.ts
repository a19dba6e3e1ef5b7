import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64 } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeptReply } from '../modality/local-reply.ts';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';
import { createLocalReceipts } from './local-receipts.ts';
import { createSpeedMeter } from './speed-meter.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  const defaults = { from: 'fake', system: 'Be brief.', parameters: { temperature: 0, num_ctx: 200 } };
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('slow'), shelve('made', { defaults }), shelve('embedder')],
    open: (reference) =>
      reference.includes('embedder')
        ? createFakeEmbeddingEngine()
        : createFakeEngine({ contextSize: 512, stepMs: reference.includes('slow') ? 20 : 0 }),
  });
});
afterAll(() => fixture.close());

interface Served {
  readonly reply_id: string;
  readonly checks: readonly Check[];
  readonly request: string;
  readonly response: string;
}

async function fetchReceipt(path: string) {
  const response = await fetch(`${fixture.base}${path}`);
  expect(response.status).toBe(200);
  const text = await response.text();
  const { request, response: said, ...served } = JSON.parse(text) as Served;
  const held = { request: fromBase64(request), response: fromBase64(said) };
  const receipt = parseAnyReceipt(text) as LocalReceipt;
  const { checks } = verifyLocalReceipt(receipt, { crypto, ...held, nowMs: Date.now() });
  expect(checks).toEqual(served.checks);
  expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { ...served, ...held, receipt, asked: JSON.parse(decode(held.request)), text: decode(held.response) };
}

const messages = [{ role: 'user', content: 'Once upon a time' }];
const pathOf = (response: Response): string => response.headers.get('x-ogong-receipt') ?? '';

/** The text of an answer, as each API words it. */
const ASKED: [path: string, body: object, read: (answer: string) => string][] = [
  ['/v1/chat/completions', { messages }, (text) => JSON.parse(text).choices[0].message.content],
  ['/v1/completions', { prompt: 'Once' }, (text) => JSON.parse(text).choices[0].text],
  ['/v1/messages', { messages }, (text) => JSON.parse(text).content[0].text],
  ['/v1/responses', { input: 'Once' }, (text) => JSON.parse(text).output[0].content[0].text],
  ['/api/chat', { messages, stream: false }, (text) => JSON.parse(text).message.content],
  ['/api/generate', { prompt: 'Once', stream: false }, (text) => JSON.parse(text).response],
  ['/api/generate', { prompt: 'Once', raw: true, stream: false, format: 'json' }, (text) => JSON.parse(text).response],
  [
    '/api/chat',
    { messages, options: { num_predict: 5, num_ctx: 100, seed: 3 } },
    (text) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).message.content)
        .join(''),
  ],
];

describe('the receipt of a local answer', () => {
  it.each(ASKED)('is named by %s %j, and about the text that was answered', async (path, body, read) => {
    for (const model of ['fake', 'made']) {
      const limit = path.startsWith('/v1/responses') ? {} : path.startsWith('/v1') ? { max_tokens: 20 } : {};
      const headers = { 'anthropic-version': '2023-06-01' };
      const response = await fixture.post(path, { model, ...limit, ...body }, headers);
      const answer = await response.text();
      expect(response.status, answer).toBe(200);
      const receipt = await fetchReceipt(pathOf(response));
      expect(receipt.text).toBe(read(answer));
      if (model === 'made' && receipt.asked.messages) {
        expect(receipt.asked.messages[0]).toEqual({ role: 'system', content: 'Be brief.' });
        expect(receipt.asked.temperature).toBe(0);
      }
    }
  });

  it('is there once a stream has ended, and stands in its last chunk by reference', async () => {
    const response = await fixture.post('/v1/chat/completions', {
      model: 'fake',
      messages,
      max_tokens: 9,
      stream: true,
    });
    const chunks = (await response.text()).split('\n').filter((line) => line.startsWith('data: {'));
    const { ogong } = JSON.parse((chunks.at(-1) as string).slice(6));
    const { reply_id } = await fetchReceipt(pathOf(response));
    expect(ogong).toEqual({ receipts: [{ reply_id, url: `/v1/receipts/${reply_id}` }] });
    expect((await fetchReceipt(ogong.receipts[0].url)).reply_id).toBe(reply_id);
  });

  it.each(['/v1/chat/completions', '/api/chat', '/v1/messages'])(
    'comes with the answer of %s for who asks',
    async (path) => {
      const body = { model: 'fake', messages, max_tokens: 4, options: { num_predict: 4 }, stream: false };
      const { options: _, ...openai } = body;
      const { max_tokens: __, ...ollama } = body;
      const asked = path.startsWith('/v1') ? openai : ollama;
      const headers = { 'anthropic-version': '2023-06-01' };
      const inline = await fixture.post(path, asked, { ...headers, 'x-ogong-receipt': 'inline' });
      const [{ receipt, checks }] = (
        (await inline.json()) as { ogong: { receipts: [{ receipt: object; checks: Check[] }] } }
      ).ogong.receipts;
      expect(parseAnyReceipt(JSON.stringify(receipt))).toMatchObject({ endpoint: 'chat' });
      expect(checks.some(({ id, status }) => id === 'draw-replay' && status === 'pass')).toBe(true);
      const plain = await (await fixture.post(path, asked, headers)).text();
      expect(plain).not.toContain('draw-replay');
      expect(plain).not.toContain('ogong-local-receipt-v1');
    },
  );

  it('is one for each choice of each prompt', async () => {
    const body = { model: 'fake', prompt: ['One', 'Two'], n: 2, max_tokens: 5, seed: 9 };
    const response = await fixture.post('/v1/completions', body);
    const { choices } = (await response.json()) as { choices: { text: string }[] };
    for (const [choice, { text }] of choices.entries()) {
      const receipt = await fetchReceipt(`${pathOf(response)}?choice=${choice}`);
      expect([receipt.text, receipt.asked.prompt]).toEqual([text, choice < 2 ? 'One' : 'Two']);
    }
    expect((await fetch(`${fixture.base}${pathOf(response)}?choice=4`)).status).toBe(404);
  });

  it('is about a prompt of tokens, too', async () => {
    const response = await fixture.post('/v1/completions', { model: 'fake', prompt: [5, 6], max_tokens: 3 });
    const { choices } = (await response.json()) as { choices: { text: string }[] };
    const receipt = await fetchReceipt(pathOf(response));
    expect([receipt.text, receipt.asked.prompt]).toEqual([choices[0]?.text, [5, 6]]);
  });

  it('is about the answer alone where the prompt is shown before it', async () => {
    const asked = { model: 'fake', prompt: 'Once', echo: true, max_tokens: 3 };
    const response = await fixture.post('/v1/completions', asked);
    const { choices } = (await response.json()) as { choices: { text: string }[] };
    expect(`Once${(await fetchReceipt(pathOf(response))).text}`).toBe(choices[0]?.text);
  });

  it('is kept of an answer that its client left', async () => {
    const leaving = new AbortController();
    const response = await fetch(`${fixture.base}/v1/completions`, {
      ...{ method: 'POST', signal: leaving.signal },
      body: JSON.stringify({ model: 'slow', prompt: 'Once', stream: true }),
    });
    const reader = response.body?.getReader();
    await reader?.read();
    leaving.abort();
    await reader?.read().catch(() => undefined);
    const path = pathOf(response);
    await expect.poll(async () => (await fetch(`${fixture.base}${path}`)).status).toBe(200);
    const receipt = await fetchReceipt(path);
    expect(receipt.checks.find(({ id }) => id === 'stop-strings')?.status).toBe('pass');
    expect(parseHeader(parseOpening(receipt.receipt.opening.bytes).header).stopReason).toBe('cancelled');
  });

  it.each([
    ['is aborted', true],
    ['is read no further', false],
  ])('is kept where the answer %s', async (_, isAborted) => {
    const kept: string[] = [];
    const engine = createFakeEngine({ contextSize: 512 });
    const leaving = new AbortController();
    const { generateLocally } = await import('./local-model.ts');
    const { parseModelRequest } = await import('../modality/text/model-request.ts');
    const body = new TextEncoder().encode(JSON.stringify({ model: 'fake', messages, max_tokens: 200 }));
    const request = { ...parseModelRequest(body, 'chat', 0), body, startMs: 0 };
    const means = {
      crypto,
      clock: { nowMs: () => 0 },
      randomBytes: (length: number) => new Uint8Array(length),
      speeds: createSpeedMeter(),
    };
    const keep = ({ replyId }: KeptReply) => kept.push(replyId);
    for await (const { kind } of generateLocally(means, { engine, request, keep, signal: leaving.signal })) {
      if (kind === 'token' && !isAborted) break;
      if (kind === 'token') leaving.abort();
    }
    await engine.close();
    expect(kept).toHaveLength(1);
  });

  it('is unknown under another name', async () => {
    const response = await fetch(`${fixture.base}/v1/receipts/chatcmpl-none`);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.objectContaining({ code: 'receipt_not_found' }) },
    ]);
  });
});

describe('the receipt of vectors', () => {
  const read = {
    '/v1/embeddings': (body: { data: { embedding: number[] }[] }) => body.data.map(({ embedding }) => embedding),
    '/api/embed': (body: { embeddings: number[][] }) => body.embeddings,
    '/api/embeddings': (body: { embedding: number[] }) => [body.embedding],
  };

  it.each(Object.entries(read))('is named by %s, and about the vectors that were answered', async (path, toVectors) => {
    const asked = path === '/api/embeddings' ? { prompt: 'one' } : { input: ['one', 'two'] };
    const response = await fixture.post(path, { model: 'embedder', ...asked });
    const vectors = toVectors((await response.json()) as never);
    const receipt = await fetchReceipt(pathOf(response));
    const { buffer, byteOffset, length } = receipt.response;
    expect([...new Float32Array(buffer.slice(byteOffset, byteOffset + length))]).toEqual(vectors.flat());
    expect(receipt.asked.input).toEqual(asked.input ?? ['one']);
    const passed = receipt.checks.filter(({ status }) => status === 'pass').map(({ id }) => id);
    expect(passed).toEqual(
      expect.arrayContaining(['vectors', 'unit-norm', 'sketch', 'inputs', 'response-size', 'local']),
    );
  });

  it('is refuted by another vector, another text and fewer vectors', async () => {
    const response = await fixture.post('/v1/embeddings', { model: 'embedder', input: ['one', 'two'] });
    const held = await fetchReceipt(pathOf(response));
    const failed = (change: Partial<typeof held>): readonly string[] => {
      const { receipt, request, response: said } = { ...held, ...change };
      const { ok, checks } = verifyLocalReceipt(receipt, { crypto, request, response: said });
      expect(ok).toBe(false);
      return checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    };
    const bent = held.response.slice();
    bent[0] = (bent[0] as number) ^ 1;
    expect(failed({ response: bent })).toEqual(['response-hash']);
    expect(failed({ response: held.response.slice(4) })).toEqual(['response-hash', 'response-size']);
    const asked = new TextEncoder().encode(JSON.stringify({ ...held.asked, input: ['one'] }));
    expect(failed({ request: asked })).toEqual(['request-hash', 'response-hash', 'blinding', 'inputs']);
    const opening = held.receipt.opening.bytes.slice();
    opening[opening.length >> 1] = (opening[opening.length >> 1] as number) ^ 1;
    expect(failed({ receipt: { ...held.receipt, opening: { bytes: opening } } })).toEqual(['commitment-root']);
  });

  it('is refused to a request that demands other weights', async () => {
    const ogong = { model_root: '00'.repeat(32) };
    const response = await fixture.post('/v1/embeddings', { model: 'embedder', input: 'one', ogong });
    expect(response.status).toBe(400);
  });
});

describe('the demands of a request', () => {
  it('is refused where the model is another', async () => {
    const ogong = { model_root: '00'.repeat(32) };
    const response = await fixture.post('/v1/chat/completions', { model: 'fake', messages, ogong });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('demands weights')]);
  });
});

describe('kept receipts', () => {
  const make = (replyId: string, size: number): KeptReply => ({
    replyId,
    receipt: { endpoint: 'chat', record: { bytes: new Uint8Array(0) }, opening: { bytes: new Uint8Array(size) } },
    request: new Uint8Array(0),
    response: new Uint8Array(0),
  });
  const kept = (limits: { replies: number; sizeBytes: number }, sizes: readonly number[]): string[] => {
    const receipts = createLocalReceipts(limits);
    for (const [at, size] of sizes.entries())
      receipts.keep({ answerId: `answer-${at}`, choice: 0 }, make(`r${at}`, size));
    return sizes.flatMap((_, at) => {
      const byAnswer = receipts.find(`answer-${at}`);
      expect(receipts.find(`r${at}`)).toBe(byAnswer);
      return byAnswer ? [byAnswer.replyId] : [];
    });
  };

  it('are the last ones, by number and by size', () => {
    expect(kept({ replies: 2, sizeBytes: 100 }, [1, 1, 1])).toEqual(['r1', 'r2']);
    expect(kept({ replies: 9, sizeBytes: 10 }, [4, 4, 4])).toEqual(['r1', 'r2']);
    expect(kept({ replies: 9, sizeBytes: 10 }, [4, 11, 4])).toEqual(['r0', 'r2']);
    expect(kept({ replies: 9, sizeBytes: 10 }, [4, 10])).toEqual(['r1']);
  });
});
