import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createChainClient } from '@ogong/chain/client';
import type { BytesLike } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { loadMeshIdentity } from '@ogong/devnet/mesh/mesh-identities';
import { assignPorts, countPorts, type MeshOptions, type ProcessPlan } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { createOrLoadKeys, createOrLoadLedgerKey, loadHybridSigner } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { readTrust } from '@ogong/host/views/read-trust';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createLocalServer } from '@ogong/provider/local/local-server';
import { openLocalModels } from '@ogong/provider/local/open-local-models';
import { localConfig, serveConfig } from '@ogong/provider/provider/provider-config';
import { startServing } from '@ogong/provider/provider/serve-daemon';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { deployWallet } from '@ogong/testing/chain/test-wallet';
import { encodeTensorModel } from '@ogong/testing/models/tensor-models';
import { paintPicture, startRecordedImageServer } from '@ogong/testing/upstream/recorded-image-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { payeeCommand } from './money/payee-command.ts';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const VERIFIED = 'ogong/verified/test/stories';
const VANILLA = 'ogong/vanilla/test/stories';
const PAINTER = 'ogong/vanilla/test/painter';
const LINE = 'ogong/vanilla/test/line';
const LEFT_OUT = ['listing', 'draw-replay', 'shape-classes'];
const OGONG = 10n ** 18n;
const messages = [{ role: 'user' as const, content: 'Once upon a time' }];
const patience = { timeout: 180_000, interval: 250 };
// Each test mostly waits for a settlement, so they wait together.

let directory: string;
let mesh: Mesh;
let provider: Daemon;
let gateway: ChildProcess | undefined;
let carried: Awaited<ReturnType<typeof signElsewhere>>;
const closing: (() => Promise<unknown>)[] = [];

/** Local mode, as `ogong-provider local` runs it: the server that is fronted. @returns its address. */
async function startLocal(): Promise<string> {
  const argv = ['--model', `file:${STORIES}`, '--listen', '127.0.0.1:0', '--models-dir', join(directory, 'models')];
  const parsed = localConfig.parse(argv, {});
  if (parsed.kind !== 'run') throw new Error(parsed.text);
  const log = createLogger({ name: 'test', level: 'silent' });
  const { names, ...models } = await openLocalModels(parsed.values, { log });
  expect(names).toHaveLength(1);
  const { listen, origin: origins } = parsed.values;
  const means = { ...models, crypto: nodeCrypto, clock: systemClock, log };
  const server = createLocalServer({ listen, origins, instance: 'test' }, means);
  await server.start();
  closing.push(() => server.stop().then(() => models.loaded.close()));
  return `http://${formatHostPort(server.address())}`;
}

/** A payee whose key is never in the provider's directory. */
async function signElsewhere(): Promise<{ readonly payee: Uint8Array; readonly word: string }> {
  const dataDir = join(directory, 'upstream');
  const { args } = mesh.plan.processes.find(({ role }) => role === 'provider') as { args: readonly string[] };
  createOrLoadKeys(dataDir);
  const id = hashHybridKey(nodeCrypto, loadHybridSigner(join(dataDir, 'hybrid.key')).publicKey);
  const keypair = join(directory, 'payee.key');
  const payee = createNodeLedgerSigner(createOrLoadLedgerKey(keypair).reveal()).address;
  const word = join(directory, 'payee-word.json');
  const argv = ['sign', '--provider', toHex(id), '--keypair', keypair, '--out', word];
  const output = { write: () => {}, writeError: () => {} };
  const deployment = args[args.indexOf('--deployment') + 1] as string;
  expect(await payeeCommand.run([...argv, '--deployment', deployment, '--rpc-url', mesh.plan.rpcUrl], output)).toBe(0);
  return { payee, word };
}

