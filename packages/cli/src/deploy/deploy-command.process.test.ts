import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createChainClient } from '@ogong/chain/client';
import { parseDeployment } from '@ogong/chain/deployment';
import type { Address } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { createTransactor } from '@ogong/chain/transactor';
import { type DevChain, startDevChain } from '@ogong/devnet/chain/dev-chain';
import { EXIT } from '@ogong/host/log/errors';
import { LAUNCH_TRANCHE_ATOMIC } from '@ogong/protocol/settlement/launch-curve';
import { deployDollar } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployCommand } from './deploy-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-deploy-'));
const anybody = `0x${'ab'.repeat(20)}`;
const CHAIN = 424_242;
let chain: DevChain;
/** The asset of the launch. */
let dollar: Address;

beforeAll(async () => {
  // Not the number of a chain on one machine: every delay has to be there.
  chain = await startDevChain({ chainId: CHAIN, blockTimeMs: 100 });
  const key = generatePrivateKey();
  await chain.setBalance(computeAddress(key), 10n ** 20n);
  dollar = await deployDollar({ rpcUrl: chain.rpcUrl, chainId: CHAIN }, key);
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
async function createDeployer() {
  const privateKey = generatePrivateKey();
  const keypair = join(folder, `key-${count}`);
  writeFileSync(keypair, privateKey.slice(2), { mode: 0o600 });
  await chain.setBalance(computeAddress(privateKey), 10n ** 20n);
  return { keypair, address: computeAddress(privateKey), out: join(folder, `deployment-${count++}.json`) };
}

function writeNetwork(more: object = {}): string {
  const path = join(folder, `network-${count++}.json`);
  const network = {
    ...{ chainId: CHAIN, rpcUrl: chain.rpcUrl, economy: 'emission' },
    emission: { start: Math.floor(Date.now() / 3_600_000) * 3_600, period: 86_400, lambda: 900_000 },
    governance: { kind: 'votes', quorumBps: 200 },
    recipients: { verification: anybody, treasury: anybody, license: anybody },
    launch: { kind: 'curve', asset: dollar, decimals: 6, firstPrice: '0.01' },
    ...more,
  };
  writeFileSync(path, JSON.stringify(network));
  return path;
}

async function run(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await deployCommand.run(argv, output)).toBe(EXIT.ok);
  return written.join('');
}

/** Passes calls on to the chain; from the given number of transactions on it takes them and loses every answer. */
async function startUnreliableRpc(transactions: number): Promise<{ readonly url: string; readonly server: Server }> {
  let sent = 0;
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const isSending = body.includes('eth_sendRawTransaction');
    if (isSending) sent += 1;
    if (sent > transactions && !isSending) return void response.destroy();
    const answer = await fetch(chain.rpcUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    const content = await answer.text();
    if (sent > transactions) return void response.destroy();
    response.setHeader('content-type', 'application/json').end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Passes calls on to the chain, like an endpoint that does not know a rule: calls that match the predicate get an error. */
async function startOldRpc(
  isUnknown: (body: string) => boolean,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    response.setHeader('content-type', 'application/json');
    if (isUnknown(body)) {
      const error = { code: -32_000, message: 'invalid opcode' };
      return void response.end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(body).id, error }));
    }
    const answer = await fetch(chain.rpcUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('ogong deploy', () => {
  it('shows its plan, and does exactly that', async () => {
    const { keypair, address, out } = await createDeployer();
    const newcomers = {
      ...{ holding: { entrance: '2 OGONG', growth: 500_000 }, tests: { canaryRate: 7, timedRate: 11 } },
      work: { bits: 20, epochs: 300 },
      tierStakes: { vanilla: 100 },
      pins: true,
    };
    const file = writeNetwork(newcomers);
    const plan = JSON.parse(await run('plan', file, '--keypair', keypair, '--json'));
    expect(plan).toMatchObject({ chainId: CHAIN, deployer: address });
    expect(plan.governance).toContain('token holders');
    expect(plan).toMatchObject({
      newcomers: { period: 86_400, entrance: `${2n * 10n ** 18n}`, growth: 500_000 },
      ...{ tests: { canaryRate: 7, timedRate: 11, slowestRate: 20 }, work: newcomers.work },
      ...{ shares: { verification: 400, recycle: 100 }, alpha: 25_000 },
    });
    expect(existsSync(out)).toBe(false);
    expect(await run('plan', file, '--keypair', keypair)).toMatch(
      /100,000,000 OGONG are sold along a curve for dUSD .*0\.01 dUSD each, half of them for 1,000,000 dUSD[\s\S]*4 % of each fee.*2\.5 % of the replies[\s\S]*0\.5 times what the key holds.*20 bits[\s\S]*nothing was sent/,
    );
    await run(file, '--keypair', keypair, '--out', out);
    const deployment = parseDeployment(readFileSync(out, 'utf8'));
    expect(deployment.tierStakes).toEqual({ vanilla: 100 });
    const planned = Object.fromEntries(
      plan.contracts.map((contract: { what: string; address: string }) => [contract.what, contract.address]),
    );
    expect(planned).toMatchObject({
      ...{ token: deployment.token, parameters: deployment.parameters, settlement: deployment.settlement },
      ...{ cases: deployment.cases, government: deployment.government, 'launch curve': deployment.launch },
      pins: deployment.pins,
    });
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    const { limits, holding, tests, work } = await client.parameters();
    expect(limits.alpha).toBe(25_000);
    expect(holding).toEqual({ period: 86_400, entrance: 2n * 10n ** 18n, growth: 500_000 });
    expect(tests).toEqual({ canaryRate: 7, timedRate: 11, slowestRate: 20 });
    expect(work).toEqual(newcomers.work);
    expect(await client.proposals()).toEqual([]);
    // The genesis has put its tokens there, and nowhere else.
    const launched = { asset: dollar, virtualReserve: 10n ** 12n, reserve: 0n, left: LAUNCH_TRANCHE_ATOMIC };
    expect(await client.launchState()).toMatchObject(launched);
    expect((await client.supply()).launch).toBe(LAUNCH_TRANCHE_ATOMIC);
    // Once more: everything is there, and nothing is sent.
    const sent = () => client.transactor.client.getTransactionCount({ address });
    const before = await sent();
    expect(await run(file, '--keypair', keypair, '--out', out)).not.toContain('deployed');
    expect(await sent()).toBe(before);
  });

  it('continues an interrupted run, also one that never saw its last transaction', async () => {
    const { keypair, address, out } = await createDeployer();
    const unreliable = await startUnreliableRpc(3);
    const broken = writeNetwork({ rpcUrl: unreliable.url });
    try {
      await expect(run(broken, '--keypair', keypair, '--out', out)).rejects.toThrow();
    } finally {
      unreliable.server.close();
    }
    expect(existsSync(out)).toBe(false);
    // The same network at another endpoint. The emission's start is the file's, so the file is the same.
    const network = { ...JSON.parse(readFileSync(broken, 'utf8')), rpcUrl: chain.rpcUrl };
    writeFileSync(broken, JSON.stringify(network));
    const { client } = createTransactor({ rpcUrl: chain.rpcUrl, chainId: CHAIN });
    await expect.poll(() => client.getTransactionCount({ address })).toBe(4);
    const written = await run(broken, '--keypair', keypair, '--out', out);
    expect(written.match(/is there/g)).toHaveLength(4);
    expect(written.match(/deployed/g)).toHaveLength(4);
    expect(parseDeployment(readFileSync(out, 'utf8')).block).toBeGreaterThan(0);
    // Another plan differs from the deployed one.
    const other = writeNetwork({ ...network, makerFee: '5' });
    await expect(run(other, '--keypair', keypair, '--out', out)).rejects.toThrow('did not create model registry');
    const dearer = { ...network.launch, firstPrice: '0.02' };
    const another = writeNetwork({ ...network, launch: dearer });
    await expect(run(another, '--keypair', keypair, '--out', out)).rejects.toThrow('did not create launch curve');
  });

  it('takes over from an earlier network, whose token it keeps', async () => {
    const { keypair, out } = await createDeployer();
    await run(writeNetwork(), '--keypair', keypair, '--out', out);
    const earlier = parseDeployment(readFileSync(out, 'utf8'));
    const next = await createDeployer();
    const file = writeNetwork({
      ...{ economy: 'fees', emission: undefined, token: earlier.token, profile: 'whitepaper' },
      launch: { kind: 'earlier', address: earlier.launch },
    });
    const plan = JSON.parse(await run('plan', file, '--keypair', next.keypair, '--json'));
    expect(plan.contracts.map(({ what }: { what: string }) => what)).not.toContain('token');
    // Only by its name.
    expect(plan).toMatchObject({ shares: { verification: 100, treasury: 100 }, alpha: 1_000_000 });
    expect(plan.launch).toContain(`goes on at the earlier curve, ${earlier.launch}`);
    await run(file, '--keypair', next.keypair, '--out', next.out);
    const deployment = parseDeployment(readFileSync(next.out, 'utf8'));
    expect(deployment).toMatchObject({ token: earlier.token, launch: earlier.launch });
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    expect((await client.supply()).launch).toBe(LAUNCH_TRANCHE_ATOMIC);
    const elsewhere = { economy: 'fees', emission: undefined, token: earlier.token };
    for (const [address, why] of [
      [earlier.settlement, 'no launch curve of an earlier deployment'],
      [anybody, 'no launch curve of an earlier deployment'],
    ] as const) {
      const wrong = writeNetwork({ ...elsewhere, launch: { kind: 'earlier', address } });
      await expect(run(wrong, '--keypair', keypair, '--out', `${out}.no`)).rejects.toThrow(why);
    }
    expect(plan.contracts.map(({ address }: { address: string }) => address)).toContain(deployment.settlement);
    expect(deployment.settlement).not.toBe(earlier.settlement);
    expect(await run(file, '--keypair', next.keypair, '--out', next.out)).not.toContain('deployed');
    const both = writeNetwork({ token: earlier.token });
    await expect(run(both, '--keypair', keypair, '--out', `${out}.no`)).rejects.toThrow('has the economy `fees`');
  });

  it('sends nothing to a chain without the rules that the contracts need', async () => {
    const { keypair, address, out } = await createDeployer();
    for (const [isUnknown, why] of [
      [(body: string) => body.includes('5f5d5f5c'), 'no transient storage'],
      [(body: string) => body.includes('0x000000000000000000000000000000000000000b'), 'no BLS12-381'],
    ] as const) {
      const old = await startOldRpc(isUnknown);
      try {
        const file = writeNetwork({ rpcUrl: old.url });
        await expect(run(file, '--keypair', keypair, '--out', out)).rejects.toThrow(why);
        await expect(run('plan', file, '--keypair', keypair)).rejects.toThrow(why);
      } finally {
        old.server.close();
      }
    }
    const { client } = createTransactor({ rpcUrl: chain.rpcUrl, chainId: CHAIN });
    expect(await client.getTransactionCount({ address })).toBe(0);
  });

  it('gives the launch to an account if the file names one', async () => {
    const { keypair, out } = await createDeployer();
    const file = writeNetwork({ launch: { kind: 'address', address: anybody } });
    const plan = JSON.parse(await run('plan', file, '--keypair', keypair, '--json'));
    expect(plan.launch).toContain(`are those of ${anybody}: no curve sells them`);
    await run(file, '--keypair', keypair, '--out', out);
    const deployment = parseDeployment(readFileSync(out, 'utf8'));
    expect(deployment.launch).toBeUndefined();
    const client = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    expect(await client.balanceOf(anybody as Address)).toBe(LAUNCH_TRANCHE_ATOMIC);
    await expect(client.launchState()).rejects.toThrow('no launch curve');
  });

  it('names the fault of a file', async () => {
    const { keypair, out } = await createDeployer();
    const burning = { economy: 'burn-and-mint', emission: undefined, launch: undefined };
    const prices = { feeds: [anybody], maxPriceAge: 3_600, governance: anybody };
    const market = { stable: dollar };
    for (const [more, why] of [
      [{ economy: 'fees' }, 'the economy is `emission` where'],
      [{ recipients: { treasury: anybody, license: anybody } }, 'recipients.verification'],
      [{ delays: { notice: -1 } }, 'delays.notice'],
      [{ holding: { growth: 2_000_001 } }, 'holding.growth'],
      [{ shares: { router: 2_001 } }, 'shares.router'],
      [{ tests: { canaryRate: 4_000_001 } }, 'tests.canaryRate'],
      [{ tests: { timedRate: -1 } }, 'tests.timedRate'],
      [{ tests: { slowestRate: 0 } }, 'tests.slowestRate'],
      [{ work: { bits: 20 } }, 'work.epochs'],
      [{ profile: 'whitepaper' }, 'name `shares.recycle`'],
      [{ profile: 'cheap' }, 'profile'],
      [{ tierStakes: { vanilla: 0 } }, 'tierStakes.vanilla'],
      [{ tierStakes: { nothing: 1 } }, 'names no tier: nothing'],
      [
        { tierStakes: { vanilla: 1 }, holding: { period: 0 } },
        'tier vanilla asks for earnings, and the network holds none',
      ],
      [{ beacon: { origin: 1, period: 59 } }, 'beacon.period: an epoch'],
      [{ launch: undefined }, 'say who sells'],
      [{ chainId: undefined }, 'chainId: it is missing; expected number'],
      [{ economy: undefined }, 'economy: it is missing; expected one of "emission"|"fees"|"burn-and-mint"'],
      [{ chainId: 'one' }, 'chainId: Invalid input: expected number, received string'],
      [{ launch: { kind: 'curve', asset: dollar, decimals: 18, firstPrice: '0.01' } }, '(dUSD) has 6, not 18'],
      [{ launch: { kind: 'curve', asset: dollar, decimals: 6, firstPrice: '0' } }, 'launch.firstPrice'],
      [{ launch: { kind: 'curve', asset: dollar, decimals: 6, firstPrice: '0.000000000000001' } }, 'launch.firstPrice'],
      [{ launch: { kind: 'curve', asset: dollar, decimals: 6 } }, 'launch.firstPrice'],
      [{ economy: 'fees', emission: undefined, token: anybody }, 'its `earlier` one'],
      [{ launch: { kind: 'earlier', address: anybody } }, 'a new OGONG has a new launch'],
      [{ ...burning, burnAndMint: prices }, 'burnAndMint.market: name'],
      [{ ...burning, burnAndMint: { ...prices, market, rule: 'document' } }, 'is farmed'],
      [{ ...burning, burnAndMint: { ...prices, market: { exchange: anybody } } }, 'burnAndMint.market.stable'],
      [{ extra: 1 }, 'extra'],
      [{ chainId: 5 }, 'serves chain 424242'],
    ] as const) {
      await expect(run(writeNetwork(more), '--keypair', keypair, '--out', out)).rejects.toThrow(why);
    }
    // A pool of its own for an existing stablecoin.
    const burns = writeNetwork({ ...burning, burnAndMint: { ...prices, market } });
    expect(await run('plan', burns, '--keypair', keypair)).toContain('pool');
    // The rehearsal shows refusals of the contracts.
    const careless = writeNetwork({ delays: { notice: 0 } });
    await expect(run('plan', careless, '--keypair', keypair)).rejects.toThrow('OutOfRange(delays)');
    const idle = writeNetwork({ work: { bits: 20, epochs: 0 } });
    await expect(run('plan', idle, '--keypair', keypair)).rejects.toThrow('OutOfRange(workEpochs)');
    expect(existsSync(out)).toBe(false);
  });
});
