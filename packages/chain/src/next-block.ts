import type { TransactionReceipt } from 'viem';
import { ChainError } from './errors.ts';
import type { Transactor } from './transactor.ts';

const BLOCK_POLL_MS = 100;
const BLOCK_POLLS = 600;

/**
 * Waits for a block after the one of a transaction: an announcement in it counts only from the next block on.
 * @throws ChainError `timeout` where no block comes for a minute.
 */
export async function waitForNextBlock(
  { read }: Pick<Transactor, 'read'>,
  { blockNumber }: Pick<TransactionReceipt, 'blockNumber'>,
): Promise<void> {
  for (let poll = 0; poll < BLOCK_POLLS; poll++) {
    if ((await read('head', (client) => client.getBlockNumber({ cacheTime: 0 }))) > blockNumber) return;
    await new Promise((resolve) => setTimeout(resolve, BLOCK_POLL_MS));
  }
  throw new ChainError('timeout', 'the chain has made no block since the announcement');
}
