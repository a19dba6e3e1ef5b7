import type { ChainClient } from '@ogong/chain/client';
import { cosignersAbi, escrowAbi, ogongTokenAbi, settlementAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { parseDraws } from '@ogong/chain/money/draws';
import { type DecodedSettle, decodeSettle } from '@ogong/chain/settlement/settle-decode';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { readAccountsAt } from '@ogong/chain/validators/votes';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import type { Account, Books, Ejection, Member, SettlementRecord } from '../run-record.ts';

/** The current balances of each member in the contracts. */
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

/** What is earned in a period is held for the two after it. Where the period is 0, nothing is held. */
const computeHeldUntil = (nowS: number, periodS: number): number =>
  periodS === 0 ? nowS : (Math.floor(nowS / periodS) + 3) * periodS;

export interface LedgerBooks {
  readonly settlements: readonly SettlementRecord[];
  readonly ejections: readonly Ejection[];
}

/** Every batch on the chain, with the signers recovered from its transaction, and every ejection. */
export async function readHistory(
  chain: ChainClient,
  members: readonly Member[],
  crypto: Crypto,
): Promise<LedgerBooks> {
  const { deployment, transactor } = chain;
  const fromBlock = BigInt(deployment.block);
  const nameOf = (address: string): string =>
    members.find((member) => member.address === address.toLowerCase())?.name ?? address;
  const [settled, ejected, drawn, cosigned] = await transactor.read('history', (client) =>
    Promise.all([
      client.getContractEvents({
        address: deployment.settlement,
        abi: settlementAbi,
        eventName: 'Settled',
        fromBlock,
        strict: true,
      }),
      client.getContractEvents({
        address: deployment.settlement,
        abi: settlementAbi,
        eventName: 'Ejected',
        fromBlock,
        strict: true,
      }),
      client.getContractEvents({
        address: deployment.escrow,
        abi: escrowAbi,
        eventName: 'Drawn',
        fromBlock,
        strict: true,
      }),
      client.getContractEvents({
        address: cosignersOf(deployment),
        abi: cosignersAbi,
        eventName: 'Cosigned',
        fromBlock,
        strict: true,
      }),
    ]),
  );
  const settlements = await Promise.all(
    settled.map(async ({ transactionHash: transaction, blockNumber, args }): Promise<SettlementRecord> => {
      const call = await readCall(chain, transaction);
      const signingKeys = recoverSigners(chain, call, crypto);
      const signers = await readAccountsAt(transactor, deployment, { signingKeys, blockNumber });
      return {
        transaction,
        validator: nameOf(args.validator),
        sequence: args.sequence,
        logLength: args.logLength,
        replies: args.replies,
        signers: signers.map((address) => ({
          address,
          name: nameOf(address),
          bondAtomic: members.find((member) => member.address === address)?.bondAtomic ?? 0n,
        })),
        totalBondAtomic: members.reduce((sum, { bondAtomic = 0n }) => sum + bondAtomic, 0n),
        // Debits come from the events, which hold what was drawn. The call only holds what was asked for.
        debits: drawn
          .filter((event) => event.transactionHash === transaction)
          .flatMap((event) => parseDraws(event.args.draws))
          .map(({ payer, amount }) => ({ payer, amountAtomic: amount })),
        lines: call.lines.map(({ payee, router, gross, fine }) => ({
          ...{ provider: payee, router },
          ...{ grossAtomic: gross, fineAtomic: fine },
        })),
        tallies: call.tallies,
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

async function readCall({ transactor }: ChainClient, hash: Hex): Promise<DecodedSettle> {
  return transactor.read('settlement', async (client) => decodeSettle((await client.getTransaction({ hash })).input));
}

const bytes = (hex: Hex): Uint8Array => fromHex(hex.slice(2));

function recoverSigners(
  { deployment }: ChainClient,
  { batch, debits, lines, ejections, tallies, quorum }: DecodedSettle,
  crypto: Crypto,
): Address[] {
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.settlement) };
  const digest = hashSettlement(crypto, domain, {
    batch: {
      ...batch,
      validator: bytes(batch.validator),
      logHead: bytes(batch.logHead),
      recordsRoot: bytes(batch.recordsRoot),
    },
    debits: debits.map((debit) => ({
      ...debit,
      payer: bytes(debit.payer),
      termsHash: bytes(debit.termsHash),
      signature: bytes(debit.signature),
    })),
    lines: lines.map(({ providerId, payee, router, gross, fine, modelRoot }) => ({
      ...{ providerId: bytes(providerId), payee: bytes(payee), router: bytes(router), modelRoot: bytes(modelRoot) },
      ...{ gross, fine },
    })),
    ejections: ejections.map(bytes),
    tallies: tallies.map(({ payee, ...counts }) => ({ payee: bytes(payee), ...counts })),
  });
  // A signature that names nobody counts for nobody, so the chain would not have taken the batch.
  return quorum.flatMap((signature): Address[] => {
    const signer = crypto.recoverAddress(digest, bytes(signature));
    return signer ? [`0x${toHex(signer)}`] : [];
  });
}
