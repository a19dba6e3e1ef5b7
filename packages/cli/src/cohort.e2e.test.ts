import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const MODEL_ID = 'ogong/verified/test/stories';
/** Layers at which the second and the third slab begin. */
const EDGES = [1, 3];
/** The last provider leads. */
const PRICES = [200_000_000_000_000n, 300_000_000_000_000n, 500_000_000_000_007n];
const MESSAGES = [{ role: 'user', content: 'Once upon a time' }];
/** A shard is drawn by its part of the price: all of them are drawn among two batches of replies in 98 of 100 runs. */
const ASKED_AT_ONCE = 10;
const MOST_ASKED = 60;
const sumOf = (parts: readonly bigint[]): bigint => parts.reduce((sum, part) => sum + part, 0n);
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
  const named = ['--segment-model-id', MODEL_ID, '--segment-price'];
  const options: MeshOptions = {
    ...{ directory, model: { id: MODEL_ID, path: STORIES, root } },
    ...{ providers: 0, validators: 1, beacon: 'vrf' },
    variants: [
      ...slabs.map((slab, i) => ({
        ...{ name: `segment-${i + 1}`, models: [], hasVerifier: false },
        flags: ['--segment', slab, ...named, String(PRICES[i]), '--n-ctx', '256'],
      })),
      // It is dear, and no other segment has room for its context, so it serves no reply.
      {
        ...{ name: 'holder', models: [], heldSlabs: slabs },
        flags: [...slabs.flatMap((slab) => ['--segment', slab]), ...named, String(10n * sumOf(PRICES))],
      },
    ],
  };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('three providers with a third of a model each share a fee, and a machine that never loads the whole model audits each of them', async () => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const root = (await resolveModel(`file:${STORIES}`, { storeDir: directory })).modelRoot;
  const trust = { ...(await readTrust(chain)), allow: ['router'], modelRoots: { [MODEL_ID]: root } };
  const client = createClient({ baseUrl, trust });
  const ask = () =>
    client.chat.completions.create({ model: MODEL_ID, messages: MESSAGES, max_tokens: 24, temperature: 0 });
  await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
  /** Places of the shards whose layers a verifier has repeated to the bit. */
  const audited = new Set<string>();
  for (let asked = 0; asked < MOST_ASKED && audited.size < PRICES.length; asked += ASKED_AT_ONCE) {
    const ids: string[] = [];
    for (let i = 0; i < ASKED_AT_ONCE; i++) {
      const [{ replyId }] = (await ask()).replies as [CheckedReply];
      ids.push(replyId);
    }
    await Promise.all(
      ids.map(async (id) => {
        const fate = () => fetchReceipt({ baseUrl, id }).then(({ status }) => status);
        await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
        const { checks } = JSON.parse((await fate()).detail) as { checks: Check[] };
        const equal = checks.find(({ id, status }) => id === 'equality' && status === 'pass');
        audited.add(/^shard (\d)/.exec(equal?.detail ?? '')?.[1] ?? (equal ? 'leader' : 'none'));
      }),
    );
  }
  expect([...audited].sort()).toEqual(['0', '1', 'leader']);

  const members = mesh.members.filter(({ name }) => name.startsWith('segment-')).map(({ identity }) => identity);
  const earned = await Promise.all(
    members.map(async ({ keyHash, address }) => {
      const { held, withdrawable, paid } = await chain.earningsOf(keyHash, address);
      return held + withdrawable + paid;
    }),
  );
  const total = sumOf(earned);
  expect(total).toBeGreaterThan(0n);
  // Parts of several replies are rounded each by itself.
  for (const [i, part] of earned.entries()) {
    const difference = part - (total * (PRICES[i] as bigint)) / sumOf(PRICES);
    expect(difference > -100n && difference < 100n, `${toHex(members[i]?.keyHash as Uint8Array)}: ${difference}`).toBe(
      true,
    );
  }
}, 300_000);
