import type { LaunchState } from '@ogong/protocol/settlement/launch-curve';
import { encodeFunctionData, type TransactionReceipt } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { launchCurveAbi } from '../generated/abi.ts';
import { type Address, lowerHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import type { Allow } from './allowance.ts';
import { type AssetDescription, describeAsset } from './describe-asset.ts';

/** A launch curve as it stands at one block. */
export interface LaunchReading extends LaunchState, AssetDescription {
  readonly asset: Address;
  /** Of that block, seconds since 1970. */
  readonly time: bigint;
}

type LaunchPlace = Pick<Deployment, 'launch' | 'token'>;

function requireLaunch({ launch }: LaunchPlace): Address {
  if (launch === undefined)
    throw new ChainError('bad-input', 'this network has no launch curve: its deployment file names none as `launch`');
  return launch;
}

/** @throws ChainError `bad-input` where the network has no curve, or the one that is named sells another token. */
export function createLaunchReads({ read }: Pick<Transactor, 'read'>, deployment: LaunchPlace) {
  return {
    async launchState(): Promise<LaunchReading> {
      const curve = { address: requireLaunch(deployment), abi: launchCurveAbi } as const;
      const { asset, ...state } = await read('the launch curve', async (client) => {
        const { number: blockNumber, timestamp: time } = await client.getBlock();
        const at = { ...curve, blockNumber };
        const [token, asset, virtualReserve, reserve, left] = await Promise.all([
          client.readContract({ ...at, functionName: 'token' }),
          client.readContract({ ...at, functionName: 'asset' }),
          client.readContract({ ...at, functionName: 'virtualReserve' }),
          client.readContract({ ...at, functionName: 'reserve' }),
          client.readContract({ ...at, functionName: 'left' }),
        ]);
        if (lowerHex(token) !== deployment.token) {
          throw new ChainError('bad-input', `${curve.address} sells ${token}, and the network's token is another one`);
        }
        return { asset: lowerHex(asset), virtualReserve, reserve, left, time };
      });
      return { asset, ...state, ...(await describeAsset({ read }, asset)) };
    },
  };
}

/** Amount that an order gives, the least that it takes, and its deadline. */
export interface LaunchOrder {
  readonly given: bigint;
  readonly least: bigint;
  /** Seconds since 1970. */
  readonly deadline: bigint;
}

export function createLaunchWrites({ send }: Pick<Transactor, 'send'>, deployment: LaunchPlace, allow: Allow) {
  const trade = async (functionName: 'buy' | 'sell', of: Address, { given, least, deadline }: LaunchOrder) => {
    const curve = requireLaunch(deployment);
    await allow(of, curve, given);
    const data = encodeFunctionData({ abi: launchCurveAbi, functionName, args: [given, least, deadline] });
    return send(`${functionName} at the launch`, curve, data);
  };
  return {
    /** Pays with the curve's asset for tokens. */
    buyAtLaunch: (asset: Address, order: LaunchOrder): Promise<TransactionReceipt> => trade('buy', asset, order),
    /** Sells tokens for the curve's asset. */
    sellAtLaunch: (order: LaunchOrder): Promise<TransactionReceipt> => trade('sell', deployment.token, order),
  };
}
