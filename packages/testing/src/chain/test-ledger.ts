import { createChainClient } from '@ogong/chain/client';
import {
  type Delays,
  type DeployOptions,
  defaultHolding,
  type Holding,
  type Issuance,
  type Justice,
  type Limits,
  noDelays,
  noHolding,
  type Voting,
} from '@ogong/chain/deploy/deploy';
import { deployContracts } from '@ogong/chain/deploy/deploy-contracts';
import { devDollarAbi, escrowAbi, settlementAbi } from '@ogong/chain/generated/abi';
import { devDollarBytecode } from '@ogong/chain/generated/bytecode';
import { type Address, type BytesLike, type Hex, toAddress, toHex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { type LedgerDebit, type SettleCall, shorten, sortQuorum } from '@ogong/chain/settlement/settle-call';
import { createTransactor } from '@ogong/chain/transactor';
import type { EpochTiming } from '@ogong/chain/validators/beacon-keys';
import { startDevChain } from '@ogong/devnet/chain/dev-chain';
import { describeDevEconomy, openDevMarket } from '@ogong/devnet/chain/dev-market';
import { encodeDeployData, encodeFunctionData, erc20Abi } from 'viem';
import { sign } from 'viem/accounts';

export type TestLedger = Awaited<ReturnType<typeof startTestLedger>>;

export const unit = 10n ** 18n;
export const termsHash: Hex = `0x${'77'.repeat(32)}`;

const DOLLARS = 10n ** 30n;

/** A dollar with six decimals, all of it owned by the key. */
export async function deployDollar(
  { rpcUrl, chainId }: { readonly rpcUrl: string; readonly chainId: number },
  privateKey: Hex,
): Promise<Address> {
  const { send } = createTransactor({ rpcUrl, chainId, privateKey });
  const args = [computeAddress(privateKey), DOLLARS] as const;
  const data = encodeDeployData({ abi: devDollarAbi, bytecode: devDollarBytecode, args });
  return (await send('deploy a dollar', undefined, data)).contractAddress?.toLowerCase() as Address;
}

/** A fresh chain with the contracts on it, for tests and measurements. */
export async function startTestLedger(
  options: {
    limits?: Partial<Limits>;
    delays?: Partial<Delays>;
    holding?: Partial<Holding>;
    issuance?: Issuance;
    justice?: Justice;
    beacon?: EpochTiming;
    /** The chain keeps a registry of machines. */
    machines?: boolean;
    /** The chain keeps pins. */
    pins?: boolean;
    /** Token holders govern. */
    voting?: Voting;
    /** Payment in credits, at prices that these feeds sign. */
    feedKeys?: readonly Hex[];
    /** Most that may be minted there in a year. */
    yearlyCap?: bigint;
    /** Sells the launch along a curve that begins with this amount of a development dollar. */
    launchReserve?: bigint;
    blockTimeMs?: number;
    /** Default: true. Otherwise only the newest blocks can be queried. */
    keepsStates?: boolean;
  } = {},
) {
  const { blockTimeMs = 100, keepsStates = true } = options;
  const chain = await startDevChain({ blockTimeMs, keepsStates });
  const owner = generatePrivateKey();
  await chain.setBalance(computeAddress(owner), 1_000n * unit);
  const treasury = computeAddress(generatePrivateKey());
  const { launchReserve: virtualReserve } = options;
  const asset = virtualReserve === undefined ? undefined : await deployDollar(chain, owner);
  const plan: DeployOptions = {
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    pollIntervalMs: 20,
    privateKey: owner,
    ...(asset && virtualReserve !== undefined && { launch: { asset, virtualReserve } }),
    recipients: { verification: treasury, treasury, license: treasury },
    ...(!options.issuance && !options.feedKeys && { profile: 'whitepaper' as const }),
    limits: { alpha: 1_000_000, minimumValidatorBond: 100n * unit, minimumVerifierStake: 0n, ...options.limits },
    delays: { ...noDelays, ...options.delays },
    holding: { ...noHolding, growth: defaultHolding.growth, ...options.holding },
    ...(options.issuance && { issuance: options.issuance }),
    ...(options.justice && { justice: options.justice }),
    ...(options.beacon && { beacon: options.beacon }),
    ...(options.machines && { machines: true }),
    ...(options.pins && { pins: true }),
    ...(options.voting && { voting: options.voting }),
    ...(options.feedKeys && {
      burnAndMint: {
        ...describeDevEconomy(options.feedKeys, treasury),
        ...(options.yearlyCap !== undefined && { yearlyCap: options.yearlyCap }),
      },
    }),
  };
  const deployment = await chain.hurry(() => deployContracts(plan));
  const connect = (privateKey: Hex) =>
    createChainClient({ rpcUrl: chain.rpcUrl, deployment, privateKey, pollIntervalMs: 20 });
  const governor = await connect(owner);
  await chain.hurry(() => openDevMarket(governor, options.feedKeys ?? []));

  /** A client with gas and the given tokens. */
  async function createMember(tokens = 0n) {
    const privateKey = generatePrivateKey();
    await chain.setBalance(computeAddress(privateKey), 1_000n * unit);
    const client = await connect(privateKey);
    const address = computeAddress(privateKey);
    if (tokens > 0n) await governor.transfer(address, tokens);
    return { privateKey, address, client };
  }

  /** Sends the launch's asset from the account that owns all of it. */
  async function giveDollars(to: Address, amount: bigint): Promise<void> {
    if (asset === undefined) throw new TypeError('this ledger has no launch');
    const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amount] });
    await governor.transactor.send('give dollars', asset, data);
  }

  async function createValidator(bond = 100n * unit) {
    const member = await createMember(bond);
    await member.client.bond(bond);
    const key = generatePrivateKey();
    await member.client.registerValidator({ endpoint: 'https://127.0.0.1:4543', certHash: key, vrfKey: key });
    return member;
  }

  async function signDebit(
    payerKey: Hex,
    validator: BytesLike,
    amount: bigint,
    cumulative: bigint,
    payer = computeAddress(payerKey),
  ): Promise<LedgerDebit> {
    const digest = await governor.transactor.client.readContract({
      address: deployment.escrow,
      abi: escrowAbi,
      functionName: 'orderDigest',
      args: [payer, toAddress(validator, 'validator'), cumulative, termsHash],
    });
    return {
      payer,
      amount,
      cumulative,
      termsHash,
      signature: await sign({ hash: digest, privateKey: payerKey, to: 'hex' }),
    };
  }

  async function signBatch(call: Omit<SettleCall, 'quorum'>, keys: readonly Hex[]): Promise<SettleCall> {
    const { batch } = call;
    const digest = await governor.transactor.client.readContract({
      address: deployment.settlement,
      abi: settlementAbi,
      functionName: 'batchDigest',
      args: [
        {
          ...batch,
          validator: toAddress(batch.validator, 'validator'),
          logHead: toHex(batch.logHead, 'logHead'),
          recordsRoot: toHex(batch.recordsRoot, 'recordsRoot'),
        },
        call.debits.map(({ signature, ...debit }) => ({
          ...debit,
          payer: toAddress(debit.payer, 'payer'),
          termsHash: toHex(debit.termsHash, 'termsHash'),
          ...shorten(signature),
        })),
        call.lines.map((line) => ({
          providerId: toHex(line.providerId, 'providerId'),
          payee: toAddress(line.payee, 'payee'),
          router: toAddress(line.router, 'router'),
          gross: line.gross,
          fine: line.fine ?? 0n,
          modelRoot: toHex(line.modelRoot ?? new Uint8Array(32), 'modelRoot'),
        })),
        call.ejections.map((id) => toHex(id, 'ejections')),
        call.tallies.map(({ payee, ...counts }) => ({ payee: toAddress(payee, 'payee'), ...counts })),
      ],
    });
    const signatures = await Promise.all(keys.map((privateKey) => sign({ hash: digest, privateKey, to: 'hex' })));
    return { ...call, quorum: await sortQuorum(digest, signatures) };
  }

  /** One validator's signature for lifting an ejection. */
  async function signReinstatement(providerId: Hex, ejection: number, privateKey: Hex): Promise<Hex> {
    const hash = await governor.transactor.client.readContract({
      address: deployment.settlement,
      abi: settlementAbi,
      functionName: 'reinstatementDigest',
      args: [providerId, ejection],
    });
    return sign({ hash, privateKey, to: 'hex' });
  }

  return {
    chain,
    deployment,
    governor,
    /** Key of the account that owns the contracts. */
    governorKey: owner,
    treasury,
    connect,
    createMember,
    giveDollars,
    createValidator,
    signDebit,
    signBatch,
    signReinstatement,
    stop: chain.stop,
  };
}