/** `ogong-provider serve`, beside the mesh's own provider, which has the router's address. */
function serveBeside(dataDir: string, ...flags: readonly string[]): Promise<Daemon> {
  const { args } = mesh.plan.processes.find(({ role }) => role === 'provider') as { args: readonly string[] };
  const flagOf = (flag: string): readonly string[] => [flag, args[args.indexOf(flag) + 1] as string];
  const shared = [
    '--rpc-url',
    '--deployment',
    '--router',
    '--router-cert',
    '--announce-interval',
    '--registry-interval',
  ];
  const own = ['--bind', '127.0.0.1:0', '--data-dir', join(directory, dataDir), '--log-level', 'error'];
  const parsed = serveConfig.parse([...flags, ...own, ...shared.flatMap(flagOf)], {});
  if (parsed.kind !== 'run') throw new Error(parsed.text);
  return startServing(parsed.values);
}

const serveUpstream = (upstream: string, word: string): Promise<Daemon> =>
  serveBeside(
    'upstream',
    ...['--upstream', upstream, '--model', 'stories260K', '--model-id', VANILLA, '--price', '1000', '--n-ctx', '256'],
    ...['--payee-word', word],
  );

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-upstream-'));
  const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
  const model = { path: STORIES, id: VERIFIED, root };
  // Its client trusts the chain's first values, and the network would make a key meanwhile.
  const options: MeshOptions = {
    directory: join(directory, 'mesh'),
    model,
    providers: 1,
    validators: 1,
    beacon: 'vrf',
  };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
  carried = await signElsewhere();
  provider = await serveUpstream(await startLocal(), carried.word);
});
afterAll(async () => {
  gateway?.kill('SIGKILL');
  await provider?.stop();
  for (const close of closing) await close();
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it.concurrent('a server that speaks OpenAI is sold in tier vanilla: its receipts verify, name the unchecked parts, and are paid', async ({
  expect,
}) => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const findModelRoots = createRootFinder({ client: async () => chain });
  const client = createClient({ baseUrl, trust: { ...(await readTrust(chain)), allow: ['router'] }, findModelRoots });
  const ask = (model: string, rest: object = {}) =>
    client.chat.completions.create({ model, messages, max_tokens: 24, temperature: 0.8, seed: 3, ...rest });
  let replies: readonly CheckedReply[] = [];
  const tell = async (): Promise<string> => {
    ({ replies } = await ask(VANILLA));
    return 'served';
  };
  await expect.poll(() => tell().catch(String), patience).toBe('served');
  const [reply] = replies as [CheckedReply];
  expect(reply.posture).toMatchObject({ tier: 'vanilla', method: 'signature', exact: false });
  // Findings of the probe about local mode.
  expect(reply.posture?.numericClass).toMatch(
    /^upstream\/ollama\/unknown\/signed\/unknown\/unknown\/usage\/logprobs-20\/prompt-logprobs\/seeds\/tools$/,
  );
  expect(reply.checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual(
    expect.arrayContaining(LEFT_OUT),
  );
  expect(reply.allowed).toEqual(expect.arrayContaining(LEFT_OUT));
  const seeded = (await ask(VANILLA)).response.choices[0]?.message.content;
  expect(seeded?.length).toBeGreaterThan(0);

  const { data } = (await (await fetch(`${baseUrl}/v1/models`)).json()) as { data: { id: string; ogong: object }[] };
  expect(data.find(({ id }) => id === VANILLA)?.ogong).toMatchObject({
    ...{ tier: 'vanilla', method: 'signature', audited: false, min_price_per_1k: '1000' },
    warning: expect.stringContaining('nothing proves which model answers'),
  });
  await expect(ask(VANILLA, { logprobs: true })).rejects.toThrow(/sign no log-probabilities/);

  // A request for the checked tier is never served by it.
  await expect.poll(() => ask(VERIFIED).then(() => 'served', String), patience).toBe('served');
  const checked = (await ask(VERIFIED)).replies[0] as CheckedReply;
  expect(checked.posture).toMatchObject({ tier: 'verified' });
  expect(checked.allowed).not.toContain('draw-replay');

  const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'unaudited' });
  expect(BigInt((await fate()).fee_atomic as string)).toBeGreaterThan(0n);
  // The earnings belong to the account whose key signed the agreement on another machine.
  const { provider: id } = provider.ready as { readonly provider: string };
  const { held, withdrawable } = await chain.earningsOf(fromHex(id), carried.payee);
  expect(held + withdrawable).toBeGreaterThan(0n);
});

