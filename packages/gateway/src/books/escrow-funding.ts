import type { ChainClient, Channel } from '@ogong/chain/client';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';

export interface EscrowFunding {
  /**
   * Returns the payer's channel with a validator. It is topped up first if it cannot cover `neededAtomic` in all, or `heldAtomic`
   * beside the spent amount. Otherwise it is topped up in the background if needed.
   * @throws ChainError if the channel was never read.
   */
  provide(validator: Uint8Array, neededAtomic: bigint, heldAtomic?: bigint): Promise<Channel>;
  /** Waits for running transactions. */
  stop(): Promise<void>;
}

export interface EscrowFundingOptions {
  /** 20 bytes. */
  readonly payer: Uint8Array;
  /** Least that a deposit moves into escrow; 0 never deposits. */
  readonly depositAtomic: bigint;
  /** Target of a channel's free amount beyond the signed amount; 0 never fills. */
  readonly allowanceAtomic: bigint;
  /** Address of the key that signs the payer's orders, if that is not the payer's own. */
  readonly key?: Uint8Array | undefined;
}

export interface EscrowFundingDependencies {
  readonly chain: Pick<ChainView, 'channel' | 'client'>;
  /** Gateways that share a payer send transactions one after the other. Default: this is the only one. */
  readonly alone?: (name: string, run: () => Promise<void>) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps channels filled. Every step reads the chain and sends the difference to a target. So a crash between two steps, or a
 * repetition, moves nothing twice.
 */
export function createEscrowFunding(
  { payer, depositAtomic, allowanceAtomic, key }: EscrowFundingOptions,
  { chain, alone = (_name, run) => run(), onError }: EscrowFundingDependencies,
): EscrowFunding {
  const running = new Map<string, Promise<void>>();
  // Transactions of one account are sequential, so the decisions that lead to them are sequential too.
  let last: Promise<void> = Promise.resolve();

  /** The limit of the key at each validator. A limit only grows. */
  const limits = new Map<string, bigint>();

  /** Limits a channel to the amount that the payer's key may order. @throws ChainError if the limit cannot be read */
  async function limitByKey(validator: Uint8Array, channel: Channel, neededAtomic: bigint): Promise<Channel> {
    if (key === undefined) return channel;
    const name = toHex(validator);
    let limit = limits.get(name) ?? 0n;
    if (limit < neededAtomic) {
      limit = await (await chain.client()).keyLimitOf(payer, validator, key);
      limits.set(name, limit);
    }
    return { ...channel, spendable: min(channel.spendable, limit) };
  }

  async function fill(validator: Uint8Array, targetAtomic: bigint): Promise<void> {
    const client = await chain.client();
    const { spendable } = await client.channelOf(payer, validator);
    const missing = targetAtomic - spendable;
    if (missing <= 0n) return;
    const free = await client.freeOf(payer);
    if (free < missing) await deposit(client, missing - free);
    const affordable = min(missing, await client.freeOf(payer));
    if (affordable > 0n) await client.admit(validator, affordable);
    await chain.channel(payer, validator, { fresh: true });
  }

  async function deposit(client: ChainClient, missing: bigint): Promise<void> {
    if (depositAtomic === 0n) return;
    const amount = min(missing > depositAtomic ? missing : depositAtomic, await client.paymentBalanceOf(payer));
    if (amount > 0n) await client.deposit(amount);
  }

  function topUp(validator: Uint8Array, targetAtomic: bigint): Promise<void> {
    const key = toHex(validator);
    const known = running.get(key);
    if (known) return known;
    const run = last
      .then(() => alone('funding', () => fill(validator, targetAtomic)))
      .finally(() => running.delete(key));
    running.set(key, run);
    last = run.catch(() => undefined);
    return run;
  }

  return {
    async provide(validator, owedAtomic, heldAtomic = 0n) {
      const channel = await chain.channel(payer, validator);
      const beside = channel.spent + heldAtomic - owedAtomic;
      const neededAtomic = beside > 0n ? owedAtomic + beside : owedAtomic;
      const left = channel.spendable - neededAtomic;
      if (allowanceAtomic === 0n || left >= allowanceAtomic / 2n) return limitByKey(validator, channel, neededAtomic);
      const run = topUp(validator, neededAtomic + allowanceAtomic).catch(onError);
      if (left >= 0n) return channel;
      await run;
      return chain.channel(payer, validator);
    },
    stop: () => last,
  };
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
