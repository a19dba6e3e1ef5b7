import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { readFrom, type WatchedDaemon } from './find-daemons.ts';

const stepSchema = z.object({
  replyId: z.string(),
  name: z.string().max(200),
  startMs: z.number(),
  endMs: z.number(),
  failure: z.string().max(100).optional(),
  attributes: z.record(z.string(), z.union([z.string().max(500), z.number(), z.boolean()])),
  linked: z.string().length(32).optional(),
});
const answerSchema = z.object({ steps: z.array(stepSchema).max(64) });

export type LifeStep = z.infer<typeof stepSchema> & { readonly daemon: string };

export interface LoggedLine {
  readonly daemon: string;
  readonly line: string;
}

export interface ReplyLife {
  readonly replyId: string;
  /** In the order in which they began, by the clocks of their daemons. */
  readonly steps: readonly LifeStep[];
  /** Lines of logs that name the reply. */
  readonly lines: readonly LoggedLine[];
  /** Daemons that could not be asked. */
  readonly silent: readonly string[];
}

/** Reads the steps of a reply, and of its verifiers' jobs, from all daemons. */
export async function readReplyLife(daemons: readonly WatchedDaemon[], replyId: string): Promise<ReplyLife> {
  const silent = new Set<string>();
  const own = await askAll(daemons, replyId, silent);
  const jobs = [...new Set(own.flatMap(({ linked }) => (linked === undefined ? [] : [linked])))];
  const ofJobs = await Promise.all(jobs.map((job) => askAll(daemons, job, silent)));
  const steps = [...own, ...ofJobs.flat()].sort((a, b) => a.startMs - b.startMs || b.endMs - a.endMs);
  const lines = daemons.flatMap(({ name, logFile }) =>
    logFile === undefined ? [] : findLines(logFile, replyId).map((line) => ({ daemon: name, line })),
  );
  return { replyId, steps, lines, silent: [...silent] };
}

async function askAll(daemons: readonly WatchedDaemon[], id: string, silent: Set<string>): Promise<LifeStep[]> {
  const answers = daemons.map(async (daemon) => {
    try {
      const { steps } = answerSchema.parse(JSON.parse(await readFrom(daemon, `/replies/${id}`)));
      return steps.map((step) => ({ ...step, daemon: daemon.name }));
    } catch {
      silent.add(daemon.name);
      return [];
    }
  });
  return (await Promise.all(answers)).flat();
}

/** From the end of a log: older lines are of other replies. */
const READ_BYTES = 16 * 1024 * 1024;
const MOST_LINES = 200;

function findLines(file: string, replyId: string): string[] {
  let log: number;
  try {
    log = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { size } = fstatSync(log);
    const bytes = Buffer.alloc(Math.min(size, READ_BYTES));
    const length = readSync(log, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.subarray(0, length).toString('utf8').split('\n');
    return lines.filter((line) => line.includes(replyId)).slice(-MOST_LINES);
  } finally {
    closeSync(log);
  }
}