it.concurrent('a server of pictures is sold in tier vanilla: a receipt verifies, says that no step was seen, and is paid', async ({
  expect,
}) => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const server = await startRecordedImageServer();
  closing.push(() => server.close());
  const flags = ['--model', 'painter', '--model-id', PAINTER, '--price', '1000', '--image-server', 'vllm-omni'];
  const daemon = await serveBeside('pictures', '--image-upstream', server.address, ...flags);
  closing.push(() => daemon.stop());
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const findModelRoots = createRootFinder({ client: async () => chain });
  const client = createClient({ baseUrl, trust: { ...(await readTrust(chain)), allow: ['router'] }, findModelRoots });
  const ask = (rest: object = {}) =>
    client.images.generate({ model: PAINTER, prompt: 'a red ship', size: '48x32', seed: 7, ...rest });
  await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
  const { pictures, replies } = await ask({ steps: 5 });
  const [reply] = replies as [CheckedReply];
  expect(server.asked.at(-1)).toMatchObject({ prompt: 'a red ship', size: '48x32', num_inference_steps: 5 });
  expect(pictures[0]).toMatchObject({ width: 48, height: 32 });
  expect(Buffer.from(pictures[0]?.pixels ?? [])).toEqual(Buffer.from(paintPicture(server.asked.at(-1) ?? {}).pixels));
  expect(reply.posture).toMatchObject({ tier: 'vanilla', method: 'signature', exact: false });
  const skipped = reply.checks.filter(({ status }) => status === 'skip').map(({ id }) => id);
  expect(skipped).toEqual(expect.arrayContaining(['links', 'projections']));
  expect(reply.allowed).toEqual(expect.arrayContaining(['links', 'projections']));

  const { data } = (await (await fetch(`${baseUrl}/v1/models`)).json()) as { data: { id: string; ogong: object }[] };
  expect(data.find(({ id }) => id === PAINTER)?.ogong).toMatchObject({
    ...{ tier: 'vanilla', method: 'signature', audited: false, min_price_per_1k: '1000' },
    ...{ modality: 'trajectory', price_units: 'steps of 1,024 pixels' },
  });
  const shown = await (await fetch(`${baseUrl}/v1/trajectory/${reply.replyId}`)).json();
  expect(shown).toMatchObject({ tier: 'vanilla', scheduler: { kind: 'hidden' }, steps: [] });

  const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'unaudited' });
  // 5 steps over 48 * 32 pixels are 10 units, and 1,000 units cost 1,000.
  expect(BigInt((await fate()).fee_atomic as string)).toBeGreaterThanOrEqual(10n);
});

it.concurrent('a model of tensors whose owner shows no weights is sold in tier vanilla: a receipt verifies, and is paid', async ({
  expect,
}) => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const file = join(directory, 'line.onnx');
  writeFileSync(file, encodeTensorModel('line'));
  const flags = ['--model', `file:${file}`, '--model-id', LINE, '--price', '1000'];
  const daemon = await serveBeside('tensors', ...flags, '--models-dir', join(directory, 'models'));
  closing.push(() => daemon.stop());
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const findModelRoots = createRootFinder({ client: async () => chain });
  const client = createClient({ baseUrl, trust: { ...(await readTrust(chain)), allow: ['router'] }, findModelRoots });
  const ask = (model: string) => client.infer({ model, inputs: { x: [[2, 1]] } });
  await expect.poll(() => ask(LINE).then(() => 'served', String), patience).toBe('served');
  const { response, receipt, replies } = await ask(LINE);
  const [reply] = replies as [CheckedReply];
  expect(response.outputs.y?.data).toEqual([1.5]);
  expect(receipt.endpoint).toBe('infer');
  expect(reply.posture).toMatchObject({ tier: 'vanilla', method: 'signature', exact: false });
  expect(reply.posture?.numericClass).toMatch(/^onnxruntime-[^/]+\/[^/]+\/[^/]+\/signed\//);
  expect(reply.checks.find(({ id }) => id === 'model-root')?.detail).toContain('says nothing about weights');
  // Nobody gets this tier without its name.
  await expect(ask(LINE.replace('vanilla', 'verified'))).rejects.toThrow(/no provider serves/);
  const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'unaudited' });
});

