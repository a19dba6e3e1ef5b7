import { encodeFunctionData, type PublicClient } from 'viem';
import { computeCreated } from '../deploy/create-contracts.ts';
import type { Deployment } from '../deployment.ts';
import { cosignersAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';

type Where = Pick<Deployment, 'staking' | 'block'>;

/** The contract of pots is what the staking contract creates third. */
export const cosignersOf = ({ staking }: Pick<Deployment, 'staking'>): Address => computeCreated(staking, 3);

/** One member's part of what was put aside on one day for those who signed batches. */
export interface CosignedPart {
  /** Address of the roster that counted. */
  readonly roster: Address;
  /** Number since 1970. */
  readonly day: number;
  /** Place in the roster. */
  readonly member: number;
  /** Of its batches, how many the account has signed. */
  readonly signatures: bigint;
  /** Atomic units: of the pot as it is now. */
  readonly amount: bigint;
  /** The day is over: it can be claimed. */
  readonly isOver: boolean;
}

const DAY_SECONDS = 86_400n;

/** Bytes of a roster's code: a zero byte and the sum of all keys, then each member's signing key, account and vote, then the keys. */
const HEADER = 97;
const VOTER = 56;
const QUORUM_KEY = 96;

/** The account's place in a roster that was taken; undefined for none. */
function findMember(code: Hex | undefined, account: Address): number | undefined {
  const data = (code ?? '0x').slice(2);
  const count = Math.floor((data.length / 2 - HEADER) / (VOTER + QUORUM_KEY));
  for (let member = 0; member < count; member++) {
    const from = 2 * (HEADER + member * VOTER + 20);
    if (`0x${data.slice(from, from + 40)}` === account) return member;
  }
  return undefined;
}

/** Every day of every roster in which something was put aside, the oldest first. */
async function listPots(client: PublicClient, { staking, block }: Where) {
  const contract = { address: cosignersOf({ staking }), abi: cosignersAbi } as const;
  const pots = new Map<string, { readonly roster: Address; readonly day: number }>();
  const last = await client.getBlockNumber({ cacheTime: 0 });
  for (const range of listRanges(BigInt(block), last)) {
    for (const { args } of await client.getContractEvents({
      ...{ ...contract, eventName: 'Cosigned', strict: true },
      ...range,
    })) {
      const { roster, day } = lowerHex(args);
      pots.set(`${roster} ${day}`, { roster, day });
    }
  }
  return [...pots.values()];
}

export function createCosignerReads({ read }: Pick<Transactor, 'read'>, deployment: Where) {
  return {
    /** Unclaimed parts of an account in the pots of co-signers, the oldest first. */
    cosignedParts(account: BytesLike): Promise<readonly CosignedPart[]> {
      const owner = toAddress(account, 'account').toLowerCase() as Address;
      return read('pots of co-signers', async (client) => {
        const contract = { address: cosignersOf(deployment), abi: cosignersAbi } as const;
        const { timestamp } = await client.getBlock();
        const places = new Map<Address, number | undefined>();
        const parts: CosignedPart[] = [];
        for (const { roster, day } of await listPots(client, deployment)) {
          if (!places.has(roster)) places.set(roster, findMember(await client.getCode({ address: roster }), owner));
          const member = places.get(roster);
          if (member === undefined) continue;
          const args = [{ roster, day, member }] as const;
          const [amount, signatures] = await client.readContract({ ...contract, functionName: 'partOf', args });
          const isOver = timestamp >= (BigInt(day) + 1n) * DAY_SECONDS;
          if (amount > 0n) parts.push({ roster, day, member, signatures, amount, isOver });
        }
        return parts;
      });
    },
  };
}

export function createCosignerWrites({ send }: Pick<Transactor, 'send'>, deployment: Where) {
  return {
    /** Makes parts of pots whose day is over the credit of their members; anyone may. */
    claimCosigned: (parts: readonly Pick<CosignedPart, 'roster' | 'day' | 'member'>[]) =>
      send(
        'claim what co-signers have',
        cosignersOf(deployment),
        encodeFunctionData({
          abi: cosignersAbi,
          functionName: 'claim',
          args: [parts.map(({ roster, day, member }) => ({ roster, day, member }))],
        }),
      ),
  };
}
