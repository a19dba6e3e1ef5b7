import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import type { EmbedRequest } from '@ogong/engine/interface/embedding';
import { openEngine } from '@ogong/engine/open-engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { type CheckedReply, createClient, fetchReceipt, toTrustJson } from '@ogong/sdk';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { writeRandomReranker } from '@ogong/testing/models/random-reranker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const DONOR = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
/** llama.h, enum llama_pooling_type: mean. */
const MEAN = 1;
const SHAPE = { embedding: 64, layers: 2, heads: 2, kvHeads: 2, feedForward: 128, context: 256, poolingCode: MEAN };
const MODEL_ID = 'ogong/verified/test/random-embedding';
const INPUT = ['The little dog', 'a cat sat'];
const RERANKER_ID = 'ogong/verified/test/random-reranker';
const DOCUMENTS = ['the little dog sat', 'a cat', 'x 12 dog dog dog.'];
const PROVIDERS = 2;
const patience = { timeout: 180_000, interval: 250 };

let directory: string;
let modelPath: string;
let rerankerPath: string;
let mesh: Mesh;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-embeddings-'));
  modelPath = join(directory, 'random.gguf');
  writeRandomModel(modelPath, { vocabularyFrom: DONOR, shape: SHAPE });
  rerankerPath = join(directory, 'reranker.gguf');
  writeRandomReranker(rerankerPath, { vocabularyFrom: DONOR });
  const describeModel = async (file: string, id: string): Promise<MeshModel> => {
    const { path, modelRoot: root } = await resolveModel(`file:${file}`, { storeDir: directory });
    return { path, id, root };
  };
  const model = await describeModel(modelPath, MODEL_ID);
  const others = [await describeModel(rerankerPath, RERANKER_ID)];
  // Its client trusts the chain's first values, and the network would make a key meanwhile.
  const options: MeshOptions = { directory, model, others, providers: PROVIDERS, validators: 1, beacon: 'vrf' };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Computes the embeddings of the inputs here. */
async function embedHere(path: string, request: EmbedRequest): Promise<Uint8Array> {
  const engine = await openEngine({ modelPath: path });
  try {
    if (engine.specificationVersion !== 'embedding-v1') throw new Error('no embedding engine');
    return encodeEmbeddingResponse((await engine.embed(request)).inputs.map(({ vector }) => vector));
  } finally {
    await engine.close();
  }
}

async function verify(...argv: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  return { code: await verifyCommand.run(argv, { write, writeError: write }), out };
}

describe('a network that serves an embedding model', () => {
  it('answers with vectors that the receipt proves, a verifier audits them, and the fee is settled', async () => {
    const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
    const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
    const trust = {
      ...(await readTrust(chain)),
      allow: ['router'],
      modelRoots: { [MODEL_ID]: await rootOf(modelPath) },
    };
    const client = createClient({ baseUrl, trust });
    const ask = () => client.embeddings.create({ model: MODEL_ID, input: INPUT });
    await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
    const { response, replies } = await ask();
    expect(response.data.map(({ index }) => index)).toEqual([0, 1]);
    const [reply] = replies as [CheckedReply];
    expect(Buffer.from(reply.response).equals(await embedHere(modelPath, { inputs: INPUT }))).toBe(true);
    expect(reply.posture).toMatchObject({ tier: 'verified', exact: true });

    const file = { ...toReceiptJson(reply.receipt), request: toBase64(reply.request) };
    const save = (name: string, content: object): string => {
      const path = join(directory, name);
      writeFileSync(path, JSON.stringify(content));
      return path;
    };
    const trusted = save('trust.json', toTrustJson(trust));
    const good = save('receipt.json', { ...file, response: toBase64(reply.response) });
    const bent = save('bent.json', {
      ...file,
      response: toBase64(reply.response.map((b, i) => (i === 9 ? b ^ 1 : b))),
    });
    const found = await verify(good, '--trust', trusted);
    expect(found.code, found.out).toBe(VERIFY_EXIT.ok);
    const refused = await verify(bent, '--trust', trusted);
    expect(refused.code, refused.out).toBe(VERIFY_EXIT.failed);

    const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
    await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
    // The whole way, with nothing but the addresses of the contracts: weights, record, log entry, quorum, block.
    const onChain = ['--deployment', mesh.plan.deploymentFile, '--rpc-url', rpcUrl, '--allow', 'router'];
    const followed = await verify(good, ...onChain, '--follow');
    expect(followed.code, followed.out).toBe(VERIFY_EXIT.ok);
    expect(followed.out).toMatch(/^ok +settled +accept, fee \d+: entry \d+ of 0x/m);
    expect(followed.out).toMatch(/^ok +model-root /m);
    expect(followed.out).toMatch(/^ok +intake +validator 0x/m);
    // Stage 2: another daemon with the same model computed the same vectors.
    const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
    expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });

  it('reranks documents: the scores are those of the model to the bit, a verifier audits them, and the fee is settled', async () => {
    const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
    const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
    const trust = {
      ...(await readTrust(chain)),
      allow: ['router'],
      modelRoots: { [RERANKER_ID]: await rootOf(rerankerPath) },
    };
    const client = createClient({ baseUrl, trust });
    const query = 'the dog';
    const ask = () => client.rerank({ model: RERANKER_ID, query, documents: DOCUMENTS, top_n: 2 });
    await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
    const { response, replies } = await ask();
    const [reply] = replies as [CheckedReply];
    const own = await embedHere(rerankerPath, { inputs: DOCUMENTS, query });
    expect(Buffer.from(reply.response).equals(own)).toBe(true);
    expect(reply.posture).toMatchObject({ tier: 'verified', exact: true });
    expect(response.results).toHaveLength(2);
    const [first, second] = response.results.map(({ relevance_score: score }) => score) as [number, number];
    expect(first).toBeGreaterThan(second);

    const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
    await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
    const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
    expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });
});

const rootOf = async (path: string): Promise<Uint8Array> =>
  (await resolveModel(`file:${path}`, { storeDir: directory })).modelRoot;
