import { parseEventLogs } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { settlementAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { type DecodedSettle, decodeSettle } from './settle-decode.ts';

/** A settlement as its transaction and its event have it. */
export interface MinedSettlement {
  readonly call: DecodedSettle;
  readonly event: {
    readonly validator: Address;
    readonly sequence: bigint;
    readonly recordsRoot: Hex;
    readonly logHead: Hex;
    readonly logLength: bigint;
  };
  readonly blockNumber: bigint;
}

type Reader = Pick<Transactor, 'read'>;

/**
 * Reads a settlement by the hash of its transaction: no logs are searched, so any RPC endpoint will do.
 * @throws ChainError `bad-input` where the transaction settled nothing at the deployment's contract.
 */
export async function readSettlement(
  { read }: Reader,
  { settlement }: Pick<Deployment, 'settlement'>,
  transaction: BytesLike,
): Promise<MinedSettlement> {
  const hash = toHex(transaction, 'transaction', 32);
  const [sent, receipt] = await read('the transaction of a settlement', (client) =>
    Promise.all([client.getTransaction({ hash }), client.getTransactionReceipt({ hash })]),
  );
  const [log] = parseEventLogs({ abi: settlementAbi, eventName: 'Settled', logs: receipt.logs, strict: true }).filter(
    ({ address }) => address.toLowerCase() === settlement,
  );
  if (receipt.status !== 'success' || sent.to?.toLowerCase() !== settlement || log === undefined) {
    throw new ChainError('bad-input', `transaction ${hash} settles nothing at ${settlement}`);
  }
  const { validator, sequence, recordsRoot, logHead, logLength } = lowerHex(log.args);
  return {
    call: decodeSettle(sent.input),
    event: { validator, sequence, recordsRoot, logHead, logLength },
    blockNumber: receipt.blockNumber,
  };
}
