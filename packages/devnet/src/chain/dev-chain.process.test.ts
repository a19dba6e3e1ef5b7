import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { createPublicClient, http } from 'viem';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type DevChain, startDevChain } from './dev-chain.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-chain-'));
let chain: DevChain | undefined;

afterEach(() => chain?.stop());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hundreds of blocks take a busy disk longer than a client waits by itself, and asking again would make as many more. */
const clientOf = ({ rpcUrl }: DevChain) =>
  createPublicClient({ transport: http(rpcUrl, { timeout: 50_000, retryCount: 0 }) });

describe('dev chain', () => {
  it('has no funded accounts and funds the named ones', async () => {
    chain = await startDevChain({ blockTimeMs: 100 });
    const client = clientOf(chain);
    expect(await client.request({ method: 'eth_accounts' as never })).toEqual([]);
    const address = computeAddress(generatePrivateKey());
    await chain.setBalance(address, 5n);
    expect(await client.getBalance({ address })).toBe(5n);
  });

  it('keeps its state over a restart, and falls back to the last whole copy', async () => {
    const statePath = join(mkdtempSync(join(folder, 'state-')), 'state.json');
    const address = computeAddress(generatePrivateKey());
    chain = await startDevChain({ statePath });
    await chain.setBalance(address, 7n);
    await chain.stop();
    chain = await startDevChain({ statePath });
    expect(await clientOf(chain).getBalance({ address })).toBe(7n);
    await chain.stop();
    truncateSync(statePath, readFileSync(statePath).length >> 1);
    chain = await startDevChain({ statePath });
    expect(await clientOf(chain).getBalance({ address })).toBe(7n);
  });

  it('leaves nothing of older blocks on the disk, even if it is killed', async () => {
    const kept = mkdtempSync(join(folder, 'state-'));
    const listFiles = () => readdirSync(kept, { recursive: true }).length;
    chain = await startDevChain({ statePath: join(kept, 'state.json'), blockTimeMs: 600_000 });
    // It holds the states of 500 in memory.
    await clientOf(chain).request({ method: 'anvil_mine' as never, params: ['0x280'] as never });
    expect(listFiles()).toBeGreaterThan(10);
    process.kill(chain.pid, 'SIGKILL');
    await expect.poll(listFiles).toBeLessThanOrEqual(1);
    // A folder left by a process that was killed with its chain.
    const left = join(kept, 'state.json-history', 'left');
    mkdirSync(left, { recursive: true });
    chain = await startDevChain({ statePath: join(kept, 'state.json') });
    expect(existsSync(left)).toBe(false);
  });

  it.each([true, false])(
    'answers about old blocks, and writes them down, unless this is off: %s',
    async (keepsStates) => {
      const kept = mkdtempSync(join(folder, 'state-'));
      chain = await startDevChain({ statePath: join(kept, 'state.json'), blockTimeMs: 600_000, keepsStates });
      const client = clientOf(chain);
      const address = computeAddress(generatePrivateKey());
      await chain.setBalance(address, 5n);
      await client.request({ method: 'anvil_mine' as never, params: ['0x280'] as never });
      const asked = client.getBalance({ address, blockNumber: 1n });
      if (keepsStates) expect(await asked).toBe(5n);
      else await expect(asked).rejects.toThrow();
      expect(await client.getBalance({ address, blockNumber: (await client.getBlockNumber()) - 20n })).toBe(5n);
      expect(readdirSync(kept, { recursive: true }).length > 10).toBe(keepsStates);
    },
  );

  it('makes blocks at the given interval', async () => {
    chain = await startDevChain({ blockTimeMs: 50 });
    const client = clientOf(chain);
    const timeOf = async (blockNumber: bigint) => (await client.getBlock({ blockNumber })).timestamp;
    const hasReached = (number: bigint) =>
      expect.poll(() => client.getBlockNumber({ cacheTime: 0 })).toBeGreaterThanOrEqual(number);
    // Many blocks of one second: where each took a second, no two would have the same.
    await hasReached(60n);
    const times = await Promise.all(Array.from({ length: 60 }, (_, i) => timeOf(BigInt(i + 1))));
    expect(new Set(times).size).toBeLessThan(times.length);
    // None comes early. A late one says nothing: those after it come when they are due.
    const before = (await client.getBlock()).timestamp;
    await chain.setBlockTime(1);
    const first = (await client.getBlockNumber({ cacheTime: 0 })) + 1n;
    await hasReached(first + 2n);
    expect((await timeOf(first + 2n)) - before).toBeGreaterThanOrEqual(3n);
  });

  it('makes more blocks while a call waits for them, and passes on its result', async () => {
    // By itself it makes none within this test.
    chain = await startDevChain({ blockTimeMs: 600_000 });
    const client = clientOf(chain);
    const wait = async (number: bigint): Promise<bigint> => {
      await expect.poll(() => client.getBlockNumber({ cacheTime: 0 })).toBeGreaterThan(number);
      return client.getBlockNumber({ cacheTime: 0 });
    };
    const reached = await chain.hurry(() => wait(5n));
    expect(reached).toBeGreaterThan(5n);
    await expect(chain.hurry(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const after = await client.getBlockNumber({ cacheTime: 0 });
    // No call hurries any more.
    await chain.setBalance(computeAddress(generatePrivateKey()), 1n);
    expect(await client.getBlockNumber({ cacheTime: 0 })).toBe(after);
  });

  it('explains that the port is taken', async () => {
    chain = await startDevChain();
    await expect(startDevChain({ port: chain.port })).rejects.toMatchObject({ code: 'dev-chain' });
  });
});
