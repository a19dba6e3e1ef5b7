import type { ChainClient, Channel, NetworkParameters } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import type { BeaconNetwork } from '@ogong/protocol/beacon';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/bytes';
import type { LedgerDomain } from '@ogong/protocol/order';
import { findValidator, type Validator } from '@ogong/protocol/quorum';
import { type Clock, monotonicClock } from '../clock.ts';
import { createRepeating } from './repeat.ts';

/**
 * What a daemon knows of the chain: read every so often, kept while the chain is down. Nothing here decides about money;
 * the contracts check again.
 */
export interface ChainView {
  /** Escrow contract: the domain that orders are signed for. */
  readonly ledger: LedgerDomain;
  readonly network: BeaconNetwork;
  start(): void;
  stop(): Promise<void>;
  /** @throws ChainError while the chain cannot be read. */
  refresh(): Promise<void>;
  /** The registered validators as last read; empty before the first read. */
  validators(): readonly Validator[];
  findByAddress(address: Uint8Array): Validator | undefined;
  findByCertHash(certHash: Uint8Array): Validator | undefined;
  parameters(): NetworkParameters | undefined;
  /**
   * A payer's channel with a validator, at most one refresh interval old; while the chain is down, as last read.
   * @throws ChainError where it was never read.
   */
  channel(payer: Uint8Array, validator: Uint8Array, options?: { readonly fresh?: boolean }): Promise<Channel>;
  /** Whether a batch has ejected the provider, at most one refresh interval old; false while that cannot be read. */
  isEjected(providerId: Uint8Array): Promise<boolean>;
  /** The connected client. @throws ChainError while the chain cannot be reached. */
  client(): Promise<ChainClient>;
}

export interface ChainViewOptions {
  readonly deployment: Deployment;
  /** Default: 30,000, the registry interval. */
  readonly refreshMs?: number;
}

export interface ChainViewDependencies {
  readonly connect: () => Promise<ChainClient>;
  readonly clock?: Clock;
  readonly onError?: (error: unknown) => void;
}

const MAX_REMEMBERED = 10_000;

export function createChainView(
  { deployment, refreshMs = 30_000 }: ChainViewOptions,
  { connect, clock = monotonicClock, onError = () => {} }: ChainViewDependencies,
): ChainView {
  let connected: Promise<ChainClient> | undefined;
  let validators: readonly Validator[] = [];
  let parameters: NetworkParameters | undefined;
  const channels = new Map<string, { readonly channel: Channel; readonly atMs: number }>();
  const ejections = new Map<string, { readonly ejected: boolean; readonly atMs: number }>();

  function client(): Promise<ChainClient> {
    connected ??= connect().catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    return connected;
  }

  async function read(): Promise<void> {
    const chain = await client();
    const [list, current] = await Promise.all([chain.validators(), chain.parameters()]);
    validators = list.map(({ signer, stake, endpoint, certHash, vrfKey }) => ({
      address: fromHex(signer.slice(2), 20),
      stake,
      endpoint,
      certHash: fromHex(certHash.slice(2), 32),
      vrfKey: fromHex(vrfKey.slice(2), 32),
    }));
    parameters = current;
  }

  const repeating = createRepeating({ intervalMs: refreshMs }, read, onError);
  const bytes = (address: string): Uint8Array => fromHex(address.slice(2), 20);

  return {
    ledger: { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.escrow) },
    network: { chainId: BigInt(deployment.chainId), settlement: bytes(deployment.settlement) },
    start: repeating.start,
    stop: repeating.stop,
    refresh: repeating.trigger,
    validators: () => validators,
    findByAddress: (address) => findValidator(validators, address),
    findByCertHash: (certHash) => validators.find((validator) => equalBytes(validator.certHash, certHash)),
    parameters: () => parameters,
    async channel(payer, validator, { fresh = false } = {}) {
      const key = `${toHex(payer)} ${toHex(validator)}`;
      const known = channels.get(key);
      if (known && !fresh && clock.nowMs() - known.atMs < refreshMs) return known.channel;
      try {
        const chain = await client();
        const channel = await chain.channelOf(payer, validator);
        remember(channels, key, { channel, atMs: clock.nowMs() });
        return channel;
      } catch (error) {
        if (known) return known.channel;
        throw error;
      }
    },
    async isEjected(providerId) {
      const key = toHex(providerId);
      const known = ejections.get(key);
      if (known && (known.ejected || clock.nowMs() - known.atMs < refreshMs)) return known.ejected;
      try {
        const ejected = await (await client()).isEjected(providerId);
        remember(ejections, key, { ejected, atMs: clock.nowMs() });
        return ejected;
      } catch (error) {
        onError(error);
        return known?.ejected ?? false;
      }
    },
    client,
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value as string);
}
