import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import { slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const MODEL_ID = 'ogong/verified/test/stories';
/** The same model, which one provider serves alone. Its verifier repeats the replies of the cohort. */
const WHOLE_ID = 'ogong/verified/test/whole';
/** Layers at which the second and the third slab begin. */
const EDGES = [1, 3];
/** The last provider leads. */
const PRICES = [200_000_000_000_000n, 300_000_000_000_000n, 500_000_000_000_007n];
const MESSAGES = [{ role: 'user', content: 'Once upon a time' }];
const patience = { timeout: 120_000, interval: 500 };

let directory: string;
let mesh: Mesh;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-cohort-'));
  const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
  const slabs: string[] = [];
  const manifest = await cutModel(STORIES, EDGES, ({ from, to }, index) => {
    slabs[index] = join(directory, `slab-${from}-${to}.gguf`);
    return slabs[index];
  });
  writeFileSync(join(directory, MANIFEST_FILE), slabManifestFormat.encode(manifest));
  const describe = (id: string): MeshModel => ({ id, path: STORIES, root });
  const options: MeshOptions = {
    ...{ directory, model: describe(MODEL_ID), others: [describe(WHOLE_ID)] },
    ...{ providers: 0, validators: 1, beacon: 'vrf' },
    variants: [
      ...slabs.map((slab, i) => ({
        ...{ name: `segment-${i + 1}`, models: [] },
        flags: ['--segment', slab, '--segment-model-id', MODEL_ID, '--segment-price', String(PRICES[i])],
      })),
      { name: 'whole', models: [WHOLE_ID] },
    ],
  };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('three providers with a third of a model each serve the text of the whole model, and share the fee by their prices', async () => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const root = (await resolveModel(`file:${STORIES}`, { storeDir: directory })).modelRoot;
  const trust = { ...(await readTrust(chain)), allow: ['router'], modelRoots: { [MODEL_ID]: root, [WHOLE_ID]: root } };
  const client = createClient({ baseUrl, trust });
  const asked = { messages: MESSAGES, max_tokens: 24, temperature: 0 };
  const ask = () => client.chat.completions.create({ model: MODEL_ID, ...asked });
  await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
  const { response, replies } = await ask();
  const whole = await client.chat.completions.create({ model: WHOLE_ID, ...asked });
  expect(response.choices[0]?.message.content).toBe(whole.response.choices[0]?.message.content);
  const [{ replyId }] = replies as [CheckedReply];
  const fate = () => fetchReceipt({ baseUrl, id: replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
  // A verifier with the whole model computed the same.
  const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
  expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));

  const members = mesh.members.filter(({ name }) => name.startsWith('segment-')).map(({ identity }) => identity);
  const earned = await Promise.all(
    members.map(async ({ keyHash, address }) => {
      const { held, withdrawable, paid } = await chain.earningsOf(keyHash, address);
      return held + withdrawable + paid;
    }),
  );
  const total = earned.reduce((sum, part) => sum + part, 0n);
  const price = PRICES.reduce((sum, part) => sum + part, 0n);
  expect(total).toBeGreaterThan(0n);
  // Parts of several replies are rounded each by itself.
  for (const [i, part] of earned.entries()) {
    const difference = part - (total * (PRICES[i] as bigint)) / price;
    expect(difference > -100n && difference < 100n, `${toHex(members[i]?.keyHash as Uint8Array)}: ${difference}`).toBe(
      true,
    );
  }
});
