import type { PublicClient } from 'viem';
import { escrowAbi } from '../generated/abi.ts';
import type { Address } from '../hex.ts';
import { parseDraws } from './draws.ts';

/** Room of a channel from a time on. */
interface ChannelRoom {
  /** Of the block, Unix time in ms. */
  readonly timeMs: bigint;
  /** admitted - releasing - spent. */
  readonly roomAtomic: bigint;
}

/** Many public endpoints refuse longer ranges. */
const BLOCKS_PER_READ = 1_000n;

interface ChannelQuery {
  /** Of the escrow contract. */
  readonly address: Address;
  readonly args: { readonly payer: Address; readonly validator: Address };
}

interface Totals {
  readonly admitted: bigint;
  readonly releasing: bigint;
  readonly spent: bigint;
}

/**
 * Reads backwards from the channel's present state, so that no endpoint needs the state of old blocks. A release from before the
 * first known event counts as nothing, because no event tells of it. So the room is the largest possible one.
 */
export async function readChannelChanges(
  client: PublicClient,
  { address, args, fromMs }: ChannelQuery & { readonly fromMs: bigint },
): Promise<readonly ChannelRoom[]> {
  const head = await client.getBlock();
  const first = await findBlock(client, { fromMs, head });
  const now = await client.readContract({
    ...{ address, abi: escrowAbi, functionName: 'channelOf', args: [args.payer, args.validator] },
    blockNumber: head.number,
  });
  const events = await readEvents(client, { address, args, first: first.number + 1n, last: head.number });
  const isReleased = events.some(({ name }) => name === 'ReleaseRequested' || name === 'Released');
  let totals: Totals = { ...now, releasing: isReleased ? 0n : now.releasing };
  for (const event of events.toReversed()) totals = undo(totals, event);
  const changes = [{ timeMs: first.timestamp * 1_000n, roomAtomic: computeRoom(totals) }];
  const times = new Map<bigint, bigint>();
  for (const event of events) {
    totals = apply(totals, event);
    const time = times.get(event.blockNumber) ?? (await client.getBlock({ blockNumber: event.blockNumber })).timestamp;
    times.set(event.blockNumber, time);
    changes.push({ timeMs: time * 1_000n, roomAtomic: computeRoom(totals) });
  }
  return changes;
}

const computeRoom = ({ admitted, releasing, spent }: Totals): bigint => admitted - releasing - spent;

type Block = Awaited<ReturnType<PublicClient['getBlock']>>;
type Numbered = Pick<Block, 'timestamp'> & { readonly number: bigint };

/** The newest block of that time or before; the first one where all are newer. */
async function findBlock(
  client: PublicClient,
  { fromMs, head }: { readonly fromMs: bigint; readonly head: Numbered },
): Promise<Numbered> {
  if (head.timestamp * 1_000n <= fromMs) return head;
  let low = (await client.getBlock({ blockNumber: 0n })) as Numbered;
  let high = head;
  while (high.number - low.number > 1n) {
    const middle = (await client.getBlock({ blockNumber: (low.number + high.number) / 2n })) as Numbered;
    if (middle.timestamp * 1_000n <= fromMs) low = middle;
    else high = middle;
  }
  return low;
}

const EVENTS = ['Admitted', 'ReleaseRequested', 'Released'] as const;

interface ChannelEvent {
  readonly name: (typeof EVENTS)[number] | 'Drawn';
  readonly amount: bigint;
  readonly blockNumber: bigint;
  readonly logIndex: number;
}

/** Of one channel, in their order. */
async function readEvents(
  client: PublicClient,
  { address, args, first, last }: { readonly first: bigint; readonly last: bigint } & ChannelQuery,
): Promise<readonly ChannelEvent[]> {
  const found: ChannelEvent[] = [];
  for (let fromBlock = first; fromBlock <= last; fromBlock += BLOCKS_PER_READ) {
    const toBlock = fromBlock + BLOCKS_PER_READ - 1n;
    const range = { fromBlock, toBlock: last < toBlock ? last : toBlock };
    const asked = { address, abi: escrowAbi, ...range, strict: true } as const;
    const read = async (name: (typeof EVENTS)[number]): Promise<ChannelEvent[]> => {
      const logs = await client.getContractEvents({ ...asked, eventName: name, args });
      return logs.map(({ args: { amount }, blockNumber, logIndex }) => ({ name, amount, blockNumber, logIndex }));
    };
    // One event has the draws of a whole batch.
    const readDraws = async (): Promise<ChannelEvent[]> => {
      const { validator } = args;
      const logs = await client.getContractEvents({ ...asked, eventName: 'Drawn', args: { validator } });
      return logs.flatMap(({ args: { draws }, blockNumber, logIndex }) =>
        parseDraws(draws)
          .filter(({ payer }) => payer === args.payer.toLowerCase())
          .map(({ amount }) => ({ name: 'Drawn', amount, blockNumber, logIndex })),
      );
    };
    const lists = await Promise.all([...EVENTS.map(read), readDraws()]);
    found.push(...lists.flat().toSorted((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex));
  }
  return found;
}

function apply({ admitted, releasing, spent }: Totals, { name, amount }: ChannelEvent): Totals {
  switch (name) {
    case 'Admitted':
      return { admitted: admitted + amount, releasing, spent };
    case 'Drawn':
      return { admitted, releasing, spent: spent + amount };
    case 'ReleaseRequested':
      return { admitted, releasing: amount, spent };
    case 'Released':
      // A lien keeps amounts asked back, and no event says so.
      return { admitted: admitted - amount, releasing: 0n, spent };
  }
}

/** All but what was asked back, which no event tells of the time before it. */
function undo({ admitted, releasing, spent }: Totals, { name, amount }: ChannelEvent): Totals {
  if (name === 'Admitted') return { admitted: admitted - amount, releasing, spent };
  if (name === 'Released') return { admitted: admitted + amount, releasing, spent };
  return { admitted, releasing, spent: name === 'Drawn' ? spent - amount : spent };
}
