import { encodeFunctionData } from 'viem';
import { computeCreated } from '../deploy/create-contracts.ts';
import type { Deployment } from '../deployment.ts';
import { rosterAbi as abi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { compressKey, expandKey, expandSignature } from './bls-points.ts';

/** The contract of rosters is what the staking contract creates second. */
export const rosterOf = ({ staking }: Pick<Deployment, 'staking'>): Address => computeCreated(staking, 2);

export interface ListedMember {
  readonly account: Address;
  readonly stake: bigint;
  /** Compressed, 48 bytes; undefined for none. */
  readonly key?: Hex | undefined;
}

export interface QuorumKeyCall {
  readonly account: BytesLike;
  /** Address of the signing key that the key belongs to. */
  readonly signer: BytesLike;
  /** Compressed, 48 bytes. */
  readonly key: BytesLike;
  /** 96 bytes, compressed: by the key, over encodeQuorumKeyMessage. */
  readonly proof: BytesLike;
  /** 65 bytes: by the signing key, over the hash of the same. */
  readonly consent?: BytesLike;
}

/** A sum of signatures as an element of a quorum. @param signature compressed, 96 bytes. @throws ChainError 'bad-input' */
export function encodeQuorumSum({ signature, who }: { readonly signature: BytesLike; readonly who: bigint }): Hex {
  return `${expandSignature(signature)}${who.toString(16).padStart(64, '0')}`;
}

export function createRosterReads({ read }: Pick<Transactor, 'read'>, deployment: Pick<Deployment, 'staking'>) {
  const contract = { address: rosterOf(deployment), abi } as const;
  return {
    /** The roster in force, in the order of its bits; empty where there is none. */
    rosterMembers: (): Promise<readonly ListedMember[]> =>
      read('roster', async (client) => {
        const [accounts, votes, keys] = await client.readContract({ ...contract, functionName: 'members' });
        return accounts.map((account, i) => ({
          account: lowerHex(account),
          stake: votes[i] as bigint,
          key: keys[i] === '0x' ? undefined : compressKey(keys[i] as Hex),
        }));
      }),
    /** Address of the roster in force; zero for none. */
    currentRoster: (): Promise<Address> =>
      read('roster', async (client) => lowerHex(await client.readContract({ ...contract, functionName: 'current' }))),
    /** How many keys an account has named: the next one bears the number after it. */
    quorumKeyCountOf: (account: BytesLike): Promise<bigint> =>
      read('quorum keys', (client) =>
        client.readContract({ ...contract, functionName: 'keyCountOf', args: [toAddress(account, 'account')] }),
      ),
    /**
     * The key that an account has named last; it counts one voting delay later. Undefined if there is none, and if it belongs to another
     * signing key than the account named last.
     */
    quorumKeyOf: (account: BytesLike): Promise<Hex | undefined> =>
      read('quorum key', async (client) => {
        const args = [toAddress(account, 'account'), BigInt(2 ** 47)] as const;
        const key = await client.readContract({ ...contract, functionName: 'keyAt', args });
        return key === '0x' ? undefined : compressKey(key);
      }),
  };
}

export function createRosterWrites({ send }: Pick<Transactor, 'send'>, deployment: Pick<Deployment, 'staking'>) {
  const roster = rosterOf(deployment);
  return {
    /** Names an account's key for sums. Anyone may, with the consent of the account's signing key; the account itself needs none. */
    setQuorumKey: ({ account, signer, key, proof, consent }: QuorumKeyCall) =>
      send(
        'set quorum key',
        roster,
        encodeFunctionData({
          abi,
          functionName: 'setKey',
          args: [
            toAddress(account, 'account'),
            toAddress(signer, 'signer'),
            expandKey(key),
            expandSignature(proof),
            consent === undefined ? '0x' : toHex(consent, 'consent', 65),
          ],
        }),
      ),
    /** Writes down who votes; anyone may. @param accounts all that have a vote, ascending by their signing keys, then by account. */
    takeRoster: (accounts: readonly BytesLike[]) =>
      send(
        'take roster',
        roster,
        encodeFunctionData({
          abi,
          functionName: 'take',
          args: [accounts.map((account) => toAddress(account, 'account'))],
        }),
      ),
  };
}
