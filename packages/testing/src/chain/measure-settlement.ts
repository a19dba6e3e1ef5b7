import { settlementAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { type SettleCall, sortQuorum } from '@ogong/chain/settlement/settle-call';
import { encodeQuorumSum, rosterOf } from '@ogong/chain/validators/roster';
import { fromHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { nobleBls as bls } from '@ogong/protocol/crypto/noble-bls';
import {
  deriveQuorumSecret,
  encodeQuorumKeyMessage,
  encodeQuorumMessage,
  type QuorumSum,
  sumShares,
} from '@ogong/protocol/settlement/quorum-sum';
import { encodeFunctionData } from 'viem';
import { sign } from 'viem/accounts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

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

type Member = Awaited<ReturnType<TestLedger['createMember']>>;

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
    await takeRoster(ledger, validators);
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

/** Records the roster of voters, as a running network does. */
export async function takeRoster(ledger: TestLedger, validators: readonly Pick<Member, 'address'>[]): Promise<number> {
  const accounts = validators.map(({ address }) => address).sort();
  return Number((await ledger.governor.takeRoster(accounts)).gasUsed);
}

/** Validators with registered keys for sums, in the order of a roster. */
export async function createSummingValidators(ledger: TestLedger, count: number) {
  const { chainId, staking } = ledger.deployment;
  const roster = fromHex(rosterOf({ staking }).slice(2));
  const join = async () => {
    const member = await ledger.createValidator();
    const secret = deriveQuorumSecret(crypto, fromHex(member.privateKey.slice(2)));
    const key = bls.deriveKey(secret);
    const account = fromHex(member.address.slice(2));
    const word = { chainId: BigInt(chainId), roster, account, signer: account, number: 1n, key };
    const proof = bls.sign(secret, encodeQuorumKeyMessage(word));
    await member.client.setQuorumKey({ account, signer: account, key, proof });
    return { ...member, secret, key };
  };
  const members: Awaited<ReturnType<typeof join>>[] = [];
  // Joins one after the other. The development chain answers a call during another registration with the state of one
  // block and the time of the block before.
  while (members.length < count) members.push(await join());
  return members.sort((a, b) => (a.address < b.address ? -1 : 1));
}

export interface QuorumGas {
  /** One signature each, without a roster and with it. */
  readonly each: number;
  readonly rostered: number;
  /** One sum of all signatures, and one of as few as suffice. */
  readonly summed: number;
  readonly fewest: number;
  /** Gas of recording the roster. */
  readonly roster: number;
}

/** Measures the gas to check a quorum on chain, in a transaction that does nothing else. */
export async function measureQuorum(validatorCount: number): Promise<QuorumGas> {
  const ledger = await startTestLedger({ blockTimeMs: 50 });
  try {
    const { settlement } = ledger.deployment;
    const members = await createSummingValidators(ledger, validatorCount);
    const digest = hash('cc');
    const { client } = ledger.governor.transactor;
    const measure = async (quorum: readonly Hex[]): Promise<number> => {
      const data = encodeFunctionData({ abi: settlementAbi, functionName: 'requireQuorum', args: [digest, quorum] });
      return Number(await client.estimateGas({ to: settlement, data }));
    };
    const signatures = await Promise.all(
      members.map(({ privateKey }) => sign({ hash: digest, privateKey, to: 'hex' })),
    );
    const sorted = await sortQuorum(digest, signatures);
    const message = encodeQuorumMessage(fromHex(digest.slice(2)));
    const shares = members.map(({ secret }) => bls.sign(secret, message));
    const sumOf = (count: number): Hex => {
      const sum = sumShares(
        bls,
        shares.map((share, i) => (i < count ? share : undefined)),
      );
      return encodeQuorumSum(sum as QuorumSum);
    };
    const each = await measure(sorted);
    const taken = await takeRoster(ledger, members);
    return {
      ...{ each, rostered: await measure(sorted), roster: taken },
      summed: await measure([sumOf(validatorCount)]),
      fewest: await measure([sumOf(Math.floor((2 * validatorCount) / 3) + 1)]),
    };
  } finally {
    await ledger.stop();
  }
}
