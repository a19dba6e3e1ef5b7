import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLinks } from '../mesh-router.ts';
import { evaluateHubClaims } from './hub-claims.ts';
import { type HubNetwork, startHubNetwork } from './hub-network.ts';
import { runHub } from './run-hub.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-hub-'));
let network: HubNetwork | undefined;
afterAll(async () => {
  await network?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('a pushed model is served once somebody asks for it, a poisoned mirror is refused, and dropped blocks are not paid', async () => {
  network = await startHubNetwork(directory, () => {});
  const links = await openLinks();
  try {
    const record = await runHub({ network, links, onProgress: () => {} });
    for (const { id, ok, evidence } of evaluateHubClaims(record)) expect(ok ? [] : evidence, id).toEqual([]);
  } finally {
    links.close();
  }
}, 300_000);
