import type { ChainClient } from '@ogong/chain/client';
import { cosignersAbi, escrowAbi, ogongTokenAbi, settlementAbi } from '@ogong/chain/generated/abi';
import { type Address, bytesToHex } from '@ogong/chain/hex';
import { parseDraws } from '@ogong/chain/money/draws';
import { readSettledBatch } from '@ogong/chain/settlement/settled-batch';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Account, Books, Ejection, Member, SettlementRecord } from '../run-record.ts';

/** Reads the current balances of each member in the contracts. */
export async function readBooks(chain: ChainClient, members: readonly Member[]): Promise<Books> {
  const { deployment, transactor } = chain;
  const validators = members.filter(({ role }) => role === 'validator').map(({ address }) => address as Address);
  const accounts = await Promise.all(
    members.map(async ({ address: text, providerId }): Promise<Account> => {
      const address = text as Address;
      const [tokensAtomic, freeAtomic, credit, earnings, channels] = await Promise.all([
        chain.paymentBalanceOf(address),
        chain.freeOf(address),
        chain.creditOf(address),
        providerId === undefined ? undefined : chain.earningsOf(fromHex(providerId), address),
        Promise.all(validators.map((validator) => chain.channelOf(address, validator))),
      ]);
      const spentAtomic = channels.reduce((sum, { spent }) => sum + spent, 0n);
      const admitted = channels.reduce((sum, channel) => sum + channel.admitted, 0n);
      return {
        address: text,
        tokensAtomic,
        freeAtomic,
        creditAtomic: credit + (earnings ? earnings.earned - earnings.paid - earnings.collected : 0n),
        heldAtomic: earnings?.held ?? 0n,
        spentAtomic,
        reservedAtomic: admitted - spentAtomic,
      };
    }),
  );
  const supplyAtomic = await transactor.read('supply', (client) =>
    client.readContract({
      address: deployment.burnAndMint?.credits ?? deployment.token,
      abi: ogongTokenAbi,
      functionName: 'totalSupply',
    }),
  );
  const [inEscrow, inEarnings, { holding }, block] = await Promise.all([
    chain.paymentBalanceOf(deployment.escrow),
    chain.paymentBalanceOf(deployment.earnings),
    chain.parameters(),
    transactor.read('the time', (client) => client.getBlock()),
  ]);
  const heldUntilS = computeHeldUntil(Number(block.timestamp), holding.period);
  return { supplyAtomic, escrowTokensAtomic: inEscrow + inEarnings, heldUntilS, accounts };
}

/** Earnings of a period are held for the next two periods. A period of 0 holds none. */
const computeHeldUntil = (nowS: number, periodS: number): number =>
  periodS === 0 ? nowS : (Math.floor(nowS / periodS) + 3) * periodS;

export interface LedgerBooks {
  readonly settlements: readonly SettlementRecord[];
  readonly ejections: readonly Ejection[];
}

/** Reads every batch on the chain, as `ogong verify` reads the batch of a settled reply, and every ejection. */
export async function readHistory(
  chain: ChainClient,
  members: readonly Member[],
  crypto: Crypto,
): Promise<LedgerBooks> {
  const { deployment, transactor } = chain;
  const found = { fromBlock: BigInt(deployment.block), strict: true } as const;
  const atSettlement = { address: deployment.settlement, abi: settlementAbi, ...found } as const;
  const nameOf = (address: string): string =>
    members.find((member) => member.address === address.toLowerCase())?.name ?? address;
  const [settled, ejected, drawn, cosigned] = await transactor.read('history', (client) =>
    Promise.all([
      client.getContractEvents({ ...atSettlement, eventName: 'Settled' }),
      client.getContractEvents({ ...atSettlement, eventName: 'Ejected' }),
      client.getContractEvents({ address: deployment.escrow, abi: escrowAbi, eventName: 'Drawn', ...found }),
      client.getContractEvents({
        address: cosignersOf(deployment),
        abi: cosignersAbi,
        eventName: 'Cosigned',
        ...found,
      }),
    ]),
  );
  const settlements = await Promise.all(
    settled.map(async ({ transactionHash: transaction }): Promise<SettlementRecord> => {
      const { settlement, votes, totalVotes, blockNumber } = await readSettledBatch(crypto, chain, transaction);
      const { batch, lines, tallies } = settlement;
      return {
        transaction,
        validator: nameOf(bytesToHex(batch.validator)),
        sequence: batch.sequence,
        logLength: batch.logLength,
        replies: batch.replies,
        signers: votes.map(({ address, stake }) => ({
          ...{ address: bytesToHex(address), name: nameOf(bytesToHex(address)), bondAtomic: stake },
        })),
        totalBondAtomic: totalVotes,
        // Debits come from the events, because the call holds the requested amounts only.
        debits: drawn
          .filter((event) => event.transactionHash === transaction)
          .flatMap((event) => parseDraws(event.args.draws))
          .map(({ payer, amount }) => ({ payer, amountAtomic: amount })),
        lines: lines.map(({ payee, router, gross, fine }) => ({
          ...{ provider: bytesToHex(payee), router: bytesToHex(router), grossAtomic: gross, fineAtomic: fine },
        })),
        tallies: tallies.map(({ payee, credits }) => ({ payee: bytesToHex(payee), credits })),
        cosignedAtomic: cosigned
          .filter((event) => event.transactionHash === transaction)
          .reduce((sum, { args: { amount } }) => sum + amount, 0n),
        blockNumber: Number(blockNumber),
      };
    }),
  );
  const ejections = ejected.map(({ args, transactionHash: transaction }) => ({
    providerId: args.providerId.slice(2).toLowerCase(),
    validator: nameOf(args.validator),
    transaction,
  }));
  return { settlements, ejections };
}
