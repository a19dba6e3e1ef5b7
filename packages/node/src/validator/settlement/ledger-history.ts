import { escrowAbi, parametersAbi, settlementAbi } from '@ogong/chain/generated/abi';
import { bytesToHex } from '@ogong/chain/hex';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex } from '@ogong/protocol/base/bytes';

export interface SettledBatch {
  readonly transactionHash: string;
  /** Whose channels it drew. */
  readonly payers: readonly Uint8Array[];
}

export interface LedgerHistory {
  /** The transaction that settled a batch; undefined where the node behind the RPC endpoint no longer has its logs. */
  findSettled(validator: Uint8Array, sequence: bigint): Promise<SettledBatch | undefined>;
  /** The lowest coverage, parts per million, that was in force at that time or later; undefined where the logs are gone. */
  findLeastAlpha(sinceMs: number): Promise<number | undefined>;
}

/** The past of the contracts, from their events. Everything rejects with a ChainError. */
export function createLedgerHistory({ client }: Pick<ChainView, 'client'>): LedgerHistory {
  return {
    async findSettled(validator, sequence) {
      const { transactor, deployment } = await client();
      const signer = bytesToHex(validator);
      return transactor.read('settled batches', async (rpc) => {
        const [settled] = await rpc.getContractEvents({
          address: deployment.settlement,
          abi: settlementAbi,
          eventName: 'Settled',
          args: { validator: signer, sequence },
          fromBlock: BigInt(deployment.block),
        });
        if (settled === undefined) return undefined;
        const { transactionHash, blockHash } = settled;
        const drawn = await rpc.getContractEvents({
          address: deployment.escrow,
          abi: escrowAbi,
          eventName: 'Drawn',
          args: { validator: signer },
          blockHash,
        });
        const own = drawn.filter((event) => event.transactionHash === transactionHash);
        return {
          transactionHash,
          payers: own.map(({ args }) => fromHex(String(args.payer).slice(2).toLowerCase(), 20)),
        };
      });
    },
    async findLeastAlpha(sinceMs) {
      const { transactor, deployment } = await client();
      return transactor.read('changes of the coverage', async (rpc) => {
        const events = await rpc.getContractEvents({
          address: deployment.parameters,
          abi: parametersAbi,
          eventName: 'LimitsChanged',
          fromBlock: BigInt(deployment.block),
        });
        const changes = await Promise.all(
          events.map(async ({ args, blockHash }) => ({
            alpha: args.limits?.alpha as number,
            atMs: Number((await rpc.getBlock({ blockHash })).timestamp) * 1_000,
          })),
        );
        // Of the changes before that time only the last one counts, which was in force then.
        const first = changes.findLastIndex(({ atMs }) => atMs <= sinceMs);
        const inForce = changes.slice(Math.max(0, first)).map(({ alpha }) => alpha);
        return inForce.length === 0 ? undefined : Math.min(...inForce);
      });
    },
  };
}