/** `ogong-gatewayd --wallet` beside the mesh's own. @returns its address. */
async function startGateway(wallet: string, dataDir: string): Promise<string> {
  const { entry, args } = mesh.plan.processes.find(({ role }) => role === 'gateway') as ProcessPlan;
  const replaced = ['--data-dir', '--bind'];
  const own = args.filter((flag, i) => !replaced.includes(flag) && !replaced.includes(args[i - 1] ?? ''));
  const more = [
    '--data-dir',
    dataDir,
    '--bind',
    '127.0.0.1:0',
    '--wallet',
    wallet,
    '--deposit',
    '0',
    '--allowance',
    '0',
  ];
  gateway = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...own, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const part of gateway.stdout as Readable) {
    said += part;
    if (said.includes('\n')) break;
  }
  const { address } = JSON.parse(said.slice(0, said.indexOf('\n'))) as { address: { host: string; port: number } };
  return `http://${formatHostPort(address)}`;
}

it.concurrent('a wallet contract pays by a gateway that has only a key which the wallet has allowed', async ({
  expect,
}) => {
  const { rpcUrl, directory: meshDirectory } = mesh.plan;
  const { deployment } = mesh;
  const { privateKey } = await loadMeshIdentity(meshDirectory, 'deployer');
  const governor = await createChainClient({ rpcUrl, deployment, privateKey, pollIntervalMs: 50 });
  const setBalance = async (account: BytesLike, wei: bigint): Promise<void> => {
    await governor.transactor.client.request({
      method: 'anvil_setBalance',
      params: [account, `0x${wei.toString(16)}`],
    } as never);
  };
  const [validator] = await governor.validators();
  if (validator === undefined) throw new Error('the mesh has no validator');
  const wallet = await deployWallet({ governor, deployment, chain: { setBalance } }, validator.account);
  const dataDir = join(directory, 'wallet-gateway');
  const key = computeAddress(`0x${toHex(createOrLoadKeys(dataDir).ledgerKey.reveal())}`);
  await setBalance(key, OGONG);
  const drawn = async (): Promise<bigint> => (await governor.channelOf(wallet.address, validator.account)).spent;
  const baseUrl = await startGateway(wallet.address.slice(2), dataDir);
  const orderKeys = [
    {
      ...{ payer: fromHex(wallet.address.slice(2)), validator: fromHex(validator.account.slice(2)) },
      ...{ key: fromHex(key.slice(2)), limitAtomic: OGONG / 2n },
    },
  ];
  const trust = { ...(await readTrust(governor)), orderKeys, allow: ['router' as const] };
  const findModelRoots = createRootFinder({ client: async () => governor });
  const client = createClient({ baseUrl, trust, findModelRoots });
  const ask = () => client.chat.completions.create({ model: VANILLA, messages, max_tokens: 8 });
  // The chain knows of no consent yet, and no other account pays for it. The provider has to be listed before.
  await expect.poll(() => ask().then(() => 'served', String), patience).toMatch(/channel holds 0 atomic units/);
  const allowed = { key, cumulative: OGONG / 2n };
  await wallet.agree(allowed);
  await governor.allowKey(validator.account, { payer: wallet.address, ...allowed, consent: '0x' });
  let replies: readonly CheckedReply[] = [];
  const tell = async (): Promise<string> => {
    ({ replies } = await ask());
    return 'served';
  };
  await expect.poll(() => tell().catch(String), patience).toBe('served');
  const [reply] = replies as [CheckedReply];
  const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
  await expect.poll(fate, patience).toMatchObject({ state: 'settled' });
  expect(await drawn()).toBeGreaterThan(0n);
});
