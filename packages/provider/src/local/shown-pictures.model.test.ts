import { homedir } from 'node:os';
import { join } from 'node:path';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64, toBase64 } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { text } from '@ogong/protocol/modality/text/text';
import { type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { LOCAL_TIERS } from '@ogong/protocol/tier/local';
import { verifyLocalReceipt, WITHOUT_NETWORK } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textModality } from '../modality/text/text.ts';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import { borrowText } from './local-model.ts';
import { findModel } from './model-shelf.ts';
import { type LocalModels, openLocalModels } from './open-local-models.ts';

const settings = { isa: 'auto', threads: 1, sequences: 1, nCtx: 256, keepAlive: 60_000, adapter: [], model: [] };
const log = { info: () => {}, warn: () => {} };
const hasRuntime = findOnnxRuntime('cpu', join(homedir(), '.ogong', 'engine')) !== undefined;
const NAME = 'tiny-shapes-vision';

interface SavedFile {
  readonly request: string;
  readonly response: string;
  readonly media: readonly string[];
  readonly blobs: Readonly<Record<string, string>>;
}

describe.skipIf(!hasRuntime)('a model of local mode that reads pictures', () => {
  const directory = createTestDirectory('local-vision');
  const [example, other] = readVisionExamples().filter(({ question }) => question === 'What is shown?') as [
    VisionExample,
    VisionExample,
  ];
  let models: LocalModels;
  let fixture: LocalFixture;
  beforeAll(async () => {
    const served = [{ id: NAME, model: TINY_VISION_MODEL }];
    models = await openLocalModels({ ...settings, modelsDir: directory.path, served }, { log });
    fixture = await createLocalFixture({ shelf: models.shelf, loaded: models.loaded });
  });
  afterAll(async () => {
    await fixture.close();
    directory.remove();
  });

  async function ask({ file, question }: VisionExample) {
    const client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
    const url = `data:image/png;base64,${toBase64(file)}`;
    const { data, response } = await client.chat.completions
      .create({
        ...{ model: NAME, temperature: 0, max_tokens: 24 },
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url } },
              { type: 'text', text: question },
            ],
          },
        ],
      })
      .withResponse();
    const saved = await (await fetch(`${fixture.base}${response.headers.get('x-ogong-receipt')}`)).text();
    return { answer: data.choices[0]?.message.content?.trim(), saved };
  }

  function read(saved: string) {
    const file = JSON.parse(saved) as SavedFile;
    const request = fromBase64(file.request);
    return {
      receipt: parseAnyReceipt(saved) as LocalReceipt,
      ...{ request, response: fromBase64(file.response) },
      media: attachMedia(crypto, request, file.media.map(fromBase64)),
      blobs: (root: Uint8Array) => fromBase64(file.blobs[Buffer.from(root).toString('hex')] as string),
    };
  }

  /** Runs an answer again. @param media in place of the saved ones. */
  async function rerun(saved: string, media?: RequestMedia) {
    const { receipt, request, blobs, media: own } = read(saved);
    const record = parseRecordV2(receipt.record.bytes);
    const opening = parseOpening(receipt.opening.bytes);
    const reply = text.replay(crypto, record, opening, { tiers: LOCAL_TIERS, blobs });
    const claim = { endpoint: 'chat', record, opening, request, tiers: LOCAL_TIERS, reply, media: media ?? own };
    const model = await findModel(models.shelf, NAME);
    const { engine, release } = await borrowText(models, model, { use: 'chat' });
    try {
      const signal = new AbortController().signal;
      const { outcome, checks } = await textModality.rerun(claim, { engine, crypto, signal });
      return { outcome, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
    } finally {
      release();
    }
  }

  it('lists vision, and answers a question about a picture', async () => {
    const shown = (await (await fixture.post('/api/show', { model: NAME })).json()) as { capabilities: string[] };
    expect(shown.capabilities).toContain('vision');
    expect((await ask(example)).answer).toBe(example.answer);
    expect((await ask(other)).answer).toBe(other.answer);
  });

  it('reads the picture of a tool, whose template writes an answer of a tool as a text', async () => {
    const url = `data:image/png;base64,${toBase64(example.file)}`;
    const response = await fixture.post('/v1/chat/completions', {
      ...{ model: NAME, temperature: 0, max_tokens: 4 },
      messages: [
        { role: 'user', content: example.question },
        { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: { url } }] },
      ],
    });
    expect([response.status, response.ok ? '' : await response.text()]).toEqual([200, '']);
  });

  it('gives a receipt that verifies, and a second run accepts it', async () => {
    const { saved } = await ask(example);
    const { receipt, ...held } = read(saved);
    const verdict = verifyLocalReceipt(receipt, {
      ...{ crypto, ...held, nowMs: Date.now() },
      trust: { allow: [WITHOUT_NETWORK] },
    });
    expect([verdict.ok, verdict.checks.filter(({ status }) => status === 'fail')]).toEqual([true, []]);
    expect(verdict.checks.find(({ id }) => id === 'picture-rows')?.status).toBe('pass');
    expect(await rerun(saved)).toEqual({ outcome: 'accept', failed: [] });
  });

  it('is rejected by a second run on another picture', async () => {
    const { saved } = await ask(example);
    const [reference] = [...read(saved).media.keys()] as [string];
    const found = await rerun(saved, new Map([[reference, other.file]]));
    expect(found).toEqual({ outcome: 'reject', failed: ['picture-rows'] });
  });
});
