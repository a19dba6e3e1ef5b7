import { encodeFunctionData, type PublicClient } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { findBlockAt } from '../find-block.ts';
import { beaconKeysAbi as abi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import { toQuorumElement } from '../settlement/settle-call.ts';
import type { Transactor } from '../transactor.ts';
import { expandKey, expandSignature } from './bls-points.ts';

/** When epochs begin: epoch e, e periods after the origin. Seconds; fixed for good. */
export interface EpochTiming {
  /** Since 1970. */
  readonly origin: bigint;
  readonly period: bigint;
}

/** A key of the threshold beacon. */
export interface ListedGeneration {
  /** Compressed, 48 bytes. */
  readonly key: Hex;
  readonly firstEpoch: bigint;
  /** Absent while it goes on. */
  readonly lastEpoch?: bigint | undefined;
}

/** A set of shares of a key. */
export interface ListedEra {
  readonly generation: number;
  readonly attempt: number;
  readonly set: Hex;
  readonly transcript: Hex;
  readonly firstEpoch: bigint;
}

/** All of it at one block. */
export interface BeaconKeysReading extends EpochTiming {
  readonly block: bigint;
  /** The epoch that has begun by the time of that block. A change in a later block counts from the second after it, or later. */
  readonly epoch: bigint;
  /** The first is generation 1. */
  readonly generations: readonly ListedGeneration[];
  /** The first is era 1. */
  readonly eras: readonly ListedEra[];
}

/** Outcome that validators agreed on, as the chain hashes it. */
export interface OutcomeCall {
  readonly generation: number;
  readonly era: number;
  readonly attempt: number;
  readonly set: BytesLike;
  readonly transcript: BytesLike;
}

export interface ActivateCall {
  readonly outcome: OutcomeCall;
  /** Compressed, 48 bytes. */
  readonly key: BytesLike;
  /** Over the outcome's digest, in ascending order of their signers' addresses. */
  readonly quorum: readonly BytesLike[];
  /** Compressed, 96 bytes: enough of the new shares have signed the outcome. */
  readonly activation: BytesLike;
}

/** One signature of a key of the beacon for an epoch. */
export interface EpochSignature {
  readonly generation: number;
  readonly epoch: bigint;
  readonly signature: BytesLike;
}

export interface BeaconKeysReads {
  /** Undefined where the network has no threshold beacon. */
  beaconKeys(): Promise<BeaconKeysReading | undefined>;
  /** SHA-256 of the box key of each account, at one block; undefined where it has none. */
  boxKeyHashes(accounts: readonly BytesLike[], block?: bigint): Promise<readonly (Hex | undefined)[]>;
  /** SHA-256 of the key of each account that signs heads of logs, at one block; undefined where it has none. */
  headKeyHashes(accounts: readonly BytesLike[], block?: bigint): Promise<readonly (Hex | undefined)[]>;
  /** The box key that an account registered last, 1,216 bytes. */
  boxKeyOf(account: BytesLike): Promise<Hex | undefined>;
  /** The value of an epoch, as a contract would read it; undefined where the certificate does not hold. @param signature compressed, 96 bytes. */
  valueOfEpoch(certificate: EpochSignature): Promise<Hex | undefined>;
}

export interface BeaconKeysWrites {
  registerBoxKey(key: BytesLike): Promise<unknown>;
  registerHeadKey(key: BytesLike): Promise<unknown>;
  /** Takes the next era; anyone may. */
  activateEra(call: ActivateCall): Promise<unknown>;
  /** Ends the last generation without a next one; anyone may. @param quorum as in `activateEra`. */
  retireGeneration(generation: number, lastEpoch: bigint, quorum: readonly BytesLike[]): Promise<unknown>;
}

const NO_HASH = `0x${'00'.repeat(32)}`;

function requireBeacon({ beaconKeys }: Pick<Deployment, 'beaconKeys'>): Address {
  if (beaconKeys === undefined) throw new ChainError('bad-input', 'this network has no threshold beacon');
  return beaconKeys;
}

export function createBeaconKeysReads(
  { read }: Pick<Transactor, 'read'>,
  deployment: Pick<Deployment, 'beaconKeys' | 'block'>,
): BeaconKeysReads {
  const contract = () => ({ address: requireBeacon(deployment), abi }) as const;
  /** The contract fixes both for good, so one read is enough. */
  let timing: Promise<EpochTiming> | undefined;
  const readTiming = (client: PublicClient): Promise<EpochTiming> => {
    timing ??= Promise.all([
      client.readContract({ ...contract(), functionName: 'origin' }),
      client.readContract({ ...contract(), functionName: 'period' }),
    ]).then(
      ([origin, period]) => ({ origin, period }),
      (error: unknown) => {
        timing = undefined;
        throw error;
      },
    );
    return timing;
  };
  const headOf = (client: PublicClient): Promise<bigint> => client.getBlockNumber({ cacheTime: 0 });

  function readHashes(functionName: 'boxKeyOf' | 'headKeyOf', accounts: readonly BytesLike[], block?: bigint) {
    const addresses = accounts.map((account) => toAddress(account, 'account'));
    return read('keys of validators', async (client) => {
      const blockNumber = block ?? (await headOf(client));
      return Promise.all(
        addresses.map(async (account) => {
          const [hash] = await client.readContract({ ...contract(), blockNumber, functionName, args: [account] });
          return hash === NO_HASH ? undefined : lowerHex(hash);
        }),
      );
    });
  }

  return {
    async beaconKeys() {
      if (deployment.beaconKeys === undefined) return undefined;
      return read('beacon keys', async (client) => {
        const block = await headOf(client);
        const at = { ...contract(), blockNumber: block };
        const [{ origin, period }, epoch, generations, eras] = await Promise.all([
          readTiming(client),
          client.readContract({ ...at, functionName: 'epochNow' }),
          client.readContract({ ...at, functionName: 'generations' }),
          client.readContract({ ...at, functionName: 'eras' }),
        ]);
        return {
          ...{ block, epoch, origin, period },
          generations: generations.map(({ key, firstEpoch, lastEpoch }) => ({
            ...{ key: lowerHex(key), firstEpoch },
            lastEpoch: lastEpoch === 0n ? undefined : lastEpoch,
          })),
          eras: eras.map(lowerHex),
        };
      });
    },
    boxKeyHashes: (accounts, block) => readHashes('boxKeyOf', accounts, block),
    headKeyHashes: (accounts, block) => readHashes('headKeyOf', accounts, block),
    async valueOfEpoch({ generation, epoch, signature }) {
      const args = [generation, epoch, expandSignature(signature)] as const;
      const value = await read('value of an epoch', (client) =>
        client.readContract({ ...contract(), functionName: 'verifyEpoch', args }),
      );
      return value === NO_HASH ? undefined : lowerHex(value);
    },
    boxKeyOf(account) {
      const args = [toAddress(account, 'account')] as const;
      return read('box key', async (client) => {
        const [hash, since] = await client.readContract({ ...contract(), functionName: 'boxKeyOf', args });
        if (hash === NO_HASH) return undefined;
        // The key stands in an event of that second. Several blocks may have the same one.
        const fromBlock = await findBlockAt(client, since, BigInt(deployment.block));
        const toBlock = (await findBlockAt(client, since + 1n, fromBlock)) - 1n;
        const filter = { eventName: 'BoxKeyRegistered', args: { account: args[0] }, strict: true } as const;
        const events = await client.getContractEvents({ ...contract(), ...filter, fromBlock, toBlock });
        const last = events.at(-1);
        return last && lowerHex(last.args.key);
      });
    },
  };
}

export function createBeaconKeysWrites(
  { send }: Pick<Transactor, 'send'>,
  deployment: Pick<Deployment, 'beaconKeys'>,
): BeaconKeysWrites {
  const quorumOf = (signatures: readonly BytesLike[]): Hex[] => signatures.map(toQuorumElement);
  return {
    registerBoxKey: async (key) =>
      send(
        'register box key',
        requireBeacon(deployment),
        encodeFunctionData({ abi, functionName: 'registerBoxKey', args: [toHex(key, 'key', 1_216)] }),
      ),
    registerHeadKey: async (key) =>
      send(
        'register head key',
        requireBeacon(deployment),
        encodeFunctionData({ abi, functionName: 'registerHeadKey', args: [toHex(key, 'key', 1_344)] }),
      ),
    activateEra: async ({ outcome, key, quorum, activation }) => {
      const { generation, era, attempt } = outcome;
      const [set, transcript] = [toHex(outcome.set, 'set', 32), toHex(outcome.transcript, 'transcript', 32)];
      return send(
        'activate era',
        requireBeacon(deployment),
        encodeFunctionData({
          abi,
          functionName: 'activate',
          args: [
            { generation, era, attempt, set, transcript },
            expandKey(key),
            quorumOf(quorum),
            expandSignature(activation),
          ],
        }),
      );
    },
    retireGeneration: async (generation, lastEpoch, quorum) =>
      send(
        'retire generation',
        requireBeacon(deployment),
        encodeFunctionData({ abi, functionName: 'retire', args: [generation, lastEpoch, quorumOf(quorum)] }),
      ),
  };
}
