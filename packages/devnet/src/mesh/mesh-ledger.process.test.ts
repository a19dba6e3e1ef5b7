import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createChainClient } from '@ogong/chain/client';
import { parseDeployment } from '@ogong/chain/deployment';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDevChain } from '../chain/dev-chain.ts';
import { type LedgerPlan, OGONG, prepareLedger } from './mesh-ledger.ts';

let chain: Awaited<ReturnType<typeof startDevChain>>;
const directory = mkdtempSync(join(tmpdir(), 'ogong-ledger-'));

beforeAll(async () => {
  chain = await startDevChain({ blockTimeMs: 50 });
});
afterAll(async () => {
  await chain.stop();
  rmSync(directory, { recursive: true, force: true });
});

function createPlan(): LedgerPlan {
  const account = (name: string) => ({ name, privateKey: generatePrivateKey() });
  const address = computeAddress(generatePrivateKey());
  return {
    deployer: account('deployer'),
    recipients: { verification: address, treasury: address, license: address },
    validators: [1, 2].map((i) => ({
      ...account(`validator-${i}`),
      bondAtomic: (10_000n + BigInt(i)) * OGONG,
      endpoint: `127.0.0.1:${4530 + i}`,
      certHash: new Uint8Array(32).fill(i),
      vrfKey: new Uint8Array(32).fill(i + 10),
      signing: createNodeLedgerSigner(new Uint8Array(32).fill(i + 20)),
      feePayer: computeAddress(generatePrivateKey()),
      boxKey: new Uint8Array(1_216).fill(i),
      headKey: new Uint8Array(1_344).fill(i),
    })),
    providers: [{ ...account('provider-1'), stakeAtomic: 500n * OGONG }],
    router: { ...account('router'), bondAtomic: 1_000n * OGONG, ticketKey: new Uint8Array(32).fill(3) },
    payer: { ...account('gateway'), depositAtomic: 1_000n * OGONG, allowanceAtomic: 100n * OGONG },
    maker: account('maker'),
    beaconPeriod: 60,
    models: ['tiny', 'large'].map((name, i) => ({
      id: `ogong/verified/acme/${name}`,
      root: new Uint8Array(32).fill(i + 1),
      tokenizerHash: new Uint8Array(32).fill(9),
    })),
  };
}

