import { encodeFunctionData, type TransactionReceipt } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { findBlockAt } from '../find-block.ts';
import { machineRegistryAbi as abi, settlementAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import { toQuorumElement } from '../settlement/settle-call.ts';
import type { Transactor } from '../transactor.ts';

/** Statement of a quorum about a provider's machine, as the chain hashes it. 32 bytes each, but for the numbers. */
export interface MachineCall {
  readonly providerId: BytesLike;
  readonly machine: BytesLike;
  readonly image: BytesLike;
  readonly evidence: BytesLike;
  readonly signingKey: BytesLike;
  readonly sealKey: BytesLike;
  readonly platformKey: BytesLike;
  readonly epoch: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
}

export interface RegisteredMachine extends Record<Exclude<keyof MachineCall, 'epoch' | 'until'>, Hex> {
  readonly epoch: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
  /** It holds by the newest block: it has not lapsed, and its machine is not revoked. */
  readonly isGood: boolean;
}

/** Of a quote of Intel, whose signatures the chain checks. */
export interface QuoteCall {
  readonly signed: BytesLike;
  readonly signature: BytesLike;
  readonly attestationKey: BytesLike;
  readonly enclaveReport: BytesLike;
  readonly enclaveSignature: BytesLike;
  readonly authenticationData: BytesLike;
  readonly platformKey: BytesLike;
}

export interface MachineRevocationCall {
  readonly machine: BytesLike;
  readonly evidence: BytesLike;
  readonly isRevoked: boolean;
}

export interface MachineReads {
  /** Undefined where nothing was ever entered for the provider. @throws ChainError where the network has no registry of machines. */
  machineOf(providerId: BytesLike): Promise<RegisteredMachine | undefined>;
  /** Providers that ever had an entry, in the order of their first one. @param count at most so many. */
  machineProviders(from: number, count: number): Promise<readonly Hex[]>;
  /** Whether a quorum has put a machine out, and how often it has said so or taken it back. */
  machineRevocation(machine: BytesLike): Promise<{ readonly isRevoked: boolean; readonly count: number }>;
  /**
   * Whether a machine was out in all of that time, so that everybody who reads the chain later finds the same; never without a registry.
   * Needs no state of old blocks. @param span Unix time in ms
   */
  wasMachineRevoked(machine: BytesLike, span: { readonly fromMs: number; readonly untilMs: number }): Promise<boolean>;
}

export interface MachineWrites {
  /**
   * Enters a machine; anyone may. @param quorum over the entry's digest, in ascending order of their signers' addresses.
   * @param quote needed where the entry names the key of a platform.
   */
  registerMachine(entry: MachineCall, quorum: readonly BytesLike[], quote?: QuoteCall): Promise<TransactionReceipt>;
  /** Puts a machine out, or takes that back; anyone may. */
  revokeMachine(call: MachineRevocationCall, quorum: readonly BytesLike[]): Promise<TransactionReceipt>;
  /**
   * Ejects a provider for its machine; anyone may.
   * @param quorum over Settlement's `machineEjectionDigest` of its next ejection, in ascending order of their signers' addresses.
   */
  ejectForMachine(
    ejected: { readonly providerId: BytesLike; readonly evidence: BytesLike },
    quorum: readonly BytesLike[],
  ): Promise<TransactionReceipt>;
}

function requireRegistry({ machines }: Pick<Deployment, 'machines'>): Address {
  if (machines === undefined) throw new ChainError('bad-input', 'this network has no registry of machines');
  return machines;
}

const quorumOf = (signatures: readonly BytesLike[]): Hex[] => signatures.map(toQuorumElement);

export function createMachineReads(
  { read }: Pick<Transactor, 'read'>,
  deployment: Pick<Deployment, 'machines' | 'block'>,
): MachineReads {
  const contract = () => ({ address: requireRegistry(deployment), abi }) as const;
  return {
    async machineOf(providerId) {
      const args = [toHex(providerId, 'providerId', 32)] as const;
      return read('machine of a provider', async (client) => {
        const [entry, isGood] = await client.readContract({ ...contract(), functionName: 'machineOf', args });
        return entry.until === 0n ? undefined : { ...lowerHex(entry), isGood };
      });
    },
    async machineProviders(from, count) {
      const args = [BigInt(from), BigInt(count)] as const;
      return read('providers with machines', async (client) =>
        (await client.readContract({ ...contract(), functionName: 'providers', args })).map(lowerHex),
      );
    },
    async machineRevocation(machine) {
      const args = [toHex(machine, 'machine', 32)] as const;
      return read('revocation of a machine', async (client) => {
        const [isRevoked, count] = await Promise.all([
          client.readContract({ ...contract(), functionName: 'isRevoked', args }),
          client.readContract({ ...contract(), functionName: 'revocationCount', args }),
        ]);
        return { isRevoked, count };
      });
    },
    async wasMachineRevoked(machine, { fromMs, untilMs }) {
      if (deployment.machines === undefined) return false;
      const name = toHex(machine, 'machine', 32);
      return read('revocations of a machine', async (client) => {
        const last = await client.getBlockNumber({ cacheTime: 0 });
        const at = { ...contract(), args: [name], blockNumber: last } as const;
        if ((await client.readContract({ ...at, functionName: 'revocationCount' })) === 0) return false;
        const first = await findBlockAt(client, BigInt(Math.ceil(fromMs / 1_000)), BigInt(deployment.block));
        const event = { ...contract(), eventName: 'MachineRevoked', args: { machine: name }, strict: true } as const;
        for (const range of listRanges(first, last)) {
          const [next] = await client.getContractEvents({ ...event, ...range });
          if (next === undefined) continue;
          // Each one turns around what was before it.
          const { timestamp } = await client.getBlock({ blockNumber: next.blockNumber });
          return !next.args.isRevoked && Number(timestamp) * 1_000 > untilMs;
        }
        return client.readContract({ ...at, functionName: 'isRevoked' });
      });
    },
  };
}

export function createMachineWrites(
  { send }: Pick<Transactor, 'send'>,
  deployment: Pick<Deployment, 'machines' | 'settlement'>,
): MachineWrites {
  return {
    registerMachine: async ({ epoch, until, ...names }, quorum, quote) => {
      const named = (name: keyof typeof names): Hex => toHex(names[name], name, 32);
      const entry = {
        ...{ providerId: named('providerId'), machine: named('machine'), image: named('image') },
        ...{ evidence: named('evidence'), signingKey: named('signingKey'), sealKey: named('sealKey') },
        ...{ platformKey: named('platformKey'), epoch, until },
      };
      const data =
        quote === undefined
          ? encodeFunctionData({ abi, functionName: 'register', args: [entry, quorumOf(quorum)] })
          : encodeFunctionData({
              ...{ abi, functionName: 'registerQuoted' },
              args: [entry, quorumOf(quorum), toParts(quote)],
            });
      return send('register machine', requireRegistry(deployment), data);
    },
    revokeMachine: async ({ machine, evidence, isRevoked }, quorum) =>
      send(
        'revoke machine',
        requireRegistry(deployment),
        encodeFunctionData({
          abi,
          functionName: 'revoke',
          args: [toHex(machine, 'machine', 32), toHex(evidence, 'evidence', 32), isRevoked, quorumOf(quorum)],
        }),
      ),
    ejectForMachine: async ({ providerId, evidence }, quorum) =>
      send(
        'eject for a machine',
        deployment.settlement,
        encodeFunctionData({
          ...{ abi: settlementAbi, functionName: 'ejectForMachine' },
          args: [toHex(providerId, 'providerId', 32), toHex(evidence, 'evidence', 32), quorumOf(quorum)],
        }),
      ),
  };
}

const toParts = (quote: QuoteCall) => ({
  signed: toHex(quote.signed, 'signed'),
  signature: toHex(quote.signature, 'signature', 64),
  attestationKey: toHex(quote.attestationKey, 'attestationKey', 64),
  enclaveReport: toHex(quote.enclaveReport, 'enclaveReport', 384),
  enclaveSignature: toHex(quote.enclaveSignature, 'enclaveSignature', 64),
  authenticationData: toHex(quote.authenticationData, 'authenticationData'),
  platformKey: toHex(quote.platformKey, 'platformKey', 64),
});
