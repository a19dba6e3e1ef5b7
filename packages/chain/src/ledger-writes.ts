import { encodeFunctionData, type TransactionReceipt } from 'viem';
import type { AskedWork, Distribution, Limits, Tests } from './deploy/deploy.ts';
import type { Deployment } from './deployment.ts';
import { earningsAbi, ogongTokenAbi, parametersAbi, settlementAbi, stakingAbi } from './generated/abi.ts';
import { type Address, type BytesLike, toAddress, toHex } from './hex.ts';
import { createAllow, type TokenApproval } from './money/allowance.ts';
import { createMintWrites } from './money/burn-and-mint.ts';
import { createEmissionWrites } from './money/emission.ts';
import { createEscrowWrites } from './money/escrow-writes.ts';
import { createLaunchWrites } from './money/launch-curve.ts';
import { createMachineWrites } from './registry/machines.ts';
import { createModelWrites } from './registry/model-registry.ts';
import { createPinWrites } from './registry/pins.ts';
import { createRegistryWrites } from './registry/registry-writes.ts';
import { encodeSettle, type SettleCall, toQuorumElement } from './settlement/settle-call.ts';
import type { Transactor } from './transactor.ts';
import { createBeaconKeysWrites } from './validators/beacon-keys.ts';
import { createCaseWrites } from './validators/cases.ts';
import { createCosignerWrites } from './validators/cosigners.ts';
import { createGovernmentWrites } from './validators/government.ts';
import { createRosterWrites } from './validators/roster.ts';

/** A line that settles in a new period stores one more word than an estimate in the period before says. */
const newPeriodGas = 22_100n;

function createRouterWrites({ send }: Transactor, staking: Address) {
  return {
    /** Makes the account a router, or names another key for its tickets. Its stake has to reach the least bond. */
    registerRouter: (ticketKey: BytesLike) =>
      send(
        'register router',
        staking,
        encodeFunctionData({
          abi: stakingAbi,
          functionName: 'registerRouter',
          args: [toHex(ticketKey, 'ticketKey', 32)],
        }),
      ),
    /** The router itself may, and anyone where its stake is below the least bond. */
    retireRouter: (router: BytesLike) =>
      send(
        'retire router',
        staking,
        encodeFunctionData({
          abi: stakingAbi,
          functionName: 'retireRouter',
          args: [toAddress(router, 'router')],
        }),
      ),
  };
}

