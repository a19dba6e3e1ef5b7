/** Many public endpoints refuse longer ranges. */
const BLOCKS_PER_READ = 1_000n;

/** Blocks from the first to the last, in as many readings as an endpoint allows. */
export function* listRanges(first: bigint, last: bigint) {
  for (let from = first; from <= last; from += BLOCKS_PER_READ) {
    const end = from + BLOCKS_PER_READ - 1n;
    yield { fromBlock: from, toBlock: end < last ? end : last };
  }
}
