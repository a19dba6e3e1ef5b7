import { encodeFunctionData, getAbiItem, type PublicClient, parseAbi } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { findBlockAt } from '../find-block.ts';
import { emissionAbi, ogongTokenAbi, settlementAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import { toQuorumElement } from '../settlement/settle-call.ts';
import type { Transactor } from '../transactor.ts';

const HOUR = 3_600n;

/** Tokens that the emission has given so far, with times. Amounts are atomic units, times seconds since 1970. */
export interface EmissionState {
  readonly start: bigint;
  readonly period: bigint;
  readonly lambdaPpm: bigint;
  /** Sum of the budgets of all tallies. */
  readonly allotted: bigint;
  /** How many tallies there were; the next one has this number. */
  readonly count: number;
  readonly talliedUntil: bigint;
  /** Of the newest block. */
  readonly now: bigint;
}

/** A tally that a quorum signed. */
export interface MinedAllotment {
  readonly number: number;
  /** When the tally before it ended. */
  readonly since: bigint;
  readonly until: bigint;
  readonly root: Hex;
  readonly units: bigint;
  readonly budget: bigint;
}

/** A batch as its events have it. */
export interface MinedBatch {
  readonly validator: Address;
  readonly lines: readonly {
    readonly providerId: Hex;
    readonly payee: Address;
    readonly router: Address;
    readonly recycled: bigint;
  }[];
  readonly verifiers: readonly { readonly payee: Address; readonly credits: number }[];
}

/** Work that settled within a time, and the keys that were ejected at its end. */
export interface RecycledWork {
  readonly recycled: bigint;
  readonly batches: readonly MinedBatch[];
  readonly ejected: readonly Hex[];
}

/** Where all tokens are. Atomic units. */
export interface TokenSupply {
  readonly total: bigint;
  /** With the emission: tokens that only work earns, and that were not claimed yet. */
  readonly emission: bigint;
  /** Not sold by the launch's curve; 0 where the network has none. */
  readonly launch: bigint;
  /** Vesting, not released yet. */
  readonly team: bigint;
  readonly foundation: bigint;
  /** Of the vesting, what its owner could release now. */
  readonly releasable: bigint;
  /** All the rest. */
  readonly circulating: bigint;
}

const vestingAbi = parseAbi(['function releasable(address token) view returns (uint256)']);

type Reads = Pick<Transactor, 'read'>;
type Where = Pick<Deployment, 'token' | 'settlement' | 'emission' | 'launch' | 'block'>;

function requireEmission({ emission }: Pick<Deployment, 'emission'>): Address {
  if (emission === undefined) throw new ChainError('bad-input', 'this network has no emission');
  return emission;
}

/** Creates reads of the emission, and of the work that it pays. @throws ChainError `bad-input` without an emission */
export function createEmissionReads({ read }: Reads, deployment: Where) {
  const contract = () => ({ address: requireEmission(deployment), abi: emissionAbi }) as const;
  return {
    emissionState(): Promise<EmissionState> {
      const emission = contract();
      return read('the emission', async (client) => {
        // All values are of one block. A number of one block and an end of another make a tally that the contract never takes. A signer
        // signs one tally under each number.
        const { number: blockNumber, timestamp } = await client.getBlock();
        const at = { ...emission, blockNumber };
        const [start, period, lambdaPpm, allotted, count, talliedUntil] = await Promise.all([
          client.readContract({ ...at, functionName: 'start' }),
          client.readContract({ ...at, functionName: 'period' }),
          client.readContract({ ...at, functionName: 'lambda' }),
          client.readContract({ ...at, functionName: 'allotted' }),
          client.readContract({ ...at, functionName: 'allotmentCount' }),
          client.readContract({ ...at, functionName: 'talliedUntil' }),
        ]);
        return { start, period, lambdaPpm, allotted, count: Number(count), talliedUntil, now: timestamp };
      });
    },
    /** All that was recycled before a time, at a full hour. */
    recycledBefore(time: bigint): Promise<bigint> {
      return read('what was recycled', (client) =>
        client.readContract({
          ...{ address: deployment.settlement, abi: settlementAbi, functionName: 'recycledBefore' },
          args: [Number(time / HOUR)],
        }),
      );
    },
    /** Every tally so far, the oldest first. */
    allotments(): Promise<readonly MinedAllotment[]> {
      const emission = contract();
      return read('the tallies', async (client) => {
        const since = await client.readContract({ ...emission, functionName: 'start' });
        const found: MinedAllotment[] = [];
        const last = await client.getBlockNumber({ cacheTime: 0 });
        for (const range of listRanges(BigInt(deployment.block), last)) {
          const logs = await client.getContractEvents({ ...emission, eventName: 'Allotted', strict: true, ...range });
          for (const { args } of logs) {
            const { number, until, root, units, budget } = lowerHex(args);
            found.push({ number, since: found.at(-1)?.until ?? since, until, root, units, budget });
          }
        }
        return found;
      });
    },
    /** Reads the tally that a quorum signed under a number. @throws ChainError if there is no such tally */
    allotmentOf(number: number): Promise<Pick<MinedAllotment, 'root' | 'units' | 'budget'>> {
      return read('a tally', async (client) => {
        const args = [BigInt(number)] as const;
        const { root, units, budget } = lowerHex(
          await client.readContract({ ...contract(), functionName: 'allotmentOf', args }),
        );
        return { root, units, budget };
      });
    },
    hasClaimedEmission(number: number, account: BytesLike): Promise<boolean> {
      const args = [BigInt(number), toAddress(account, 'account')] as const;
      return read('a claim', (client) => client.readContract({ ...contract(), functionName: 'hasClaimed', args }));
    },
    /** @param since and @param until in seconds, at full hours; work of the second before `until` is the last that counts. */
    recycledWork(since: bigint, until: bigint): Promise<RecycledWork> {
      return read('the work of a tally', (client) => readRecycledWork(client, deployment, since, until));
    },
    supply(): Promise<TokenSupply> {
      return read('the supply', (client) => readSupply(client, deployment));
    },
  };
}

async function readSupply(client: PublicClient, { token: address, emission, launch }: Where): Promise<TokenSupply> {
  const token = { address, abi: ogongTokenAbi } as const;
  const balanceOf = (owner: Address) => client.readContract({ ...token, functionName: 'balanceOf', args: [owner] });
  const [total, team, foundation] = await Promise.all([
    client.readContract({ ...token, functionName: 'totalSupply' }),
    client.readContract({ ...token, functionName: 'team' }),
    client.readContract({ ...token, functionName: 'foundation' }),
  ]);
  const releasable = (wallet: Address) =>
    client.readContract({ address: wallet, abi: vestingAbi, functionName: 'releasable', args: [address] });
  const [held, unsold, ofTeam, ofFoundation, first, second] = await Promise.all([
    emission === undefined ? 0n : balanceOf(emission),
    launch === undefined ? 0n : balanceOf(launch),
    balanceOf(team),
    balanceOf(foundation),
    releasable(team),
    releasable(foundation),
  ]);
  const circulating = total - held - unsold - ofTeam - ofFoundation;
  const vesting = { team: ofTeam, foundation: ofFoundation, releasable: first + second };
  return { total, emission: held, launch: unsold, ...vesting, circulating };
}

const WORK_EVENTS = [
  getAbiItem({ abi: settlementAbi, name: 'Paid' }),
  getAbiItem({ abi: settlementAbi, name: 'Verified' }),
] as const;

async function readRecycledWork(
  client: PublicClient,
  { settlement: address, block }: Where,
  since: bigint,
  until: bigint,
): Promise<RecycledWork> {
  const settlement = { address, abi: settlementAbi } as const;
  const recycledBefore = (time: bigint) =>
    client.readContract({ ...settlement, functionName: 'recycledBefore', args: [Number(time / HOUR)] });
  const [before, after, from, end] = await Promise.all([
    recycledBefore(since),
    recycledBefore(until),
    findBlockAt(client, since, BigInt(block)),
    findBlockAt(client, until, BigInt(block)),
  ]);
  const batches = new Map<
    string,
    { validator: Address; lines: MinedBatch['lines'][number][]; verifiers: MinedBatch['verifiers'][number][] }
  >();
  const batchOf = (validator: Address, sequence: bigint) => {
    const key = `${validator} ${sequence}`;
    const batch = batches.get(key) ?? { validator, lines: [], verifiers: [] };
    batches.set(key, batch);
    return batch;
  };
  for (const range of listRanges(from, end - 1n)) {
    // Both kinds of events come in one answer, since only the sum of the payments is known: one without the other is wrong.
    for (const log of await client.getLogs({ address, events: WORK_EVENTS, strict: true, ...range })) {
      if (log.eventName === 'Paid') {
        const { validator, sequence, providerId, payee, router, recycled } = lowerHex(log.args);
        batchOf(validator, sequence).lines.push({ providerId, payee, router, recycled });
      } else {
        const { validator, sequence, payee, credits } = lowerHex(log.args);
        batchOf(validator, sequence).verifiers.push({ payee, credits });
      }
    }
  }
  const ejected = await readEjected(client, { address, block }, end - 1n);
  await assertEjections(client, { address, batches: batches.values(), ejected, until });
  return { recycled: after - before, batches: [...batches.values()], ejected };
}

/**
 * The chain knows whose ejection is in force: a node that has lost old events does not pass for one with all of them.
 * @param until seconds since 1970. @throws ChainError `bad-input`
 */
async function assertEjections(
  client: PublicClient,
  {
    address,
    batches,
    ejected,
    until,
  }: {
    readonly address: Address;
    readonly batches: Iterable<{ readonly lines: readonly { readonly providerId: Hex }[] }>;
    readonly ejected: readonly Hex[];
    readonly until: bigint;
  },
): Promise<void> {
  const paid = new Set([...batches].flatMap(({ lines }) => lines.map(({ providerId }) => providerId)));
  for (const providerId of paid) {
    const call = { address, abi: settlementAbi, functionName: 'ejectionOf', args: [providerId] } as const;
    const { since } = await client.readContract(call);
    if (since !== 0n && since < until && !ejected.includes(providerId))
      throw new ChainError('bad-input', `the events lack the ejection of ${providerId}: the node has lost some`);
  }
}

/** Finds the keys that were ejected, and not reinstated, up to a block. */
async function readEjected(
  client: PublicClient,
  { address, block }: { readonly address: Address; readonly block: number },
  last: bigint,
): Promise<Hex[]> {
  const ejected = new Set<Hex>();
  const events = settlementAbi.filter(
    (item) => item.type === 'event' && (item.name === 'Ejected' || item.name === 'Reinstated'),
  );
  for (const range of listRanges(BigInt(block), last)) {
    for (const log of await client.getLogs({ address, events, strict: true, ...range })) {
      const { eventName, args } = log as { eventName: string; args: { providerId: Hex } };
      if (eventName === 'Ejected') ejected.add(lowerHex(args.providerId));
      else ejected.delete(lowerHex(args.providerId));
    }
  }
  return [...ejected];
}

/** A tally as a quorum signs it. */
export interface AllotmentCall {
  readonly until: bigint;
  readonly root: BytesLike;
  readonly units: bigint;
  /** In ascending order of their signers' addresses. */
  readonly quorum: readonly BytesLike[];
}

export function createEmissionWrites({ send }: Pick<Transactor, 'send'>, deployment: Pick<Deployment, 'emission'>) {
  return {
    /** Records a tally that a quorum signed; anyone may. */
    allot: ({ until, root, units, quorum }: AllotmentCall) =>
      send(
        'allot',
        requireEmission(deployment),
        encodeFunctionData({
          abi: emissionAbi,
          functionName: 'allot',
          args: [until, toHex(root, 'root', 32), units, quorum.map(toQuorumElement)],
        }),
      ),
    /** Pays an account what its units of one tally are worth; anyone may. */
    claimEmission: (number: number, account: BytesLike, units: bigint, proof: readonly BytesLike[]) =>
      send(
        'claim emission',
        requireEmission(deployment),
        encodeFunctionData({
          abi: emissionAbi,
          functionName: 'claim',
          args: [number, toAddress(account, 'account'), units, proof.map((node) => toHex(node, 'proof', 32))],
        }),
      ),
  };
}
