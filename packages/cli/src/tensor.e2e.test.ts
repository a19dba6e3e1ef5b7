import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { type CheckedReply, createClient, fetchReceipt, toTrustJson } from '@ogong/sdk';
import { encodeTensorModel } from '@ogong/testing/models/tensor-models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const LAYERS_ID = 'ogong/verified/test/layers';
const TREES_ID = 'ogong/verified/test/trees';
const PROVIDERS = 2;
const patience = { timeout: 180_000, interval: 250 };

let directory: string;
let mesh: Mesh;
let models: readonly MeshModel[];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-tensors-'));
  const describeModel = async (kind: 'layers' | 'trees', id: string): Promise<MeshModel> => {
    const file = join(directory, `${kind}.onnx`);
    writeFileSync(file, encodeTensorModel(kind));
    const { path, modelRoot: root } = await resolveModel(`file:${file}`, { storeDir: directory });
    return { path, id, root };
  };
  const model = await describeModel('layers', LAYERS_ID);
  const others = [await describeModel('trees', TREES_ID)];
  models = [model, ...others];
  // Its client trusts the chain's first values, and the network would make a key meanwhile.
  const options: MeshOptions = { directory, model, others, providers: PROVIDERS, validators: 1, beacon: 'vrf' };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function verify(...argv: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  return { code: await verifyCommand.run(argv, { write, writeError: write }), out };
}

describe('a network that serves ONNX models on named tensors', () => {
  it('answers with tensors that the receipt proves, a verifier runs them again, and the fee is settled', async () => {
    const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
    const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
    const modelRoots = Object.fromEntries(models.map(({ id, root }) => [id, root]));
    const trust = { ...(await readTrust(chain)), allow: ['router'], modelRoots };
    const client = createClient({ baseUrl, trust });
    const askLayers = () =>
      client.infer({ model: LAYERS_ID, inputs: { x: [Array.from({ length: 16 }, (_, i) => i / 16)] } });
    const askTrees = () =>
      client.infer({
        model: TREES_ID,
        inputs: {
          x: [
            [1, 1],
            [0, 2],
          ],
        },
      });
    await expect.poll(() => askLayers().then(() => 'served', String), patience).toBe('served');
    await expect.poll(() => askTrees().then(() => 'served', String), patience).toBe('served');
    const layers = await askLayers();
    const trees = await askTrees();
    const { logits, choice } = layers.response.outputs;
    const values = (logits?.data ?? []) as readonly number[];
    expect(values).toHaveLength(4);
    expect(choice?.data).toEqual([values.indexOf(Math.max(...values))]);
    expect(trees.response.outputs).toEqual({
      label: { dtype: 'string', shape: [2], data: ['dog', 'cat'] },
      probabilities: { dtype: 'float32', shape: [2, 3], data: [0.125, 0.625, 0.25, 0.75, 0.25, 0] },
    });

    const [reply] = layers.replies as [CheckedReply];
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
      response: toBase64(reply.response.map((b, i) => (i === reply.response.length - 1 ? b ^ 1 : b))),
    });
    const found = await verify(good, '--trust', trusted);
    expect(found.code, found.out).toBe(VERIFY_EXIT.ok);
    const refused = await verify(bent, '--trust', trusted);
    expect(refused.code, refused.out).toBe(VERIFY_EXIT.failed);

    for (const [answered] of [layers.replies, trees.replies] as [CheckedReply][]) {
      const fate = () => fetchReceipt({ baseUrl, id: answered.replyId }).then(({ status }) => status);
      await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
      // Stage 2: another daemon with the same model computed the same tensors.
      const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
      expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
    }
  });
});
