import { erc20Abi } from 'viem';
import { type BytesLike, toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/** An asset as its contract describes itself. */
export interface AssetDescription {
  readonly symbol: string;
  readonly decimals: number;
}

/** @throws ChainError where no contract there does. */
export async function describeAsset({ read }: Pick<Transactor, 'read'>, asset: BytesLike): Promise<AssetDescription> {
  const contract = { address: toAddress(asset, 'asset'), abi: erc20Abi } as const;
  return read('the asset', async (client) => {
    const [symbol, decimals] = await Promise.all([
      client.readContract({ ...contract, functionName: 'symbol' }),
      client.readContract({ ...contract, functionName: 'decimals' }),
    ]);
    // Anybody names an asset, and people read it in a terminal.
    return { symbol: symbol.slice(0, 32).replace(/[^!-~]/g, '?'), decimals };
  });
}
