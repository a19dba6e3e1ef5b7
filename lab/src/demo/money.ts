import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address, Hex } from '@ogong/chain/hex';
import { claimCommand, withdrawCommand } from '@ogong/cli/money/claim-command';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { writePrivateFile } from '@ogong/host/files/private-files';
import type { Command } from '@ogong/host/lifecycle/command';
import { computeTally } from '@ogong/host/views/emission-view';
import { SETTLED_S } from '@ogong/node/validator/settlement/step-allotment';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { computeEmissionProof } from '@ogong/protocol/settlement/emission';
import { waitUntil } from './polling.ts';
import type { MoneyRecord } from './run-record.ts';

const PATIENCE_MS = 30_000;

interface MoneyContext {
  readonly mesh: Mesh;
  readonly chain: ChainClient;
  readonly onProgress: (message: string) => void;
}

/**
 * Lets the chain's clock run to the end of the emission's period, waits until the daemons have tallied it, and has a provider's account
 * claim and withdraw by the commands that people use. Everything else of the run is over: clocks of machines and chain differ from here on.
 * @returns undefined on a network without emission.
 */
export async function useMoney({ mesh, chain, onProgress }: MoneyContext): Promise<MoneyRecord | undefined> {
  if (chain.deployment.emission === undefined) return undefined;
  const { start, period, now } = await chain.emissionState();
  const end = start + ((now - start) / period + 1n) * period;
  onProgress('the chain’s clock runs to the end of the hour: validators tally the emission');
  const rpc = chain.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [Number(end - now + SETTLED_S) + 1] } as never);
  const recycled = await chain.recycledBefore(end);
  await waitUntil(
    async () => (await chain.recycledBefore((await chain.emissionState()).talliedUntil)) === recycled,
    PATIENCE_MS,
  );
  const tallies = await Promise.all(
    (await chain.allotments()).map(async ({ number, since, until, root, units, budget }) => {
      const work = await chain.recycledWork(since, until);
      const tally = computeTally(crypto, work);
      const entries = (tally?.entries ?? []).map((one) => ({ account: `0x${toHex(one.account)}`, units: one.units }));
      const computedRoot = tally === undefined ? '' : `0x${toHex(tally.root)}`;
      return { number, root, units, budgetAtomic: budget, recycledAtomic: work.recycled, entries, computedRoot };
    }),
  );
  const claimant = await pickClaimant(mesh, chain);
  if (claimant === undefined) return { recycledAtomic: recycled, tallies, claimant: undefined };
  const { name, address, providerId, privateKey } = claimant;
  const keypair = join(mesh.plan.directory, 'claimant.key');
  writePrivateFile(keypair, `${privateKey.slice(2)}\n`);
  const run = async (command: Command, ...argv: string[]): Promise<bigint> => {
    const before = await chain.balanceOf(address);
    const output = { write: () => {}, writeError: () => {} };
    const where = ['--deployment', mesh.plan.deploymentFile, '--rpc-url', mesh.plan.rpcUrl, '--keypair', keypair];
    await command.run([...argv, ...where, '--json'], output);
    return (await chain.balanceOf(address)) - before;
  };
  onProgress(`${name} claims what it has, and withdraws what was held`);
  const creditAtomic = await chain.creditOf(address);
  const client = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: chain.deployment, privateKey });
  const more = await tryClaim(client, tallies[0], address, 1n);
  const claimedAtomic = await run(claimCommand);
  const again = await tryClaim(client, tallies[0], address, 0n);
  const { withdrawable: withdrawableAtomic } = await chain.earningsOf(providerId, address);
  const withdrawnAtomic = await run(withdrawCommand, '--provider', providerId.slice(2), '--payee', address.slice(2));
  return {
    ...{ recycledAtomic: recycled, tallies },
    claimant: {
      ...{ name, address, creditAtomic, claimedAtomic, withdrawableAtomic, withdrawnAtomic },
      refused: { more, again },
    },
  };
}

/** The honest provider that can withdraw most. */
async function pickClaimant(mesh: Mesh, chain: ChainClient) {
  const providers = await Promise.all(
    mesh.members
      .filter(({ name, role }) => role === 'provider' && name !== 'cheat')
      .map(async ({ name, identity: { address, privateKey, keyHash } }) => {
        const providerId: Hex = `0x${toHex(keyHash)}`;
        const { withdrawable } = await chain.earningsOf(providerId, address);
        return { name, address, privateKey, providerId, withdrawable };
      }),
  );
  return providers.sort((a, b) => (a.withdrawable < b.withdrawable ? 1 : -1))[0];
}

type Tally = MoneyRecord['tallies'][number];

/** What the contract answers to a claim of so many units more than the tally has for the account. */
async function tryClaim(
  client: ChainClient,
  tally: Tally | undefined,
  account: Address,
  extra: bigint,
): Promise<string> {
  const entries = (tally?.entries ?? []).map((entry) => ({
    account: fromHex(entry.account.slice(2)),
    units: entry.units,
  }));
  const index = entries.findIndex((entry) => `0x${toHex(entry.account)}` === account);
  const own = entries[index];
  if (tally === undefined || own === undefined) return 'not in the first tally';
  try {
    await client.claimEmission(tally.number, account, own.units + extra, computeEmissionProof(crypto, entries, index));
    return 'paid';
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return error.revert?.name ?? error.message;
  }
}
