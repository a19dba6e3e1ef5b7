import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const reason = findOnnxRuntime('cpu', join(homedir(), '.ogong', 'engine')) ? undefined : 'no ONNX Runtime';
const MODEL_ID = 'ogong/verified/test/tiny-shapes';
const patience = { timeout: 180_000, interval: 250 };

describe.skipIf(reason !== undefined)(`a network that serves a model which sees${reason ? ` (${reason})` : ''}`, () => {
  let directory: string;
  let mesh: Mesh;
  let modelRoot: Uint8Array;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-vision-'));
    ({ modelRoot } = await resolveModel(`file:${TINY_VISION_MODEL}`, { storeDir: directory }));
    const options: MeshOptions = {
      directory,
      model: { path: TINY_VISION_MODEL, id: MODEL_ID, root: modelRoot },
      ...{ providers: 2, validators: 1, beacon: 'vrf' },
    };
    mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
  });
  afterAll(async () => {
    await mesh?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('answers a question about a picture, which a verifier checks on the committed rows, and the fee is settled', async () => {
    const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
    const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
    const trust = { ...(await readTrust(chain)), allow: ['router'], modelRoots: { [MODEL_ID]: modelRoot } };
    const client = createClient({ baseUrl, trust });
    const [{ file, question, answer }] = readVisionExamples() as [VisionExample];
    const ask = () =>
      client.chat.completions.create({
        model: MODEL_ID,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url: `data:image/png;base64,${toBase64(file)}` } },
              { type: 'text', text: question },
            ],
          },
        ],
        max_tokens: 12,
        temperature: 0,
      });
    await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
    const { response, replies } = await ask();
    const [reply] = replies as [CheckedReply];
    expect(response.choices[0]?.message.content?.trim()).toBe(answer);
    expect(reply.posture).toMatchObject({ tier: 'verified', exact: true });
    const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
    await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
    // Stage 2: another daemon encoded the picture to the same rows, and computed the same reply on them.
    const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
    for (const id of ['picture-rows', 'equality'])
      expect(checks).toContainEqual(expect.objectContaining({ id, status: 'pass' }));
  });
});