describe('mesh ledger', () => {
  it('bonds, stakes and funds to the unit, and changes nothing the second time', async () => {
    const plan = createPlan();
    const deploymentFile = join(directory, 'deployment.json');
    const deployment = await prepareLedger(plan, { chain, deploymentFile });
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    const look = async () => ({
      validators: (await client.validators()).map(({ account, stake, endpoint, signingKey }) => ({
        ...{ account, stake, endpoint, signingKey },
      })),
      stake: await client.stakeOf(computeAddress(plan.providers[0]!.privateKey)),
      priority: await client.priorityOf(computeAddress(plan.providers[0]!.privateKey)),
      router: await client.routerOf(computeAddress(plan.router.privateKey)),
      models: await Promise.all((await client.listModels(9)).map((name) => client.modelVersions(name))),
      boxKeys: await client.boxKeyHashes(plan.validators.map(({ privateKey }) => computeAddress(privateKey))),
      headKeys: await client.headKeyHashes(plan.validators.map(({ privateKey }) => computeAddress(privateKey))),
      free: await client.freeOf(computeAddress(plan.payer.privateKey)),
      channels: await Promise.all(
        plan.validators.map(({ privateKey }) =>
          client.channelOf(computeAddress(plan.payer.privateKey), computeAddress(privateKey)),
        ),
      ),
    });
    const first = await look();
    expect(first.validators.map(({ stake }) => stake).sort()).toEqual([10_001n * OGONG, 10_002n * OGONG]);
    const keys = plan.validators.map(({ signing }) => `0x${toHex(signing.address)}`);
    expect(first.validators.map(({ signingKey }) => signingKey).sort()).toEqual(keys.sort());
    expect(first.boxKeys).toEqual(plan.validators.map(({ boxKey }) => `0x${toHex(nodeCrypto.sha256(boxKey))}`));
    expect(first.headKeys).toEqual(plan.validators.map(({ headKey }) => `0x${toHex(nodeCrypto.sha256(headKey))}`));
    expect(first.router).toMatchObject({ ticketKey: `0x${'03'.repeat(32)}`, until: 0n });
    expect(first.stake).toBe(500n * OGONG);
    expect(first.priority.amount).toBe(500n * OGONG);
    expect(first.models).toMatchObject([1, 2].map((i) => [{ modelRoot: `0x${`0${i}`.repeat(32)}`, until: undefined }]));
    expect(first.free).toBe(800n * OGONG);
    expect(first.channels.map(({ spendable }) => spendable)).toEqual([100n * OGONG, 100n * OGONG]);

    expect(await prepareLedger(plan, { chain, deploymentFile })).toEqual(deployment);
    expect(await look()).toEqual(first);
  });

  it('pays in dollar credits if it burns and mints, funded to the unit and once', async () => {
    const feedKeys = [generatePrivateKey(), generatePrivateKey()];
    const plan = { ...createPlan(), burnAndMint: { feedKeys, governance: computeAddress(generatePrivateKey()) } };
    const deploymentFile = join(directory, 'credits.json');
    const deployment = await prepareLedger(plan, { chain, deploymentFile });
    expect(parseDeployment(readFileSync(deploymentFile, 'utf8')).burnAndMint).toEqual(deployment.burnAndMint);
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    const payer = computeAddress(plan.payer.privateKey);
    const look = async () => ({
      stake: await client.stakeOf(computeAddress(plan.providers[0]!.privateKey)),
      free: await client.freeOf(payer),
      escrow: await client.paymentBalanceOf(deployment.escrow),
      prices: (await client.pricesOf(deployment.token)).spot,
      ...(await client.creditSupply()),
    });
    const first = await look();
    expect(first).toMatchObject({ stake: 500n * OGONG, free: 800n * OGONG, escrow: 1_000n * OGONG });
    expect(first.prices).toBe(OGONG / 10n);
    // No credit is worth more than the tokens that were burned for it, at ten cents each.
    expect(first.credits >= 1_000n * OGONG && first.backing >= 10n * first.credits).toBe(true);
    // Prices are at least a second apart.
    const isLater = async () => {
      const { last, now } = await client.priceState(deployment.token);
      return now > last.time;
    };
    await expect.poll(isLater).toBe(true);
    expect(await prepareLedger(plan, { chain, deploymentFile })).toEqual(deployment);
    // Its price is the pool's present one.
    const second = await look();
    expect({ ...second, prices: first.prices }).toEqual(first);
    expect(second.prices > first.prices && second.prices < 2n * first.prices).toBe(true);
  });

  it('is not made anew if the chain does not answer', async () => {
    const plan = createPlan();
    const deploymentFile = join(directory, 'silent.json');
    const deployment = await prepareLedger(plan, { chain, deploymentFile });
    let isSilent = true;
    const door = createServer(async (request, response) => {
      const body = await text(request);
      if (isSilent && body.includes('eth_chainId')) return request.socket.destroy();
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(chain.rpcUrl, { method: 'POST', headers, body });
      response.setHeader('content-type', 'application/json').end(await answer.text());
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const rpcUrl = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
    const behind = { chain: { ...chain, rpcUrl }, deploymentFile };
    await expect(prepareLedger(plan, behind)).rejects.toMatchObject({ code: 'rpc-unreachable' });
    isSilent = false;
    expect(await prepareLedger(plan, behind)).toEqual({ ...deployment, rpcUrl });
    door.closeAllConnections();
    door.close();
  });

  it('names a network whose contracts are of another version', async () => {
    const plan = createPlan();
    const deploymentFile = join(directory, 'version', 'deployment.json');
    mkdirSync(dirname(deploymentFile));
    const other = { code: 'other-version', message: expect.stringContaining('Remove that folder') };
    const prepare = () => prepareLedger(plan, { chain, deploymentFile });
    await prepare();
    const versionFile = deploymentFile.replace('.json', '.contracts');
    const version = readFileSync(versionFile, 'utf8');
    writeFileSync(versionFile, `0x${'00'.repeat(32)}`);
    await expect(prepare()).rejects.toMatchObject(other);
    // Of before there was such a file.
    rmSync(versionFile);
    await expect(prepare()).rejects.toMatchObject(other);
    writeFileSync(versionFile, version);
    await expect(prepare()).resolves.toBeDefined();
  });

  it('moves a validator whose port changed', async () => {
    const plan = createPlan();
    const deploymentFile = join(directory, 'moved.json');
    await prepareLedger(plan, { chain, deploymentFile });
    const moved = { ...plan, validators: plan.validators.map((v, i) => ({ ...v, endpoint: `127.0.0.1:${5530 + i}` })) };
    const deployment = await prepareLedger(moved, { chain, deploymentFile });
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    expect((await client.validators()).map(({ endpoint }) => endpoint).sort()).toEqual([
      '127.0.0.1:5530',
      '127.0.0.1:5531',
    ]);
  });
});
