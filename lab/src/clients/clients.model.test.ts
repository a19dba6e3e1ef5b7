import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLlamaEmbeddingEngine } from '@ogong/engine/llama-cpp/embedding-engine';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { fromBase64 } from '@ogong/protocol/base/bytes';
import { createLocalServer } from '@ogong/provider/local/local-server';
import { openLocalModels } from '@ogong/provider/local/open-local-models';
import {
  isLocalReceipt,
  parseAnyReceipt,
  type ReceiptInput,
  type ReceiptVerdict,
  verifyLocalReceipt,
  verifyReceipt,
} from '@ogong/sdk';
import { type ClientSelection, testClients } from '@ogong/testing/clients/client-suite';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, expect } from 'vitest';
import { openGatewayPath } from '../path/gateway-path.ts';

// Answers of real weights to clients: chats, calls, schemas and vectors. The receipt of each must hold.

const TEXT = fileURLToPath(new URL('../../../packages/models/models/stories260K.gguf', import.meta.url));
const MEAN = 1;
const SHAPE = { embedding: 64, layers: 2, heads: 4, kvHeads: 2, feedForward: 128, context: 256, poolingCode: MEAN };
const UNFORCED = 'its API cannot force a call, and this model makes none of itself';
const SELECTION: ClientSelection = {
  features: ['answer', 'stream', 'JSON of a schema', 'tools', 'token count', 'embeddings'],
  without: {
    'openai: images: stream': 'none of its models makes pictures',
    'ollama: tools': UNFORCED,
    'AI SDK 7: ollama-ai-provider-v2: tools': UNFORCED,
    'AI SDK 7: ai-sdk-ollama: tools': UNFORCED,
    'LangChain JS: ChatOllama: tools': UNFORCED,
    'LangChain JS: ChatAnthropic: JSON of a schema':
      'the tool of its schema leaves no room in the context of this model',
  },
};

const directory = mkdtempSync(join(tmpdir(), 'ogong-clients-'));
const vectors = join(directory, 'vectors.gguf');
beforeAll(() => writeRandomModel(vectors, { vocabularyFrom: TEXT, shape: SHAPE }));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The validator signs for the record once the answer is out. */
const AFTERWARDS = ['intake'];

async function readReceipt(url: string) {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { request, response } = JSON.parse(new TextDecoder().decode(bytes)) as { request: string; response: string };
  return { receipt: parseAnyReceipt(bytes), request: fromBase64(request), response: fromBase64(response) };
}

type Bodies = Pick<ReceiptInput, 'request' | 'response'>;

/** It holds for what was answered, and for nothing else. */
async function expectProof(verify: (said: Bodies) => ReceiptVerdict | Promise<ReceiptVerdict>, said: Bodies) {
  expect(await verify(said)).toMatchObject({ ok: true });
  const other = new Uint8Array([...said.response, 33]);
  expect((await verify({ ...said, response: other })).checks).toContainEqual(
    expect.objectContaining({ id: 'response-hash', status: 'fail' }),
  );
}

testClients(
  'local mode',
  async () => {
    const settings = { model: ['stories260K', vectors], adapter: [], modelsDir: directory, keepAlive: 60_000 };
    const log = createLogger({ name: 'test', level: 'silent' });
    const engine = { isa: 'auto', threads: 1, sequences: 2, nCtx: 512 };
    const { names, loaded, ...models } = await openLocalModels({ ...settings, ...engine }, { log });
    const listen = { host: '127.0.0.1', port: 0 };
    const server = createLocalServer({ listen }, { ...models, loaded, crypto, clock: systemClock, log });
    await server.start();
    const origin = `http://127.0.0.1:${server.address().port}`;
    const [model = '', embeddingModel = ''] = names;
    return {
      ...{ origin, model, embeddingModel, callingModel: model, countsTokens: true },
      async checkReceipt(path) {
        const { receipt, ...bodies } = await readReceipt(`${origin}${path}`);
        if (!isLocalReceipt(receipt)) throw new Error('local mode gave a receipt of the network');
        const context = { allow: ['network'], nowMs: Date.now() };
        await expectProof((said) => verifyLocalReceipt(receipt, { ...context, ...said }), bodies);
      },
      async close() {
        await server.stop();
        await loaded.close();
      },
    };
  },
  SELECTION,
);

testClients(
  'gateway',
  async () => {
    const [model, embeddingModel] = ['ogong/verified/test/stories', 'ogong/verified/test/vectors'];
    const engines = [
      await createLlamaEngine({ modelPath: TEXT, contextSize: 512, threads: 1, sequences: 2 }),
      await createLlamaEmbeddingEngine({ modelPath: vectors, threads: 1 }),
    ] as const;
    const path = await openGatewayPath([
      { modelId: model, pricePer1kAtomic: 1_000n, engine: engines[0] },
      { modelId: embeddingModel, pricePer1kAtomic: 1_000n, engine: engines[1] },
    ]);
    const { url, trust } = path;
    return {
      ...{ origin: url, model, embeddingModel, callingModel: model, countsTokens: true },
      async checkReceipt(at) {
        const { receipt, ...bodies } = await readReceipt(`${url}${at}`);
        if (isLocalReceipt(receipt)) throw new Error('a gateway gave a receipt of local mode');
        const context = { trust, allow: AFTERWARDS, nowMs: path.nowMs() };
        await expectProof((said) => verifyReceipt(receipt, { ...context, ...said }), bodies);
      },
      async close() {
        await path.close();
        await Promise.all(engines.map((engine) => engine.close()));
      },
    };
  },
  SELECTION,
);
