import { escrowAbi, settlementAbi } from '@ogong/chain/generated/abi';
import { bytesToHex } from '@ogong/chain/hex';
import { parseDraws } from '@ogong/chain/money/draws';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex } from '@ogong/protocol/base/bytes';

export interface SettledBatch {
  readonly transactionHash: string;
  readonly blockNumber: bigint;
  /** Payers whose channels it debited. */
  readonly payers: readonly Uint8Array[];
}

export interface LedgerHistory {
  /**
   * Finds the transaction that settled a batch; undefined if the node behind the RPC endpoint no longer has its logs.
   */
  findSettled(validator: Uint8Array, sequence: bigint): Promise<SettledBatch | undefined>;
}

/** Public RPC endpoints refuse logs of more blocks. */
const BLOCKS_PER_READ = 1_000n;

interface BlockRange {
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
}

/**
 * Reads events backwards from the newest block to the first, a range at a time, until enough are found.
 * @returns the events in the order of the chain.
 */
export async function readBackwards<T>(
  { first, last, blocksPerRead }: { readonly first: bigint; readonly last: bigint; readonly blocksPerRead: bigint },
  readRange: (range: BlockRange) => Promise<readonly T[]>,
  isEnough: (found: readonly T[]) => boolean,
): Promise<readonly T[]> {
  let found: readonly T[] = [];
  for (let toBlock = last; toBlock >= first && !isEnough(found); toBlock -= blocksPerRead) {
    const start = toBlock - blocksPerRead + 1n;
    const range = { fromBlock: start > first ? start : first, toBlock };
    found = [...(await readRange(range)), ...found];
  }
  return found;
}

/** Reads the past of the contracts from their events. Every call rejects with a ChainError on failure. */
export function createLedgerHistory(
  { client }: Pick<ChainView, 'client'>,
  { blocksPerRead = BLOCKS_PER_READ }: { readonly blocksPerRead?: bigint } = {},
): LedgerHistory {
  return {
    async findSettled(validator, sequence) {
      const { transactor, deployment } = await client();
      const signer = bytesToHex(validator);
      return transactor.read('settled batches', async (rpc) => {
        const blocks = { first: BigInt(deployment.block), last: await rpc.getBlockNumber(), blocksPerRead };
        const readRange = (range: BlockRange) =>
          rpc.getContractEvents({
            address: deployment.settlement,
            abi: settlementAbi,
            eventName: 'Settled',
            args: { validator: signer, sequence },
            ...range,
          });
        const [settled] = await readBackwards(blocks, readRange, (found) => found.length > 0);
        if (settled === undefined) return undefined;
        const { transactionHash, blockHash, blockNumber } = settled;
        const drawn = await rpc.getContractEvents({
          address: deployment.escrow,
          abi: escrowAbi,
          eventName: 'Drawn',
          strict: true,
          args: { validator: signer },
          blockHash,
        });
        const own = drawn.filter((event) => event.transactionHash === transactionHash);
        return {
          transactionHash,
          blockNumber,
          payers: own.flatMap(({ args }) => parseDraws(args.draws)).map(({ payer }) => fromHex(payer.slice(2), 20)),
        };
      });
    },
  };
}
