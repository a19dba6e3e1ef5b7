import type { PublicClient } from 'viem';

/** The first block of that second or later, by its time; one past the newest where there is none. @param first no earlier block counts. */
export async function findBlockAt(client: PublicClient, time: bigint, first: bigint): Promise<bigint> {
  let low = first;
  let high = (await client.getBlockNumber({ cacheTime: 0 })) + 1n;
  while (low < high) {
    const middle = (low + high) / 2n;
    const { timestamp } = await client.getBlock({ blockNumber: middle });
    if (timestamp >= time) high = middle;
    else low = middle + 1n;
  }
  return low;
}
