import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { escrowAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { claimCommand } from '@ogong/cli/money/claim-command';
import { escrowCommand } from '@ogong/cli/money/escrow-command';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { writePrivateFile } from '@ogong/host/files/private-files';
import type { Command } from '@ogong/host/lifecycle/command';
import { computeTally } from '@ogong/host/views/emission-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { computeEmissionProof } from '@ogong/protocol/settlement/emission';
import { SETTLED_S } from '@ogong/validator/settlement/step-allotment';
import { findOutcome } from '../find-outcome.ts';
import { waitUntil } from '../polling.ts';
import type { MoneyRecord, WithdrawalRecord } from '../run-record.ts';

const PATIENCE_MS = 120_000;

export interface SpendingContext {
  readonly mesh: Mesh;
  readonly chain: ChainClient;
  readonly onProgress: (message: string) => void;
}

/**
 * Moves the chain's clock to the end of the emission's period, and waits for the daemons' tally. A provider then claims and the payer
 * withdraws, by the commands of users. This is the last step of a run, because the clocks of machine and chain differ afterwards.
 * @returns undefined on a network without emission.
 */
export async function useMoney({ mesh, chain, onProgress }: SpendingContext): Promise<MoneyRecord | undefined> {
  if (chain.deployment.emission === undefined) return undefined;
  onProgress('the chain’s clock runs to the end of the hour: validators tally the emission');
  const recycledAtomic = await passPeriod(chain);
  const tallies = await readTallies(chain);
  onProgress('a provider claims its part, and the payer withdraws its free escrow');
  return {
    recycledAtomic,
    tallies,
    claimant: await claim(mesh, chain, tallies),
    withdrawal: await withdrawFree(mesh, chain),
  };
}

/** @returns the recycled fees until the end of the period, after the tally or a timeout. */
async function passPeriod(chain: ChainClient): Promise<bigint> {
  const { start, period, now } = await chain.emissionState();
  const end = start + ((now - start) / period + 1n) * period;
  const seconds = Number(end - now + SETTLED_S) + 1;
  await chain.transactor.client.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  const recycled = await chain.recycledBefore(end);
  const isTallied = async () => (await chain.recycledBefore((await chain.emissionState()).talliedUntil)) === recycled;
  await waitUntil(isTallied, PATIENCE_MS);
  return recycled;
}

type Tally = MoneyRecord['tallies'][number];

async function readTallies(chain: ChainClient): Promise<Tally[]> {
  return Promise.all(
    (await chain.allotments()).map(async ({ number, since, until, root, units, budget }) => {
      const work = await chain.recycledWork(since, until);
      const tally = computeTally(crypto, work);
      const entries = (tally?.entries ?? []).map((one) => ({ account: `0x${toHex(one.account)}`, units: one.units }));
      const computedRoot = tally === undefined ? '' : `0x${toHex(tally.root)}`;
      return { number, root, units, budgetAtomic: budget, recycledAtomic: work.recycled, entries, computedRoot };
    }),
  );
}

/** @returns the gain of an account's balance by a command, in the currency of the network. */
export async function runAs(
  mesh: Mesh,
  chain: ChainClient,
  account: Account,
  argv: readonly [Command, ...string[]],
): Promise<bigint> {
  const { name, address, privateKey } = account;
  const [command, ...words] = argv;
  const keypair = join(mesh.plan.directory, `${name}.account`);
  writePrivateFile(keypair, `${privateKey.slice(2)}\n`);
  const balanceOf = chain.deployment.burnAndMint === undefined ? chain.balanceOf : chain.paymentBalanceOf;
  const before = await balanceOf(address);
  const where = ['--deployment', mesh.plan.deploymentFile, '--rpc-url', mesh.plan.rpcUrl, '--keypair', keypair];
  await command.run([...words, ...where, '--json'], { write: () => {}, writeError: () => {} });
  return (await balanceOf(address)) - before;
}

interface Account {
  readonly name: string;
  readonly address: Address;
  readonly privateKey: Hex;
}

export function findAccount(mesh: Mesh, role: string, matches: (address: Address) => boolean): Account | undefined {
  const found = mesh.members.find((member) => member.role === role && matches(member.identity.address));
  return found && { name: found.name, address: found.identity.address, privateKey: found.identity.privateKey };
}

export const connectAs = (mesh: Mesh, { privateKey }: Account): Promise<ChainClient> =>
  createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment, privateKey });

/** Claims for the first provider in the first tally. */
async function claim(mesh: Mesh, chain: ChainClient, tallies: readonly Tally[]): Promise<MoneyRecord['claimant']> {
  const [tally] = tallies;
  const account = findAccount(
    mesh,
    'provider',
    (address) => tally?.entries.some((one) => one.account === address) ?? false,
  );
  if (tally === undefined || account === undefined) return undefined;
  const { name, address } = account;
  const client = await connectAs(mesh, account);
  const entries = tally.entries.map((entry) => ({ account: fromHex(entry.account.slice(2)), units: entry.units }));
  const index = tally.entries.findIndex((entry) => entry.account === address);
  const proof = computeEmissionProof(crypto, entries, index);
  const own = entries[index]?.units ?? 0n;
  const tryUnits = (units: bigint) => findOutcome(() => client.claimEmission(tally.number, address, units, proof));
  const more = await tryUnits(own + 1n);
  const fromBlock = (await chain.transactor.client.getBlockNumber({ cacheTime: 0 })) + 1n;
  const claimedAtomic = await runAs(mesh, chain, account, [claimCommand]);
  // Its credit grows with every batch, until it is claimed.
  const creditAtomic = await readClaimed(chain, address, fromBlock);
  const again = await tryUnits(own);
  return { name, address, creditAtomic, claimedAtomic, refused: { more, again } };
}

async function readClaimed(chain: ChainClient, account: Address, fromBlock: bigint): Promise<bigint> {
  const event = { address: chain.deployment.escrow, abi: escrowAbi, eventName: 'Claimed', strict: true } as const;
  const claimed = await chain.transactor.read('claims of an account', (client) =>
    client.getContractEvents({ ...event, args: { payee: account }, fromBlock }),
  );
  return claimed.reduce((sum, { args }) => sum + args.amount, 0n);
}

export async function withdrawFree(mesh: Mesh, chain: ChainClient): Promise<WithdrawalRecord> {
  const payer = findAccount(mesh, 'gateway', () => true);
  if (payer === undefined) return { name: 'the payer', freeAtomic: 0n, withdrawnAtomic: 0n, more: 'there is none' };
  const freeAtomic = await chain.freeOf(payer.address);
  const client = await connectAs(mesh, payer);
  const more = await findOutcome(() => client.withdraw(freeAtomic + 1n));
  const amount = `${freeAtomic} atomic`;
  const withdrawnAtomic = await runAs(mesh, chain, payer, [escrowCommand, 'withdraw', '--amount', amount]);
  return { name: payer.name, freeAtomic, withdrawnAtomic, more };
}
