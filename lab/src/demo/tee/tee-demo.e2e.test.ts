import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { afterAll, describe, expect, it } from 'vitest';
import { openLinks } from '../mesh-router.ts';
import { countProviders, waitUntil } from '../polling.ts';
import { runTee } from './run-tee.ts';
import { evaluateTeeClaims } from './tee-claims.ts';
import { planTeeNetwork } from './tee-network.ts';

const PATIENCE_MS = 120_000;
/** The policy does not name the third machine. It is not in the registry, so the router does not offer it. */
const MACHINE_COUNT = 2;

const directory = mkdtempSync(join(tmpdir(), 'ogong-tee-'));
let mesh: Mesh | undefined;
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('a network with machines', () => {
  it('buys from machines only while the policy accepts them, and settles their answers', async () => {
    const { path, modelRoot } = await resolveModel('stories260K', { storeDir: directory });
    const model = { path, id: 'ogong/verified/karpathy/stories260k', root: modelRoot };
    const plan = planTeeNetwork(directory, model);
    const options: MeshOptions = { directory, model, providers: 1, beacon: 'vrf', ...plan.options };
    const ports = assignPorts(await findFreePorts(countPorts(options)), options);
    const crashes: string[] = [];
    mesh = await startMesh({ ...options, ports }, { onCrash: (detail) => crashes.push(detail) });
    const { gatewayUrl } = mesh.plan;
    const isOnOffer = async (): Promise<boolean> =>
      (await countProviders(gatewayUrl, plan.modelId)) === MACHINE_COUNT &&
      (await countProviders(gatewayUrl, model.id)) === 1;
    expect(await waitUntil(isOnOffer, PATIENCE_MS)).toBe(true);
    const links = await openLinks();
    try {
      const run = await runTee({
        ...{ mesh, plan, links, model: { id: model.id, modelRoot }, requests: 2, maxTokens: 32 },
        onProgress: () => {},
      });
      for (const { id, ok, evidence } of evaluateTeeClaims(run)) expect(ok ? [] : evidence, id).toEqual([]);
      expect(crashes).toEqual([]);
    } finally {
      links.close();
    }
  }, 480_000);
});
