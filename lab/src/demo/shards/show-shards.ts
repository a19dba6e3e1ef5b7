import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { shorten } from '../format.ts';
import { openLinks } from '../mesh-router.ts';
import type { FailedRequest } from '../pictures/pictures-record.ts';
import { describeChecks, type Screen } from '../print.ts';
import { runShards } from './run-shards.ts';
import { startShardsNetwork } from './shards-network.ts';
import type { ShardedReply, ShardsRecord } from './shards-record.ts';

/** Runs a small network of its own with a model in segments, prints its replies, and stops it. */
export async function showShards(demoDirectory: string, screen: Screen): Promise<ShardsRecord> {
  screen.title('Segments: a model that none of its three providers could load');
  const directory = join(demoDirectory, 'shards');
  mkdirSync(directory, { recursive: true });
  const network = await startShardsNetwork(directory, screen.progress);
  try {
    const links = await openLinks();
    try {
      const record = await runShards({ network, links, onProgress: screen.progress });
      for (const reply of [record.shared, record.broken, ...record.coarse]) screen.lines(describeReply(reply));
      return record;
    } finally {
      links.close();
    }
  } finally {
    await network.mesh.stop();
  }
}

function describeReply(reply: ShardedReply | FailedRequest): string {
  if ('error' in reply) return `refused: ${reply.error}`;
  const { text, durationMs, checks, end } = reply;
  const names = end?.shards.map(({ name }) => name).join(', ') ?? 'a cohort';
  const culprit = end?.culprit === undefined ? '' : ` of ${end.culprit}`;
  return [
    `by ${names} in ${Math.round(durationMs)} ms: ${shorten(text, 90)}`,
    `      ${describeChecks(checks)}`,
    `      ${end === undefined ? 'not settled' : `${end.verdict}${culprit}: ${describeChecks(end.audit)}`}`,
  ].join('\n');
}
