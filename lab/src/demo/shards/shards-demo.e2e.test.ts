import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLinks } from '../mesh-router.ts';
import { runShards } from './run-shards.ts';
import { evaluateShardsClaims } from './shards-claims.ts';
import { canLimit, type ShardsNetwork, startShardsNetwork } from './shards-network.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-shards-'));
let network: ShardsNetwork | undefined;
afterAll(async () => {
  await network?.mesh.stop();
  rmSync(directory, { recursive: true, force: true });
});

it.runIf(canLimit())(
  'segments under a limit serve a model that none could load, outlive one of them in mid-answer, and one that cheats is ejected',
  async () => {
    network = await startShardsNetwork(directory, () => {});
    const links = await openLinks();
    try {
      const record = await runShards({ network, links, onProgress: () => {} });
      for (const { id, ok, evidence } of evaluateShardsClaims(record)) expect(ok ? [] : evidence, id).toEqual([]);
    } finally {
      links.close();
    }
  },
  480_000,
);
