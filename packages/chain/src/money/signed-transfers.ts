import { encodeFunctionData, type TransactionReceipt } from 'viem';
import { ogongTokenAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, toAddress, toHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';

/** A transfer of tokens that its owner has signed and anybody may submit, once (ERC-3009). */
export interface SignedTransfer {
  readonly from: BytesLike;
  readonly to: BytesLike;
  readonly value: bigint;
  /** Unix time, s. */
  readonly validBefore: bigint;
  readonly nonce: BytesLike;
  /** 65 bytes. */
  readonly signature: BytesLike;
}

/** @throws ChainError where the token does not take it. */
export function submitTransfer(
  { send }: Pick<Transactor, 'send'>,
  token: Address,
  { from, to, value, validBefore, nonce, signature }: SignedTransfer,
): Promise<TransactionReceipt> {
  const bytes = toHex(signature, 'signature', 65).slice(2);
  const data = encodeFunctionData({
    abi: ogongTokenAbi,
    functionName: 'transferWithAuthorization',
    args: [
      ...([toAddress(from, 'from'), toAddress(to, 'to'), value, 0n, validBefore, toHex(nonce, 'nonce', 32)] as const),
      ...([Number.parseInt(bytes.slice(128), 16), `0x${bytes.slice(0, 64)}`, `0x${bytes.slice(64, 128)}`] as const),
    ],
  });
  return send('submit a signed transfer', token, data);
}

/** Whether the token has taken the transfer of this nonce, or its owner has cancelled it. @throws ChainError */
export function isTransferUsed(
  { read }: Pick<Transactor, 'read'>,
  token: Address,
  { from, nonce }: Pick<SignedTransfer, 'from' | 'nonce'>,
): Promise<boolean> {
  const args = [toAddress(from, 'from'), toHex(nonce, 'nonce', 32)] as const;
  return read('state of a signed transfer', (client) =>
    client.readContract({ address: token, abi: ogongTokenAbi, functionName: 'authorizationState', args }),
  );
}
