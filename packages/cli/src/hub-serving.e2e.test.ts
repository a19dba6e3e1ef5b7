import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { loadMeshIdentity } from '@ogong/devnet/mesh/mesh-identities';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { readTrust } from '@ogong/host/views/read-trust';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { computeManifestRoot } from '@ogong/hub/manifest';
import { formatManifestSource, formatPlaceSource } from '@ogong/hub/place';
import { parseSignedManifest, signHubManifest } from '@ogong/hub/signed-manifest';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { pushFiles } from '@ogong/hub/transfer/push';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { type PlaceServer, startPlaceServer } from '@ogong/testing/hub/place-server';
import { afterAll, beforeAll, expect, it } from 'vitest';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const UNUSED = 'ogong/verified/test/unused';
const WANTED = 'ogong/verified/test/pushed';
const patience = { timeout: 60_000, interval: 250 };

let directory: string;
let mesh: Mesh;
let place: PlaceServer;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-hub-serving-'));
  // The mesh publishes a model that nobody serves here.
  const model = { path: STORIES, id: UNUSED, root: new Uint8Array(32).fill(1) };
  const flags = ['--serve-from-hub', '--hub-budget', '64MiB', '--hub-interval', '1s'];
  const variants = ['hub-1', 'hub-2'].map((name) => ({ name, flags, models: [], followsHub: true }));
  // Its client trusts the chain's first values, and the network would make a key meanwhile.
  const common = { directory: join(directory, 'mesh'), model, providers: 0, variants, validators: 1 };
  const options: MeshOptions = { ...common, beacon: 'vrf' };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
  const origin = join(directory, 'origin');
  place = await startPlaceServer(origin);
  await push(origin, place.url);
});
afterAll(async () => {
  await place?.close();
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Pushes the weights to a place, and enters them in the registry as the maker of the mesh. */
async function push(origin: string, url: string): Promise<void> {
  const { privateKey } = await loadMeshIdentity(mesh.plan.directory, 'maker');
  const { rpcUrl } = mesh.plan;
  const { deployment } = mesh;
  const chain: ChainClient = await createChainClient({ rpcUrl, deployment, privateKey, pollIntervalMs: 50 });
  const store = openFolderStore(origin);
  const weights = { path: 'stories260K.gguf', format: 'gguf', isWeight: true } as const;
  const files = await pushFiles({ folder: dirname(STORIES), files: [weights], store });
  const bare = createTestManifest(crypto, { maker: 'test', model: 'pushed', licence: 'MIT', lineage: [], files });
  const manifest = { ...bare, modelRoot: computeManifestRoot(crypto, bare) };
  const registry = domainOf(deployment, deployment.models);
  const maker = createNodeLedgerSigner(fromHex(privateKey.slice(2)));
  const signed = signHubManifest(crypto, { registry, maker }, manifest);
  const hash = toHex(parseSignedManifest(crypto, signed).manifestHash);
  await keepManifest(store.directory, { hash, signed });
  await chain.publishModel(
    { maker: 'test', model: 'pushed' },
    {
      ...{ modelRoot: `0x${toHex(manifest.modelRoot)}`, tokenizerHash: `0x${'00'.repeat(32)}`, licence: 'MIT' },
      ...{ sources: [formatManifestSource(hash), formatPlaceSource({ kind: 'http', address: url })], adapterRoots: [] },
    },
  );
}

it('a model that a maker pushed is served, verified and paid once somebody asks for it, without an operator who names it', async () => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const findModelRoots = createRootFinder({ client: async () => chain });
  const client = createClient({ baseUrl, trust: { ...(await readTrust(chain)), allow: ['router'] }, findModelRoots });
  let replies: readonly CheckedReply[] = [];
  const ask = async (): Promise<string> => {
    const messages = [{ role: 'user' as const, content: 'Once upon a time' }];
    ({ replies } = await client.chat.completions.create({ model: WANTED, messages, max_tokens: 24 }));
    return 'served';
  };
  // The place is asked for nothing before somebody wants the model.
  expect(place.asked).toEqual([]);
  await expect(ask()).rejects.toThrow(/no provider serves .*; the demand is noted/);
  await expect.poll(() => ask().catch(String), patience).toBe('served');
  const [reply] = replies as [CheckedReply];
  expect(reply.posture).toMatchObject({ tier: 'verified' });
  const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
});
