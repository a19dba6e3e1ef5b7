import type { ChainClient } from '@ogong/chain/client';
import { escrowAbi, ogongTokenAbi, settlementAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { decodeFunctionData, parseEventLogs, recoverAddress } from 'viem';
import type { Account, Books, Ejection, Member, SettlementRecord } from './run-record.ts';

/** What the contracts hold for each member right now. */
export async function readBooks(chain: ChainClient, members: readonly Member[]): Promise<Books> {
  const { deployment, transactor } = chain;
  const validators = members.filter(({ role }) => role === 'validator').map(({ address }) => address as Address);
  const accounts = await Promise.all(
    members.map(async ({ address: text }): Promise<Account> => {
      const address = text as Address;
      const [tokensAtomic, freeAtomic, creditAtomic, channels] = await Promise.all([
        chain.balanceOf(address),
        chain.freeOf(address),
        chain.creditOf(address),
        Promise.all(validators.map((validator) => chain.channelOf(address, validator))),
      ]);
      const spentAtomic = channels.reduce((sum, { spent }) => sum + spent, 0n);
      const admitted = channels.reduce((sum, channel) => sum + channel.admitted, 0n);
      return { address: text, tokensAtomic, freeAtomic, creditAtomic, spentAtomic, reservedAtomic: admitted - spentAtomic };
    }),
  );
  const supplyAtomic = await transactor.read('supply', (client) =>
    client.readContract({ address: deployment.token, abi: ogongTokenAbi, functionName: 'totalSupply' }),
  );
  return { supplyAtomic, escrowTokensAtomic: await chain.balanceOf(deployment.escrow), accounts };
}

/** Every batch on the chain, with who signed it recovered from the transaction itself, and every ejection. */
export async function readSettlements(
  chain: ChainClient,
  members: readonly Member[],
): Promise<{ settlements: SettlementRecord[]; ejections: Ejection[] }> {
  const { deployment, transactor } = chain;
  const logs = await transactor.read('settlements', (client) =>
    client.getLogs({ address: [deployment.settlement, deployment.escrow], fromBlock: BigInt(deployment.block) }),
  );
  const events = parseEventLogs({ abi: [...settlementAbi, ...escrowAbi], logs, strict: true });
  const nameOf = (address: string): string => members.find((member) => member.address === address.toLowerCase())?.name ?? address;
  const settlements: SettlementRecord[] = [];
  const ejections: Ejection[] = [];
  for (const event of events) {
    if (event.eventName === 'Ejected') {
      const { providerId, validator } = event.args;
      ejections.push({ providerId: providerId.slice(2).toLowerCase(), validator: nameOf(validator), transaction: event.transactionHash });
    }
    if (event.eventName !== 'Settled') continue;
    const { transactionHash: transaction, blockNumber } = event;
    const drawn = events.filter((other) => other.eventName === 'Drawn' && other.transactionHash === transaction);
    const { validator, sequence, logLength, replies } = event.args;
    const call = await readCall(chain, transaction);
    settlements.push({
      transaction,
      validator: nameOf(validator),
      sequence,
      logLength,
      replies,
      signers: call.signers.map((address) => ({
        address,
        name: nameOf(address),
        bondAtomic: members.find((member) => member.address === address)?.bondAtomic ?? 0n,
      })),
      totalBondAtomic: members.reduce((sum, { bondAtomic = 0n }) => sum + bondAtomic, 0n),
      // From the events, not from the call: what was drawn, not what was asked.
      debits: drawn.flatMap(({ args, eventName }) =>
        eventName === 'Drawn' ? [{ payer: args.payer.toLowerCase(), amountAtomic: args.amount }] : [],
      ),
      lines: call.lines,
      blockNumber: Number(blockNumber),
      atMs: await readTime(chain, blockNumber),
    });
  }
  return { settlements, ejections };
}

async function readCall(chain: ChainClient, hash: Hex): Promise<{ signers: string[]; lines: SettlementRecord['lines'] }> {
  const { deployment, transactor } = chain;
  return transactor.read('settle call', async (client) => {
    const { input } = await client.getTransaction({ hash });
    const { functionName, args } = decodeFunctionData({ abi: settlementAbi, data: input });
    if (functionName !== 'settle') throw new TypeError(`transaction ${hash} settles through ${functionName}`);
    const [batch, debits, lines, ejected, quorum] = args;
    const digest = await client.readContract({
      address: deployment.settlement,
      abi: settlementAbi,
      functionName: 'batchDigest',
      args: [batch, debits, lines, ejected],
    });
    const signers = await Promise.all(quorum.map((signature) => recoverAddress({ hash: digest, signature })));
    return {
      signers: signers.map((address) => address.toLowerCase()),
      lines: lines.map(({ provider, router, gross }) => ({
        provider: provider.toLowerCase(),
        router: router.toLowerCase(),
        grossAtomic: gross,
      })),
    };
  });
}

async function readTime({ transactor }: ChainClient, blockNumber: bigint): Promise<number> {
  return transactor.read('block', async (client) => Number((await client.getBlock({ blockNumber })).timestamp) * 1000);
}
