import { encodeFunctionData, type TransactionReceipt } from 'viem';
import { escrowAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, toAddress, toHex } from '../hex.ts';
import type { LedgerDebit } from '../settlement/settle-call.ts';
import type { Transactor } from '../transactor.ts';

/** Creates the calls of payers for their deposits, and of payees for their credit. */
export function createEscrowWrites(
  { send }: Pick<Transactor, 'send'>,
  escrow: Address,
  allow: (spender: Address, amount: bigint) => Promise<void>,
) {
  return {
    async deposit(amount: bigint): Promise<TransactionReceipt> {
      await allow(escrow, amount);
      return send('deposit', escrow, encodeFunctionData({ abi: escrowAbi, functionName: 'deposit', args: [amount] }));
    },
    withdraw: (amount: bigint) =>
      send('withdraw', escrow, encodeFunctionData({ abi: escrowAbi, functionName: 'withdraw', args: [amount] })),
    admit: (validator: BytesLike, amount: bigint) =>
      send(
        'admit',
        escrow,
        encodeFunctionData({
          abi: escrowAbi,
          functionName: 'admit',
          args: [toAddress(validator, 'validator'), amount],
        }),
      ),
    requestRelease: (validator: BytesLike, amount: bigint) =>
      send(
        'request release',
        escrow,
        encodeFunctionData({
          abi: escrowAbi,
          functionName: 'requestRelease',
          args: [toAddress(validator, 'validator'), amount],
        }),
      ),
    finishRelease: (validator: BytesLike) =>
      send(
        'finish release',
        escrow,
        encodeFunctionData({
          abi: escrowAbi,
          functionName: 'finishRelease',
          args: [toAddress(validator, 'validator')],
        }),
      ),
    /** Keeps what a payer's voucher covers in its channel, while it asks for it back; anyone may. */
    takeLien: (validator: BytesLike, { payer, cumulative, termsHash, signature }: Omit<LedgerDebit, 'amount'>) =>
      send(
        'take lien',
        escrow,
        encodeFunctionData({
          abi: escrowAbi,
          functionName: 'takeLien',
          args: [
            toAddress(payer, 'payer'),
            toAddress(validator, 'validator'),
            cumulative,
            toHex(termsHash, 'termsHash', 32),
            toHex(signature, 'signature', 65),
          ],
        }),
      ),
    /**
     * Lets a key sign orders for a payer at one validator, up to a sum in all.
     * @param consent of the payer, by its key or its code, over the contract's `orderKeyDigest`. Empty: this account is the payer.
     */
    allowKey: (
      validator: BytesLike,
      {
        payer,
        key,
        cumulative,
        consent,
      }: {
        readonly payer: BytesLike;
        readonly key: BytesLike;
        /** Up to which its orders count, as a channel's `spent` does; atomic units. */
        readonly cumulative: bigint;
        readonly consent: BytesLike;
      },
    ): Promise<TransactionReceipt> => {
      const accounts = [toAddress(payer, 'payer'), toAddress(validator, 'validator'), toAddress(key, 'key')] as const;
      const args = [...accounts, cumulative, toHex(consent, 'consent')] as const;
      return send('allow a key', escrow, encodeFunctionData({ abi: escrowAbi, functionName: 'allowKey', args }));
    },
    claim: () => send('claim', escrow, encodeFunctionData({ abi: escrowAbi, functionName: 'claim' })),
  };
}
