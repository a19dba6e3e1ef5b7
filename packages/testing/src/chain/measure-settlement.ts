import { settlementAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { type SettleCall, sortQuorum } from '@ogong/chain/settle-call';
import { encodeFunctionData } from 'viem';
import { sign } from 'viem/accounts';
import { startTestLedger, unit } from './test-ledger.ts';

export interface GasReport {
  readonly replies: number;
  readonly payers: number;
  readonly providers: number;
  readonly validators: number;
  readonly firstGas: number;
  readonly steadyGas: number;
  readonly steadyGasPerReply: number;
  readonly calldataBytes: number;
}

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`;
const createId = (payee: Hex): Hex => `0x${payee.slice(2).padStart(64, 'd7')}`;

/**
 * Settles three batches between the same parties on a fresh chain. The first one also pays for new storage; the third shows
 * the cost in a running network.
 */
export async function measureSettlement(
  replies: number,
  payerCount: number,
  providerCount: number,
  validatorCount = 3,
): Promise<GasReport> {
  const ledger = await startTestLedger({ blockTimeMs: 50 });
  try {
    const validators = await Promise.all(Array.from({ length: validatorCount }, () => ledger.createValidator()));
    const handling = validators[0]!;
    const payers = await Promise.all(
      Array.from({ length: payerCount }, async () => {
        const payer = await ledger.createMember(1_000n * unit);
        await payer.client.deposit(1_000n * unit);
        await payer.client.admit(handling.address, 1_000n * unit);
        return payer;
      }),
    );
    const router = computeAddress(generatePrivateKey());
    const payees = Array.from({ length: providerCount }, () => computeAddress(generatePrivateKey()));
    const perPayer = 123_456_789_012_345_000n;
    const gross = perPayer * BigInt(payerCount);
    const settle = async (sequence: bigint) => {
      const debits = await Promise.all(
        payers.map((payer) => ledger.signDebit(payer.privateKey, handling.address, perPayer, perPayer * sequence)),
      );
      const even = gross / BigInt(providerCount);
      const lines = payees.map((payee, index) => ({
        providerId: createId(payee),
        payee,
        router,
        gross: index === 0 ? gross - even * BigInt(providerCount - 1) : even,
      }));
      const batch = {
        validator: handling.address,
        sequence,
        logHead: hash('aa'),
        logLength: sequence * BigInt(replies),
        recordsRoot: hash('bb'),
        replies,
      };
      const call: SettleCall = await ledger.signBatch(
        { batch, debits, lines, ejections: [], tallies: [] },
        validators.map(({ privateKey }) => privateKey),
      );
      return handling.client.settle(call);
    };
    const receipts = [await settle(1n), await settle(2n), await settle(3n)];
    const [first, , steady] = receipts.map(({ gasUsed }) => Number(gasUsed));
    const transaction = await ledger.governor.transactor.client.getTransaction({ hash: receipts[2]!.transactionHash });
    return {
      replies,
      payers: payerCount,
      providers: providerCount,
      validators: validatorCount,
      firstGas: first!,
      steadyGas: steady!,
      steadyGasPerReply: Math.round(steady! / replies),
      calldataBytes: (transaction.input.length - 2) / 2,
    };
  } finally {
    await ledger.stop();
  }
}

/** What it takes to check a quorum on chain, every validator signing: gas of a whole transaction that does nothing else. */
export async function measureQuorum(validatorCount: number): Promise<number> {
  const ledger = await startTestLedger({ blockTimeMs: 50 });
  try {
    const validators = await Promise.all(Array.from({ length: validatorCount }, () => ledger.createValidator()));
    const digest = hash('cc');
    const signatures = await Promise.all(
      validators.map(({ privateKey }) => sign({ hash: digest, privateKey, to: 'hex' })),
    );
    const quorum = (await sortQuorum(digest, signatures)).map((signature) => signature as Hex);
    const data = encodeFunctionData({ abi: settlementAbi, functionName: 'requireQuorum', args: [digest, quorum] });
    const { client } = ledger.governor.transactor;
    return Number(await client.estimateGas({ to: ledger.deployment.settlement, data }));
  } finally {
    await ledger.stop();
  }
}
