import { creditsAbi, escrowAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { readChannelChanges } from './channel-changes.ts';

export interface Channel {
  readonly admitted: bigint;
  readonly spent: bigint;
  readonly releasing: bigint;
  /** Seconds since 1970; 0 where no release was ever asked for. */
  readonly releasableAt: bigint;
  /** admitted - releasing: the cumulative amount up to which a validator may accept orders. */
  readonly spendable: bigint;
}

/** Creates reads of the balances of payers and payees in the escrow contract. @param credits if the network pays in them */
export function createEscrowReads({ read }: Pick<Transactor, 'read'>, address: Address, credits?: Address) {
  const escrow = { address, abi: escrowAbi } as const;
  return {
    /**
     * Room of a channel since a time: admitted - releasing - spent, first at that time, and then after each event.
     * @param fromMs Unix time in ms. @returns ascending in time.
     */
    channelChanges(
      payer: BytesLike,
      validator: BytesLike,
      fromMs: bigint,
    ): Promise<readonly { readonly timeMs: bigint; readonly roomAtomic: bigint }[]> {
      const args = { payer: toAddress(payer, 'payer'), validator: toAddress(validator, 'validator') } as const;
      return read('changes of a channel', (client) => readChannelChanges(client, { address, args, fromMs }));
    },
    /** Escrow that is neither reserved nor spent, without credits that have lapsed. */
    freeOf(payer: BytesLike): Promise<bigint> {
      const args = [toAddress(payer, 'payer')] as const;
      return read('free escrow', async (client) => {
        const free = await client.readContract({ ...escrow, functionName: 'freeOf', args });
        if (credits === undefined) return free;
        const [owner] = args;
        return client.readContract({ address: credits, abi: creditsAbi, functionName: 'liveOf', args: [owner, free] });
      });
    },
    channelOf(payer: BytesLike, validator: BytesLike): Promise<Channel> {
      const args = [toAddress(payer, 'payer'), toAddress(validator, 'validator')] as const;
      return read('channel', async (client) => {
        const channel = await client.readContract({ ...escrow, functionName: 'channelOf', args });
        return { ...channel, spendable: channel.admitted - channel.releasing };
      });
    },
    /** Up to how much, counted as a channel's `spent` is, a key signs orders for another account. It never falls. */
    keyLimitOf(payer: BytesLike, validator: BytesLike, key: BytesLike): Promise<bigint> {
      const args = [toAddress(payer, 'payer'), toAddress(validator, 'validator'), toAddress(key, 'key')] as const;
      return read('limit of a key', (client) => client.readContract({ ...escrow, functionName: 'keyLimitOf', args }));
    },
    /** The lien of a payer's request to have its reserve back; `until` is 0 where none was taken. */
    lienOf(payer: BytesLike, validator: BytesLike): Promise<{ readonly cumulative: bigint; readonly until: bigint }> {
      const args = [toAddress(payer, 'payer'), toAddress(validator, 'validator')] as const;
      return read('lien', async (client) => {
        const { lien, lienUntil } = await client.readContract({ ...escrow, functionName: 'channelOf', args });
        return { cumulative: lien, until: lienUntil };
      });
    },
    creditOf(payee: BytesLike): Promise<bigint> {
      const args = [toAddress(payee, 'payee')] as const;
      return read('credit', (client) => client.readContract({ ...escrow, functionName: 'creditOf', args }));
    },
  };
}
