import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { createPublicClient, http } from 'viem';
import { afterEach, describe, expect, it } from 'vitest';
import { type DevChain, startDevChain } from './dev-chain.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-chain-'));
let chain: DevChain | undefined;

afterEach(async () => {
  await chain?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const clientOf = ({ rpcUrl }: DevChain) => createPublicClient({ transport: http(rpcUrl) });

describe('dev chain', () => {
  it('has no funded accounts and funds those it is told to', async () => {
    chain = await startDevChain({ blockTimeMs: 100 });
    const client = clientOf(chain);
    expect(await client.request({ method: 'eth_accounts' as never })).toEqual([]);
    const address = computeAddress(generatePrivateKey());
    await chain.setBalance(address, 5n);
    expect(await client.getBalance({ address })).toBe(5n);
  });

  it('keeps its state over a restart, and falls back to the last whole copy', async () => {
    const statePath = join(mkdtempSync(folder), 'state.json');
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

  it('makes blocks as seldom as it is told to', async () => {
    chain = await startDevChain({ blockTimeMs: 50 });
    const client = clientOf(chain);
    const timeOf = async (blockNumber: bigint) => (await client.getBlock({ blockNumber })).timestamp;
    const hasReached = (number: bigint) =>
      expect.poll(() => client.getBlockNumber({ cacheTime: 0 }), { timeout: 20_000 }).toBeGreaterThanOrEqual(number);
    // Many blocks of one second.
    await hasReached(30n);
    expect((await timeOf(30n)) - (await timeOf(1n))).toBeLessThan(29n);
    await chain.setBlockTime(1);
    const from = (await client.getBlockNumber({ cacheTime: 0 })) + 1n;
    await hasReached(from + 2n);
    expect((await timeOf(from + 2n)) - (await timeOf(from))).toBeGreaterThanOrEqual(2n);
  });

  it('says what went wrong when the port is taken', async () => {
    chain = await startDevChain();
    await expect(startDevChain({ port: chain.port })).rejects.toMatchObject({ code: 'dev-chain' });
  });
});
