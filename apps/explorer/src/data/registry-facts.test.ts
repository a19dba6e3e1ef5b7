import { parseDeployment } from '@ogong/chain/deployment';
import { toHex } from '@ogong/protocol/base/bytes';
import { createHubDeployment } from '@ogong/testing/hub/hub-chain';
import { expect, it } from 'vitest';
import { readRegistryFacts } from './registry-facts.ts';
import type { ChainReader } from './rpc.ts';

const registry = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(8) };
const root = (byte: string) => `0x${byte.repeat(32)}` as const;
const version = (modelRoot: string, ...sources: string[]) => ({
  ...{ from: 1n, until: 0n },
  description: { modelRoot, tokenizerHash: root('00'), licence: 'MIT', sources, adapterRoots: [] },
});

/** A chain that answers calls of the model registry. */
const createReader = (answers: Readonly<Record<string, unknown>>): ChainReader => ({
  read: (_what, call) =>
    call({ readContract: async ({ functionName }: { functionName: string }) => answers[functionName] } as never),
});

it('reads owner, roots and manifests of a name, and leaves out broken entries', async () => {
  const versionsOf = [
    version(root('0A'), `hub:${'ab'.repeat(32)}`, 'hub+https://host.example/'),
    version(root('0b'), 'hub:12'),
    version(root('0c'), 'hf:acme/small'),
  ];
  const reader = createReader({ ownerOf: `0x${'3F'.repeat(20)}`, versionsOf });
  const deployment = parseDeployment(createHubDeployment(registry));
  const facts = await readRegistryFacts(reader, deployment, { maker: 'acme', model: 'small' });
  expect(facts.registry).toEqual(registry);
  expect(facts.owner && toHex(facts.owner)).toBe('3f'.repeat(20));
  expect(facts.publishedRoots?.map(toHex)).toEqual(['0a', '0b', '0c'].map((byte) => byte.repeat(32)));
  expect([...facts.manifestHashes].map(([of, hash]) => [of, toHex(hash)])).toEqual([
    ['0a'.repeat(32), 'ab'.repeat(32)],
  ]);
});

it('knows no owner of a free name', async () => {
  const reader = createReader({ ownerOf: `0x${'00'.repeat(20)}`, versionsOf: [] });
  const facts = await readRegistryFacts(reader, createHubDeployment(registry), { maker: 'free', model: 'small' });
  expect([facts.owner, facts.publishedRoots]).toEqual([undefined, []]);
});