/** Creates the calls for bonds of providers' keys. The caller is the payee. */
function createKeyBondWrites(
  { send }: Transactor,
  earnings: Address,
  allow: (spender: Address, amount: bigint) => Promise<void>,
) {
  const call = (functionName: 'bond' | 'requestUnbond', providerId: BytesLike, amount: bigint) =>
    send(
      `${functionName} of a key`,
      earnings,
      encodeFunctionData({ abi: earningsAbi, functionName, args: [toHex(providerId, 'providerId', 32), amount] }),
    );
  return {
    async bondKey(providerId: BytesLike, amount: bigint): Promise<TransactionReceipt> {
      await allow(earnings, amount);
      return call('bond', providerId, amount);
    },
    requestUnbondKey: (providerId: BytesLike, amount: bigint) => call('requestUnbond', providerId, amount),
    finishUnbondKey: (providerId: BytesLike) =>
      send(
        'finish unbond of a key',
        earnings,
        encodeFunctionData({
          abi: earningsAbi,
          functionName: 'finishUnbond',
          args: [toHex(providerId, 'providerId', 32)],
        }),
      ),
    /** Pays the verification pool the bond of a key whose ejection is final; anyone may. */
    forfeitKeyBond: (providerId: BytesLike, payee: BytesLike) =>
      send(
        'forfeit the bond of a key',
        earnings,
        encodeFunctionData({
          abi: earningsAbi,
          functionName: 'forfeit',
          args: [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee')],
        }),
      ),
  };
}

/**
 * Creates the calls by which an account changes the ledger. Each sends one transaction, and one or two before it if an allowance is missing.
 * @param approval size of such an allowance. Exact ones are for callers that make one call after the other.
 */
export function createWrites(transactor: Transactor, deployment: Deployment, approval: TokenApproval = 'unlimited') {
  const { send } = transactor;
  const { token, staking, registry, escrow, settlement, earnings, parameters, models } = deployment;

  const allowOf = createAllow(transactor, approval);
  const allow = (spender: Address, amount: bigint): Promise<void> => allowOf(token, spender, amount);

  const callStaking = (
    functionName: 'stake' | 'requestUnstake' | 'prioritize' | 'requestDeprioritize' | 'bond' | 'requestUnbond',
    amount: bigint,
  ) => send(functionName, staking, encodeFunctionData({ abi: stakingAbi, functionName, args: [amount] }));

  const finishStaking = (functionName: 'finishUnstake' | 'finishDeprioritize' | 'finishUnbond') =>
    send(functionName, staking, encodeFunctionData({ abi: stakingAbi, functionName }));

  const callEarnings = (functionName: 'withdraw' | 'collect', providerId: BytesLike, payee: BytesLike) =>
    send(
      `${functionName} earnings`,
      earnings,
      encodeFunctionData({
        abi: earningsAbi,
        functionName,
        args: [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee')],
      }),
    );

  return {
    transfer: (to: BytesLike, amount: bigint) =>
      send(
        'transfer',
        token,
        encodeFunctionData({ abi: ogongTokenAbi, functionName: 'transfer', args: [toAddress(to, 'to'), amount] }),
      ),

    // Credits need no allowance: the escrow takes only its caller's.
    ...createEscrowWrites(transactor, escrow, deployment.burnAndMint === undefined ? allow : async () => {}),
    ...createMintWrites(transactor, deployment, allowOf),
    ...createEmissionWrites(transactor, deployment),
    ...createLaunchWrites(transactor, deployment, allowOf),
    ...createBeaconKeysWrites(transactor, deployment),
    ...createMachineWrites(transactor, deployment),
    ...createPinWrites(transactor, deployment, allowOf),
    ...createCaseWrites(transactor, deployment, allow),
    ...createGovernmentWrites(transactor, deployment),

    /** Pays a provider's payee what it can have by now; anyone may. */
    withdrawEarnings: (providerId: BytesLike, payee: BytesLike) => callEarnings('withdraw', providerId, payee),
    /** Pays the verification pool what it is due of a provider's earnings; anyone may. */
    collectEarnings: (providerId: BytesLike, payee: BytesLike) => callEarnings('collect', providerId, payee),

    async stake(amount: bigint): Promise<TransactionReceipt> {
      await allow(staking, amount);
      return callStaking('stake', amount);
    },
    requestUnstake: (amount: bigint) => callStaking('requestUnstake', amount),
    finishUnstake: () => finishStaking('finishUnstake'),
    /** Priority stake: it weighs in routing, and nothing takes of it. */
    async prioritize(amount: bigint): Promise<TransactionReceipt> {
      await allow(staking, amount);
      return callStaking('prioritize', amount);
    },
    requestDeprioritize: (amount: bigint) => callStaking('requestDeprioritize', amount),
    finishDeprioritize: () => finishStaking('finishDeprioritize'),
    ...createRouterWrites(transactor, staking),
    async bond(amount: bigint): Promise<TransactionReceipt> {
      await allow(staking, amount);
      return callStaking('bond', amount);
    },
    requestUnbond: (amount: bigint) => callStaking('requestUnbond', amount),
    finishUnbond: () => finishStaking('finishUnbond'),
    ...createKeyBondWrites(transactor, earnings, allow),

    ...createRegistryWrites(transactor, registry),
    ...createRosterWrites(transactor, deployment),
    ...createCosignerWrites(transactor, deployment),
    ...createModelWrites(transactor, models, allow),

    /** Submits a batch with its quorum; anyone may. */
    settle: (call: SettleCall) =>
      send('settle', settlement, encodeSettle(call), newPeriodGas * BigInt(call.lines.length)),
    /**
     * Gives a payee back what penalties hold of its stake; anyone may, until the appeal is over.
     * @param quorum over the contract's `pardonDigest`, in ascending order of their signers' addresses.
     */
    pardon: (payee: BytesLike, quorum: readonly BytesLike[]) =>
      send(
        'pardon',
        settlement,
        encodeFunctionData({
          abi: settlementAbi,
          functionName: 'pardon',
          args: [toAddress(payee, 'payee'), quorum.map(toQuorumElement)],
        }),
      ),
    /** Pays to the treasury what penalties hold of a payee; anyone may, once the appeal is over. */
    collectPenalty: (payee: BytesLike) =>
      send(
        'collect penalty',
        staking,
        encodeFunctionData({
          abi: stakingAbi,
          functionName: 'collectPenalty',
          args: [toAddress(payee, 'payee')],
        }),
      ),
    /**
     * Lifts an ejection; anyone may, until its appeal is over.
     * @param quorum over the contract's `reinstatementDigest`, in ascending order of their signers' addresses.
     */
    reinstate: (providerId: BytesLike, quorum: readonly BytesLike[]) =>
      send(
        'reinstate',
        settlement,
        encodeFunctionData({
          abi: settlementAbi,
          functionName: 'reinstate',
          args: [toHex(providerId, 'providerId', 32), quorum.map(toQuorumElement)],
        }),
      ),

    /** Owner of the parameters only, as are the next four. In force after the notice. */
    setDistribution: ({ shares, recipients }: Distribution) =>
      send(
        'set distribution',
        parameters,
        encodeFunctionData({ abi: parametersAbi, functionName: 'setDistribution', args: [shares, recipients] }),
      ),
    setLimits: (limits: Limits) =>
      send(
        'set limits',
        parameters,
        encodeFunctionData({ abi: parametersAbi, functionName: 'setLimits', args: [limits] }),
      ),
    setTests: (tests: Tests) =>
      send(
        'set tests',
        parameters,
        encodeFunctionData({ abi: parametersAbi, functionName: 'setTests', args: [tests] }),
      ),
    setWork: (work: AskedWork) =>
      send('set work', parameters, encodeFunctionData({ abi: parametersAbi, functionName: 'setWork', args: [work] })),
    setDriftTable: ({ hash, version }: { readonly hash: BytesLike; readonly version: bigint }) =>
      send(
        'set drift table',
        parameters,
        encodeFunctionData({
          abi: parametersAbi,
          functionName: 'setDriftTable',
          args: [{ hash: toHex(hash, 'hash', 32), version }],
        }),
      ),
  };
}
